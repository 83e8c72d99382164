"""What the steps of a command-line build write to standard output and error: kept for the UI, and passed on.

Dagster passes it on by two `tail` and two Python processes a step, for which a small build waits longer than for its
speech. Here a thread does that.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import UnsupportedOperation
from typing import IO, Any

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

_SECONDS = 0.25
"""Between two looks at the files."""


class StepOutput(LocalComputeLogManager):
    """Captured output in Dagster's own files."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> StepOutput:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Let this process write to the step's files, and pass on what comes to where it wrote before.

        Args:
            log_key: names the files: run, "compute_logs", name of the capture.
        """
        with ExitStack() as stack:
            for stream, kind in ((sys.stdout, ComputeIOType.STDOUT), (sys.stderr, ComputeIOType.STDERR)):
                path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
                ensure_file(path)
                stack.enter_context(_captured(stream, path))
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))


@contextmanager
def _captured(stream: IO[str], path: str) -> Iterator[None]:
    """Let a stream write to the end of a file, and what is written there appear where it wrote before."""
    try:
        before = os.dup(stream.fileno())
    except UnsupportedOperation:  # a test's stand-in for a stream, which has no file
        yield
        return
    done = threading.Event()
    follower = threading.Thread(target=_follow, args=(path, os.path.getsize(path), before, done), daemon=True)
    follower.start()
    try:
        with redirect_to_file(stream, path):
            yield
    finally:
        done.set()
        follower.join()
        os.close(before)


def _follow(path: str, start: int, target: int, done: threading.Event) -> None:
    """Copy to a descriptor what is added to a file after its byte `start`, until it is said to be done."""
    with open(path, "rb") as source, suppress(OSError), open(target, "wb", buffering=0, closefd=False) as sink:
        source.seek(start)
        while not done.wait(_SECONDS):
            _copy(source, sink)
        _copy(source, sink)


def _copy(source: IO[bytes], sink: IO[bytes]) -> None:
    while piece := source.read(2**16):
        sink.write(piece)
