"""CUDA streams of a GPU that is not there: everything runs in turn, but what a real one might run too early is refused.

Each operation belongs to the stream that is current. One that reads or overwrites a tensor which another stream has
written is right only where its stream has waited for that one since, or the host has; anything else is a race, and
raises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor


class Race(RuntimeError):
    """An operation that a real GPU might run before what it needs is there."""


class Stream:
    """A stream of one device.

    Attributes:
        issued: operations that it was given.
        waited: by stream, how many of that one's operations come before all that is given to this one from now on.
    """

    default: ClassVar[dict[torch.device, Stream]] = {}
    current: ClassVar[list[Stream]] = []
    ended: ClassVar[dict[Stream, int]] = {}
    """By stream, how many of its operations the host knows to have ended."""

    def __init__(self, device: torch.device | str | None = None, priority: int = 0) -> None:
        self.device = with_index(device or "cuda")
        self.issued = 0
        self.waited: dict[Stream, int] = defaultdict(int)

    @classmethod
    def now(cls, device: torch.device | str | None = None) -> Stream:
        """As `torch.cuda.current_stream`."""
        where = with_index(device or "cuda")
        if cls.current and cls.current[-1].device == where:
            return cls.current[-1]
        return cls.default.setdefault(where, Stream(where))

    @contextmanager
    def use(self) -> Iterator[None]:
        """As `torch.cuda.stream`."""
        Stream.current.append(self)
        try:
            yield
        finally:
            Stream.current.pop()

    def wait_stream(self, other: Stream) -> None:
        self._wait(other, other.issued, other.waited)

    def _wait(self, other: Stream, issued: int, waited: dict[Stream, int]) -> None:
        for stream, count in {**waited, other: issued}.items():
            self.waited[stream] = max(self.waited[stream], count)

    def synchronize(self) -> None:
        _host_knows(self, self.issued, self.waited)


class Event:
    """As `torch.cuda.Event`. Who asks whether it has happened is told so the second time only."""

    def __init__(self, **_: object) -> None:
        self._told = False
        self._stream: Stream | None = None

    def record(self, stream: Stream | None = None) -> None:
        self._stream = stream or Stream.now(Stream.current[-1].device if Stream.current else None)
        self._issued, self._waited = self._stream.issued, dict(self._stream.waited)

    def query(self) -> bool:
        told, self._told = self._told, True
        if told:
            self.synchronize()
        return told

    def synchronize(self) -> None:
        assert self._stream is not None
        _host_knows(self._stream, self._issued, self._waited)

    def elapsed_time(self, end: Event) -> float:
        assert end._stream is not None and Stream.ended[end._stream] >= end._issued, "the event has not happened yet"
        return 1.0


def _host_knows(stream: Stream, issued: int, waited: dict[Stream, int]) -> None:
    for known, count in {**waited, stream: issued}.items():
        Stream.ended[known] = max(Stream.ended.get(known, 0), count)


class Ordering:
    """Who wrote each tensor's memory last."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[Stream, int]] = {}
        self._on_its_way: dict[int, tuple[Stream, int]] = {}
        Stream.default.clear()
        Stream.ended.clear()

    def run(self, what: object, stream: Stream, reads: Iterable[int], writes: Iterable[int]) -> None:
        """An operation of a stream."""
        stream.issued += 1
        for memory in reads:
            writer, count = self._written.get(memory, (stream, 0))
            if writer is not stream and max(stream.waited[writer], Stream.ended.get(writer, 0)) < count:
                raise Race(f"{what} on a stream that has not waited for the one that wrote its operand")
        for memory in writes:
            self._written[memory] = (stream, stream.issued)

    def copy_to_host(self, stream: Stream, memory: Iterable[int]) -> None:
        """A copy that the stream was given and the host does not wait for."""
        self._on_its_way |= dict.fromkeys(memory, (stream, stream.issued))

    def read_by_host(self, what: object, reads: Iterable[int]) -> None:
        """An operation of the host over its own memory."""
        for memory in reads:
            writer, count = self._on_its_way.get(memory, (None, 0))
            if writer is not None and Stream.ended.get(writer, 0) < count:
                raise Race(f"{what} reads what a copy has not brought yet")
            self._on_its_way.pop(memory, None)

    def synchronize(self) -> None:
        """The host has waited for all streams."""
        for writer, _ in self._written.values():
            writer.synchronize()


def memory_of(tensors: Iterable[Tensor]) -> set[int]:
    """Addresses of the storages of plain tensors."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}


def with_index(device: torch.device | str) -> torch.device:
    device = torch.device(device)
    return torch.device(device.type, 0) if device.type == "cuda" and device.index is None else device
