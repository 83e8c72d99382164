"""Ctrl-C while a command starts or ends: exit code 130 and one line, never a traceback.

`KeyboardInterrupt` is for work that has something to clean up. In the middle of an import it does harm: extension
modules turn it into an `ImportError`. So a command begins with a handler that ends the process at once, and has
`KeyboardInterrupt` back when its work begins. Before Python has read a command's first line (some hundredths of a
second) nothing of ours can answer. Imports nothing heavy, since nothing may come before it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

EXIT_INTERRUPTED = 130


class QuietExit:
    """A signal handler that writes one line to the user and ends the process."""

    current: QuietExit | None = None

    def __init__(self, message: str, own_line: bool) -> None:
        self._message = f"{chr(10) * own_line}{message}\n".encode()
        self._terminal = 2
        self.unfinished: tuple[Path, ...] = ()
        """Files to remove before the process ends."""
        with suppress(OSError):
            self._terminal = os.dup(2)  # a command may lead its standard error elsewhere

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for path in self.unfinished:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            os.write(self._terminal, self._message)
        os._exit(EXIT_INTERRUPTED)


def begin_quietly(message: str, own_line: bool = True) -> None:
    """Let Ctrl-C end this process at once, with a line on its standard error, until `raise_interrupts`.

    By default that line is put below the `^C` of a terminal; for a program that reads lines, `own_line=False` leaves
    the empty one out. If a shell started the process with Ctrl-C ignored, it stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        QuietExit.current = QuietExit(message, own_line)
        signal.signal(signal.SIGINT, QuietExit.current)


def raise_interrupts() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, for work that has something to clean up."""
    if QuietExit.current and signal.getsignal(signal.SIGINT) is QuietExit.current:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end_quietly() -> None:
    """Let Ctrl-C end this process at once again, while the interpreter shuts down."""
    if QuietExit.current:
        signal.signal(signal.SIGINT, QuietExit.current)


@contextmanager
def ending_at_once(*unfinished: Path) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the process at once inside the `with` block, instead of `KeyboardInterrupt`.

    For heavy imports, and for work that leaves nothing behind but the `unfinished` files, which are removed. Without
    effect in a process that did not call `begin_quietly`.
    """
    quiet = QuietExit.current
    raising = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is signal.default_int_handler]
    if quiet is None:
        yield
        return
    quiet.unfinished = unfinished
    for number in raising:
        signal.signal(number, quiet)
    try:
        yield
    finally:
        for number in raising:
            signal.signal(number, signal.default_int_handler)
        quiet.unfinished = ()
