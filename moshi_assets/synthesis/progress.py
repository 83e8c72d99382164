"""Progress that crosses processes: the parse and each lane keep one small file, the command line adds them up."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

WRITE_SECONDS = 0.5
_STATE_BYTES = 1024
_PARSE = "parse.json"
_State = TypeVar("_State", "LaneProgress", "ParseProgress")


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


@dataclass
class ParseProgress:
    """How far the dialogue file is read."""

    lines: int = 0
    rejected: int = 0
    shards: int = 0
    """Shards that can be built already, while the rest is read."""


class StateFile:
    """Publishes a state in a file of its own, at most every `WRITE_SECONDS`.

    In place, in one write of a fixed size: renaming over the file would make ext4 wait for the disk, in the middle of
    the work. A reader that meets a half-written state skips it.
    """

    def __init__(self, path: Path, state: LaneProgress | ParseProgress) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "wb", buffering=0)
        self._written = 0.0
        self._state = state

    def update(self, force: bool = False) -> None:
        """Publish the state when it is time to."""
        now = time.monotonic()
        if force or now - self._written >= WRITE_SECONDS:
            self._written = now
            with suppress(OSError):  # a full disk is told by the parts, which matter
                self._file.seek(0)
                self._file.write(json.dumps(asdict(self._state)).encode().ljust(_STATE_BYTES))

    def close(self) -> None:
        """Publish the last state."""
        self.update(force=True)
        self._file.close()


class ProgressFile(StateFile):
    """A lane's progress."""

    def __init__(self, folder: Path, lane: int, total: int) -> None:
        self.state = LaneProgress(lane, total, started=time.time())
        super().__init__(folder / f"lane-{lane}.json", self.state)

    def update(self, force: bool = False) -> None:
        self.state.updated = time.time()
        super().update(force)


class ParseProgressFile(StateFile):
    """The progress of a parse."""

    def __init__(self, folder: Path) -> None:
        self.state = ParseProgress()
        super().__init__(folder / _PARSE, self.state)


def read_progress(folder: Path) -> list[LaneProgress]:
    """Progress of all lanes, by lane."""
    states = (_read(path, LaneProgress) for path in sorted(folder.glob("lane-*.json")))
    return [state for state in states if state is not None]


def read_parse_progress(folder: Path) -> ParseProgress | None:
    """How far the dialogue file is read; None before it is begun."""
    return _read(folder / _PARSE, ParseProgress)


def _read(path: Path, kind: type[_State]) -> _State | None:
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None  # being written or removed in this very moment


def clear_progress(folder: Path) -> None:
    """Forget earlier runs."""
    clear_lanes(folder)
    (folder / _PARSE).unlink(missing_ok=True)


def clear_lanes(folder: Path) -> None:
    """Forget the lanes of earlier runs."""
    for path in folder.glob("lane-*"):
        path.unlink(missing_ok=True)
