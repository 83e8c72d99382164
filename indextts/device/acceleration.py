"""Faster ways of doing the same on a GPU, given up for good where they fail. docs/indextts2.md §12."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.fx.experimental import _config as fx_config

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Fast = Callable[Concatenate[Tensor, P], R]


class Acceleration:
    """Whether one stage uses its fast twin: compiled, or with a kernel of its own.

    When the twin fails it is given up, with one line in the log, and the plain function does that call and all later
    ones. Memory that runs out is no such failure: it is raised.
    """

    def __init__(self, stage: str, enabled: bool = False) -> None:
        """Begin with the twin untried; the log calls by `stage` what goes on without it."""
        self.stage = stage
        self.enabled = enabled
        """Whether the twin is used for tensors on a CUDA device; elsewhere it never is."""

    def run(self, fast: Fast[P, R], plain: Fast[P, R], x: Tensor, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `fast` if it is enabled and `x` is on a CUDA device, else `plain`, and return the result."""
        if self.enabled and x.is_cuda:
            if torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing():
                return fast(x, *args, **kwargs)  # what fails now is the capture, not the twin
            try:
                return fast(x, *args, **kwargs)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # compilers raise what they like, and the plain function is right all the same
                self.enabled = False
                logger.warning("%s goes on without acceleration: %s: %s", self.stage, type(error).__name__, error)
        return plain(x, *args, **kwargs)


def compiled(function: Callable[P, R], backend: str | Callable[..., Any] = "inductor") -> Callable[P, R]:
    """Compile `function`, at its first call, to one graph for tensors of any size; a graph break is an error.

    The compiler's own CUDA graphs stay off, whatever the environment says: they would be captured within ours.
    """
    options: dict[str, Any] | None = {"triton.cudagraphs": False} if backend == "inductor" else None
    fast = torch.compile(function, fullgraph=True, dynamic=True, backend=backend, options=options)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # Else two sizes that are the same the first time are taken to be the same always, and it is compiled again.
        with fx_config.patch(use_duck_shape=False):  # type: ignore[attr-defined]
            return fast(*args, **kwargs)

    return run
