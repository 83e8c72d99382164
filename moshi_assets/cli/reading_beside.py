"""The parse of a large new dataset in a process of its own, so that what is read is spoken while the rest is read."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Self

from ..defs.instance_storage import quick_instance
from ..processes.fork_server import start_method
from ..processes.worker import exit_with_parent
from .jobs import execute, parse_dataset

_PATIENCE = 10.0
"""Seconds that an interrupted parse has to tell Dagster of its end."""


class ReadingBeside:
    """A run of `parse_dataset` beside this process; it ends with it, however that ends."""

    def __init__(self, home: Path, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """
        Args:
            home: folder of the Dagster instance.
            config, tags: of the run.
        """
        (method,) = start_method()
        context: Any = multiprocessing.get_context(method)
        self._looking = threading.Lock()  # two threads may ask for the exit code, which can be read once
        self._process = context.Process(target=_read, args=(home, dict(config), dict(tags)), name="parse")

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Interrupt it where it has not ended."""
        if self.wait(0):
            return
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGINT)
        if not self.wait(_PATIENCE):
            self._process.kill()
            self.wait(_PATIENCE)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it has ended."""
        return bool(wait([self._process.sentinel], seconds))

    @property
    def exit_code(self) -> int | None:
        """None while it goes on, 0 once everything is read, else it failed; negative where a signal ended it."""
        with self._looking:
            return self._process.exitcode


def _read(home: Path, config: dict[str, Any], tags: dict[str, str]) -> None:
    exit_with_parent()
    with quick_instance(home) as instance:
        _, success = execute(instance, parse_dataset, config, tags)
    sys.exit(0 if success else 1)
