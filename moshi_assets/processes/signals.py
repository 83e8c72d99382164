"""Signals that ask a command to end, recorded even if the exception that they raise is lost.

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
    """Records whether SIGINT or SIGTERM came, whichever handler was installed at that moment."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._received = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record signals. They only reach the main thread; in any other thread this does nothing."""
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
        """Raise KeyboardInterrupt if a signal came."""
        if self.received:
            raise KeyboardInterrupt
