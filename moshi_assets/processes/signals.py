"""Signals that ask a command to end, kept even where the exception that they raise is lost.

Python raises KeyboardInterrupt wherever it happens to be. In a destructor or a callback of a library it only prints
that, and goes on.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class SignalRecord:
    """Whether SIGINT or SIGTERM came, whoever's handler is in place at that moment."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._received = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record signals; they reach the main thread alone, in any other this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)

    @property
    def received(self) -> bool:
        with suppress(BlockingIOError):
            self._received |= not {signal.SIGINT, signal.SIGTERM}.isdisjoint(self._reader.recv(4096))
        return self._received

    def heed(self) -> None:
        """Raise KeyboardInterrupt where one came."""
        if self.received:
            raise KeyboardInterrupt
