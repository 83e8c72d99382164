"""The flow's whole loop as CUDA graphs, one for each bucket of batch sizes. docs/indextts2.md §12."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from ..device.captured_steps import CapturedSteps

logger = logging.getLogger(__name__)

FRAMES_UNIT = 16
"""On a GPU batches are padded to a multiple of so many frames: compiled kernels and masked attention need it."""
MOST_CAPTURED_FRAMES = 16_384
"""Most frames of a captured batch, guidance and padding included. A larger one keeps the GPU busy for longer than its
launches take (about 200 an evaluation), and the padding of a bucket would cost more than they do."""
MOST_GRAPHS = 32
SIZES_PER_OCTAVE = 8


class BatchSizes(NamedTuple):
    """Rows, frames, and frames of the window in which the velocity is wanted."""

    rows: int
    frames: int
    window: int

    def aligned(self) -> BatchSizes:
        """The same sizes with frames rounded up to a multiple that kernels want."""
        return BatchSizes(self.rows, *(-(-size // FRAMES_UNIT) * FRAMES_UNIT for size in self[1:]))

    def bucket(self) -> BatchSizes:
        """The next larger bucket: eight sizes an octave, so that at most an eighth is padding and buckets are few."""
        frames, window = (_rounded(size, FRAMES_UNIT) for size in self[1:])
        return BatchSizes(_rounded(self.rows, 1), frames, min(window, frames))


def _rounded(size: int, unit: int) -> int:
    step = max(unit, (1 << (size - 1).bit_length()) // (2 * SIZES_PER_OCTAVE))
    return -(-size // step) * step


class LoopState(Protocol):
    """Named tuple of all tensors that a loop reads, other tuples of them among them; `x` is where it starts from."""

    @property
    def x(self) -> Tensor: ...


StateT = TypeVar("StateT", bound=LoopState)


class CapturedLoops:
    """CUDA graphs of the flow's loop, for the buckets used last.

    A bucket's tensors stay where they are while it has a graph; each call copies its own into them. The first call of a
    bucket runs as it is, the second is captured. A bucket that others have displaced must be asked for twice as often
    as it was before it is captured again, so that a long run captures a bounded number, however its batches come.
    """

    def __init__(self, enabled: bool = False, most: int = MOST_GRAPHS, most_frames: int = MOST_CAPTURED_FRAMES) -> None:
        self.enabled = enabled
        """Whether anything is captured; off for good once that has failed."""
        self.most = most
        """Most graphs kept at a time."""
        self.most_frames = most_frames
        """Most frames of a batch that is captured."""
        self._steps: CapturedSteps | None = None
        self._states: OrderedDict[Hashable, Any] = OrderedDict()
        self._asked: Counter[Hashable] = Counter()
        self._needed: dict[Hashable, int] = {}

    @property
    def captures(self) -> int:
        """Graphs captured so far."""
        return 0 if self._steps is None else self._steps.captures

    def bucket(self, sizes: BatchSizes, branches: int) -> BatchSizes | None:
        """Sizes to pad a batch to; `None` if a graph would not pay. `branches` is 2 with guidance."""
        bucket = sizes.bucket()
        return bucket if self.enabled and branches * bucket.rows * bucket.frames <= self.most_frames else None

    def run(self, key: Hashable, state: StateT, follow: Callable[[StateT], Tensor]) -> Tensor:
        """Compute `follow(state)`, of the shape of `state.x`, by a graph if there is one.

        Args:
            key: everything that `follow` and the shapes in `state` depend on.

        Raises:
            torch.OutOfMemoryError: memory ran out; captures go on being tried, and `clear` makes room.
        """
        self._asked[key] += 1
        if not self.enabled or (key not in self._states and self._asked[key] < self._needed.get(key, 1)):
            return follow(state)
        own: StateT = self._own(key, state)
        steps = self._steps = self._steps or CapturedSteps("the flow's loop", state.x.device, True)

        def work() -> None:
            own.x.copy_(follow(own))

        before = steps.captures
        steps.run(key, work)
        if steps.captures > before:
            logger.info(
                "captured the flow's loop for %s: %d graphs in %d captures", key, len(self._states), steps.captures
            )
        found = own.x.clone()
        if not steps.enabled:
            self.enabled = False
            self.clear()
        return found

    def clear(self) -> None:
        """Drop all graphs and their memory."""
        self._states.clear()
        self._steps = None

    def _own(self, key: Hashable, state: StateT) -> StateT:
        """The bucket's own tensors, filled from `state`."""
        own = self._states.get(key)
        if own is None:
            while len(self._states) >= self.most:
                oldest, _ = self._states.popitem(last=False)
                self._needed[oldest] = 2 * self._asked[oldest]
                if self._steps is not None:
                    self._steps.forget(oldest)
            own = self._states[key] = copied(state)
        else:
            self._states.move_to_end(key)
            for mine, given in zip(_tensors(own), _tensors(state), strict=True):
                mine.copy_(given)
        return own


def copied(state: StateT, views_only: bool = False) -> StateT:
    """Copy all tensors of a state; places that shared a tensor share its copy.

    Compiled code depends on which tensors are the same and which are views. With `views_only` only views are copied, so
    that a state that is not captured compiles like captured ones, whose tensors are contiguous.
    """
    known: dict[int, Tensor] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, tuple):
            return type(value)(*map(copy, value))
        if not isinstance(value, Tensor) or (views_only and value._base is None and value.is_contiguous()):
            return value
        if id(value) not in known:
            known[id(value)] = value.clone(memory_format=torch.contiguous_format)
        return known[id(value)]

    made: StateT = copy(state)
    return made


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
