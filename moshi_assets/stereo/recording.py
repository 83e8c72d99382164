"""Stereo assembly: spoken turns onto the two channels of one recording, and what each recording holds.

Left (channel 0) is the assistant, right (channel 1) the user: what moshi-finetune trains on.
"""

from __future__ import annotations

import logging
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import xxhash

from ..dialogues.dialogue import Role, Split
from ..recipe import Recipe
from ..storage.whole_file import whole_file

logger = logging.getLogger(__name__)

CHANNEL: dict[Role, int] = {"assistant": 0, "user": 1}


@dataclass(frozen=True, slots=True)
class PlacedTurn:
    """A turn on its channel."""

    dialogue_id: str
    turn: int
    """Number of the turn in its dialogue, from 0."""
    role: Role
    start: int
    """Frame of the recording."""
    frames: int
    checksum: int
    """xxh3 of its int16 samples."""
    content_key: bytes
    """Of the task that was spoken."""
    backchannel: bool = False
    """A short listener's sound, laid over the other's turn."""
    word_times: tuple[float, ...] | None = None
    """Seconds from the start of the turn: start and end of each word, one after another, as the engine knew them (NaN
    for a word without a sound of its own); None where it knew none."""
    lead: int = 0
    """Frames of silence before one hears something of it."""
    trail: int = 0
    """Frames of silence at its end."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one stereo file holds: one dialogue, or several, one after another (`pack_seconds`)."""

    dialogue_ids: tuple[str, ...]
    lines: tuple[int, ...]
    """Line of each dialogue in the input."""
    split: Split
    """`train` or `eval`, of all its dialogues."""
    path: str
    key: bytes
    """Hash of all that decides it."""
    sample_rate: int
    frames: int
    turns: tuple[PlacedTurn, ...]
    """By dialogue and turn number."""
    balanced: bool = False
    """Its turns were brought to a loudness: they are not what was spoken."""
    failure: str | None = None
    """Why there is no recording; of one dialogue always."""
    fault: str | None = None
    """What a check found wrong with it; a manifest is not published over it."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.sample_rate


def checksum(samples: np.ndarray) -> int:
    """xxh3 of (N,) int16 samples."""
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(samples).data)


def recording_path(recipe: Recipe, shard: str, stem: str) -> str:
    """Path of a recording relative to the dataset folder, `/`-separated on every system."""
    return f"data_stereo/{shard}/{stem}.wav" if recipe.shard_dirs else f"data_stereo/{stem}.wav"


Channels = tuple[np.ndarray, np.ndarray]
"""Left and right channel of a recording, (frames,) int16 each."""


def lay_out(turns: Sequence[tuple[Role, int, np.ndarray]]) -> Channels:
    """Put mono turns on their channels, as long as the last turn's end; everything else is exact zero.

    Args:
        turns: role, start frame and (N,) int16 samples, all of one rate; those of a role do not overlap.
    """
    frames = max(start + len(samples) for _, start, samples in turns)
    channels = np.zeros(frames, np.int16), np.zeros(frames, np.int16)
    for role, start, samples in turns:
        channels[CHANNEL[role]][start : start + len(samples)] = samples
    return channels


def write_recording(path: Path, stereo: np.ndarray, sample_rate: int) -> None:
    """Write (frames, 2) int16 as a PCM_16 WAV, whole or not at all.

    By the standard library's `wave`, which writes the bytes that libsndfile would; but that one truncates the file it
    writes to, which makes ext4 flush it to the disk on closing (26 ms a file where this takes under 1).
    """
    with whole_file(path) as partial, wave.open(str(partial), "wb") as out:
        out.setparams((2, 2, sample_rate, len(stereo), "NONE", "not compressed"))
        out.writeframes(stereo.data)


class UnreadableRecording(ValueError):
    """A recording is missing, damaged or of another format; the message says how."""


def recording_file(folder: Path, recording: Recording) -> Path:
    """Where a recording lies.

    Raises:
        UnreadableRecording: outside its dataset's folder, by what its index row says.
    """
    path = PurePosixPath(recording.path)
    if path.is_absolute() or ".." in path.parts:
        raise UnreadableRecording("lies outside the dataset")
    return folder / path


def read_channels(folder: Path, recording: Recording) -> Channels:
    """Left and right channel of a recording, (frames,) int16 each.

    Args:
        folder: the dataset's.
        recording: its index row.

    Raises:
        UnreadableRecording: it cannot be read, or its format, rate or length are not the row's.
    """
    path = recording_file(folder, recording)
    try:
        if path.exists() and not path.is_file():
            raise UnreadableRecording("is no file")
        with wave.open(str(path), "rb") as handle:  # several times faster than libsndfile
            channel_count, width, rate, *_ = handle.getparams()
            if (channel_count, width) != (2, 2):
                raise UnreadableRecording(f"{channel_count} channel(s) of PCM_{8 * width}, not 2 of PCM_16")
            if rate != recording.sample_rate:
                raise UnreadableRecording(f"sample rate is {rate} Hz, not {recording.sample_rate}")
            if handle.getnframes() > recording.frames:  # who knows how long it is: it need not be read
                raise UnreadableRecording(f"holds {handle.getnframes()} frames, not {recording.frames}")
            content = handle.readframes(recording.frames)
    except (wave.Error, EOFError, OSError) as error:
        told = _other_format(path) or f"cannot be read ({getattr(error, 'strerror', None) or error or 'cut off'})"
        raise UnreadableRecording(told) from None
    # Copied, since all that follows is slow on strided views.
    left, right = map(np.ascontiguousarray, np.frombuffer(content, "<i2", len(content) // 4 * 2).reshape(-1, 2).T)
    if len(left) != recording.frames:
        raise UnreadableRecording(f"holds {len(left)} frames, not {recording.frames}")
    return left, right


def _other_format(path: Path) -> str | None:
    """What a recording is that is no plain PCM, None where that cannot be told."""
    import soundfile as sf

    try:
        info = sf.info(path)
    except (sf.LibsndfileError, OSError):
        return None
    return f"{info.channels} channel(s) of {info.subtype}, not 2 of PCM_16"
