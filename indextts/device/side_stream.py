"""Work beside what a device does anyway. docs/indextts2.md §12."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


class SideStream:
    """Runs work on a CUDA stream of its own; on other devices immediately.

    Work begins after everything that the current stream was given before, and later work of the current stream does not
    wait for it: whoever needs its results waits until it is `Started.done`. Until then the caller must keep a reference
    to every tensor that the work reads, since memory of another stream is reused as soon as there is none.
    """

    def __init__(self, device: torch.device, beside: bool = True) -> None:
        """Prepare a stream; with `beside=False` work is done at its start on a GPU too, so that it can be timed."""
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" and beside else None

    def start(self, work: Callable[[], None]) -> Started:
        """Start work; its exceptions are raised here. On a GPU it must read nothing back."""
        if self._stream is None:
            begin = time.perf_counter()
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            return Started(time.perf_counter() - begin)
        begin_event, end_event = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            begin_event.record()
            work()
            end_event.record()
        return Started(0.0, (begin_event, end_event))


class Started:
    """Work that was started."""

    def __init__(self, seconds: float, events: tuple[torch.cuda.Event, torch.cuda.Event] | None = None) -> None:
        self._seconds, self._events = seconds, events

    def done(self) -> bool:
        """Whether the work has ended, without waiting for it."""
        return self._events is None or self._events[1].query()

    def wait(self) -> None:
        """Wait until the work has ended."""
        if self._events is not None:
            self._events[1].synchronize()

    @property
    def seconds(self) -> float:
        """Seconds that the work took, once it has ended; other work may have gone on meanwhile."""
        return self._seconds if self._events is None else self._events[0].elapsed_time(self._events[1]) / 1000
