"""A recording, inspected once however often it is asked for: identified by its content, judged by its measures."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import soundfile as sf

from indextts.foreign_files import ForeignFileError, kind_of, open_regular

from ..recipe.prompts import PromptSettings
from .measures import PromptMeasures, measure, start_frame
from .verdict import MAX_CHANNELS, MAX_RATE, MIN_RATE, MIN_SECONDS, PromptFault, judge

_KEPT = 20_000
"""Most recordings that are remembered: two pools of the largest size."""
_HEAD_BYTES = 16
_HALF_A_FRAME = 1 / MIN_RATE
_FOREIGN = {
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"\x30\x26\xb2\x75": "WMA",
    b"#!AMR": "AMR",
    b"ADIF": "AAC",
}


class Prompt(NamedTuple):
    """A recording that can be read."""

    digest: str
    """Digest of the file's content: the first 32 digits of `b2sum`."""
    start: int
    """Samples of each channel that do not count: a long silence at the start."""
    measures: PromptMeasures | None
    """None if nothing was to be checked."""

    @property
    def fingerprint(self) -> str:
        """Identity as a voice: the file's content, and the start of the part that counts if it is not the
        file's start.
        """
        return f"{self.digest}@{self.start}" if self.start else self.digest


class Look(NamedTuple):
    """The settings that decide how a recording is inspected."""

    max_seconds: float
    skip_silence: bool
    measured: bool


Contents = dict[tuple[str, Look], Prompt]
"""Recordings by their content and by how they were inspected."""
used: Contents = {}
"""Recordings asked for since this was last emptied (see `kept`)."""
_by_content: Contents = {}


def remember(found: Contents) -> None:
    """Take over measures from another process."""
    _by_content.update(list(found.items())[: max(0, _KEPT - len(_by_content))])


def look_at(path: Path, max_seconds: float, settings: PromptSettings) -> Prompt | PromptFault:
    """Inspect a recording: its content, or a fault that can be found without judging its measures.

    Args:
        path: absolute.
        max_seconds: how much of it counts.
        settings: whether silence is skipped and anything is to be measured.

    Raises:
        DetectorMissing: the package that detects speech is not installed.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return PromptFault("odd name")
    try:
        state = os.stat(path)
    except (OSError, ValueError) as error:
        return PromptFault("unreadable", told=getattr(error, "strerror", None) or str(error))
    if kind := kind_of(state.st_mode):
        return PromptFault("no file", told=kind)
    look = Look(max_seconds, settings.skip_silence, settings.check)
    found = _looked_at(path, (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns), look)
    if isinstance(found, Prompt) and len(used) < _KEPT:
        used[found.digest, look] = found
    return found


def fault_of(
    path: Path, max_seconds: float, settings: PromptSettings, speech: bool = True
) -> tuple[Prompt | None, PromptFault | None]:
    """A recording and its fault, if any; without a recording there is always a fault.

    Args and errors as `look_at` and `judge` have them.
    """
    found = look_at(path, max_seconds, settings)
    if isinstance(found, PromptFault):
        return None, found
    return found, judge(found.measures, settings, speech) if found.measures else None


@lru_cache(maxsize=_KEPT)
def _looked_at(path: Path, state: tuple[int, ...], look: Look) -> Prompt | PromptFault:
    """The recording at a path in one state; another size or time is another recording."""
    try:
        info = sf.info(path)
    except (sf.SoundFileError, TypeError, ValueError) as error:  # a name like x.raw asks for a rate
        return _no_sound(path, state[2], error)
    if info.duration < MIN_SECONDS:
        return PromptFault("too short", info.duration, MIN_SECONDS)
    if info.samplerate < MIN_RATE:
        return PromptFault("rate too low", info.samplerate, MIN_RATE)
    if info.samplerate > MAX_RATE:
        return PromptFault("rate too high", info.samplerate, MAX_RATE)
    if info.channels > MAX_CHANNELS:
        return PromptFault("too many channels", info.channels, MAX_CHANNELS)
    try:
        with open_regular(path) as content:
            digest = hashlib.file_digest(content, "blake2b").hexdigest()[:32]
        found = _known(digest, path, look)
    except OSError as error:
        return PromptFault("unreadable", told=error.strerror or str(error))
    except sf.SoundFileError as error:
        return _no_sound(path, state[2], error)
    left = info.duration - found.start / info.samplerate
    if found.measures and found.measures.used < look.max_seconds - _HALF_A_FRAME:
        left = min(left, found.measures.used)  # a header may promise more than there is
    if left < MIN_SECONDS:
        return PromptFault("too short", left, MIN_SECONDS, " after the silence at its start" if found.start else "")
    return found


def _known(digest: str, path: Path, look: Look) -> Prompt:
    """The recording of a content: two files with the same content are measured once."""
    found = _by_content.get((digest, look))
    if found is None:
        start = start_frame(path) if look.skip_silence else 0
        found = Prompt(digest, start, measure(path, start, look.max_seconds) if look.measured else None)
        if len(_by_content) >= _KEPT:
            _by_content.clear()
        _by_content[digest, look] = found
    return found


def _no_sound(path: Path, size: int, error: Exception) -> PromptFault:
    """The reason why libsndfile does not read a file, judged by its first bytes if these say more than
    libsndfile does.
    """
    if not size:
        return PromptFault("empty")
    try:
        with open_regular(path) as content:
            head = content.read(_HEAD_BYTES)
    except (OSError, ForeignFileError) as failed:
        return PromptFault("unreadable", told=getattr(failed, "strerror", None) or str(failed))
    if head[4:8] == b"ftyp":
        return PromptFault("foreign format", told="MP4 (m4a, AAC)")
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0:
        return PromptFault("foreign format", told="AAC")
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return PromptFault("foreign format", told=name)
    return PromptFault("damaged", told=getattr(error, "error_string", None) or str(error))
