"""Progress that crosses processes: each lane keeps one small file, the command line adds them up."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from indextts.foreign_files import parse_json

WRITE_SECONDS = 0.5
_STATE_BYTES = 1024


@dataclass
class LaneProgress:
    """State of one lane."""

    lane: int
    total: int
    done: int = 0
    failed: int = 0
    audio_seconds: float = 0.0
    queue_depth: int = 0
    latency_seconds: float = 0.0
    """Mean over the utterances so far."""
    started: float = 0.0
    """Wall clock (seconds since the epoch) when the engine was ready."""
    updated: float = 0.0
    """Wall clock of this state."""


class ProgressFile:
    """Writes a lane's progress at most every `WRITE_SECONDS`.

    In place, in one write of a fixed size: renaming over the file would make ext4 wait for the disk, in the middle of
    the lane's loop. A reader that meets a half-written state skips it.
    """

    def __init__(self, folder: Path, lane: int, total: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / f"lane-{lane}.json", "wb", buffering=0)
        self._written = 0.0
        self.state = LaneProgress(lane, total, started=time.time())

    def update(self, force: bool = False) -> None:
        """Publish `state` when it is time to."""
        now = time.monotonic()
        if force or now - self._written >= WRITE_SECONDS:
            self._written = now
            self.state.updated = time.time()
            with suppress(OSError):  # a full disk is told by the parts, which matter
                self._file.seek(0)
                self._file.write(json.dumps(asdict(self.state)).encode().ljust(_STATE_BYTES))

    def close(self) -> None:
        """Publish the last state."""
        self.update(force=True)
        self._file.close()


def read_progress(folder: Path) -> list[LaneProgress]:
    """Progress of all lanes, by lane."""
    states = []
    for path in sorted(folder.glob("lane-*.json")):
        try:
            states.append(LaneProgress(**parse_json(path.read_text())))
        except (OSError, ValueError, TypeError):
            continue  # being written or removed in this very moment
    return states


def clear_progress(folder: Path) -> None:
    """Forget earlier runs."""
    for path in folder.glob("lane-*"):
        path.unlink(missing_ok=True)
