"""Stereo assembly: spoken turns onto the two channels of one recording, and what each recording holds.

Left (channel 0) is the assistant, right (channel 1) the user: what moshi-finetune trains on.
"""

from __future__ import annotations

import hashlib
import logging
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from .engines.base import Role
from .files import whole_file
from .recipe import Recipe
from .store import dialogue_rows
from .tables import DamagedTable, read_table, write_table

logger = logging.getLogger(__name__)

CHANNEL: dict[str, int] = {"assistant": 0, "user": 1}


INDEX_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("dialogue_id", pa.string()),
        ("path", pa.string()),
        ("key", pa.binary(16)),
        ("sample_rate", pa.int32()),
        ("frames", pa.int64()),
        (
            "turns",
            pa.list_(
                pa.struct(
                    [
                        ("turn", pa.int16()),
                        ("role", pa.string()),
                        ("start", pa.int64()),
                        ("frames", pa.int64()),
                        ("checksum", pa.uint64()),
                        ("word_times", pa.list_(pa.float32())),
                    ]
                )
            ),
        ),
        ("failure", pa.string()),
        ("fault", pa.string()),
    ]
)
"""One row a dialogue of the shard: a recording (path relative to the dataset folder), or why there is none."""


@dataclass(frozen=True, slots=True)
class PlacedTurn:
    """A turn on its channel. Start and length in frames; the checksum is xxh3 of its int16 samples."""

    turn: int
    role: Role
    start: int
    frames: int
    checksum: int
    word_times: tuple[float, ...] | None = None
    """Seconds from the start of the turn: start and end of each word, one after another, as the engine knew them (NaN
    for a word without a sound of its own); None where it knew none."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one stereo file holds."""

    line: int
    dialogue_id: str
    path: str
    key: bytes
    sample_rate: int
    frames: int
    turns: tuple[PlacedTurn, ...]
    failure: str | None = None
    """Why there is no recording."""
    fault: str | None = None
    """What a check found wrong with it; a manifest is not published over it."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.sample_rate


def checksum(samples: np.ndarray) -> int:
    """xxh3 of (N,) int16 samples."""
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(samples).data)


def recording_key(content_keys: Sequence[bytes], recipe: Recipe) -> bytes:
    """16-byte hash of all that decides a recording: its turns' content keys and the settings of the assembly."""
    settings = f"{recipe.layout}\0{recipe.gap}\0{recipe.sample_rate}\0".encode()
    return hashlib.blake2b(settings + b"".join(content_keys), digest_size=16).digest()


def recording_keys(tasks: pa.Table, recipe: Recipe) -> list[tuple[str, bytes]]:
    """Dialogue ids of a shard and the keys of their recordings, in input order."""
    keys = tasks.column("content_key").to_pylist()
    return [
        (dialogue_id, recording_key([keys[row] for row in rows], recipe)) for dialogue_id, rows in dialogue_rows(tasks)
    ]


def recording_path(recipe: Recipe, shard: str, stem: str) -> str:
    """Path of a recording relative to the dataset folder, `/`-separated on every system."""
    return f"data_stereo/{shard}/{stem}.wav" if recipe.shard_dirs else f"data_stereo/{stem}.wav"


def place(lengths: Sequence[int], layout: str, gap: int) -> list[int]:
    """Start frame of each turn, given their lengths and the gap in frames."""
    if layout == "overlapped":
        return [0] * len(lengths)
    starts, cursor = [], 0
    for length in lengths:
        starts.append(cursor)
        cursor += length + gap
    return starts


def assemble(turns: Sequence[tuple[Role, np.ndarray]], layout: str, gap: int) -> tuple[np.ndarray, list[PlacedTurn]]:
    """Put mono turns on their channels; everything else is exact zero.

    Args:
        turns: role and (N,) int16 samples, in speaking order, all of one rate.
        layout: `sequential` or `overlapped`.
        gap: frames between turns of the sequential layout.

    Returns:
        (frames, 2) int16, and where each turn lies.
    """
    starts = place([len(samples) for _, samples in turns], layout, gap)
    frames = max(start + len(samples) for start, (_, samples) in zip(starts, turns))
    stereo = np.zeros((frames, 2), np.int16)
    placed = []
    for number, (start, (role, samples)) in enumerate(zip(starts, turns)):
        stereo[start : start + len(samples), CHANNEL[role]] = samples
        placed.append(PlacedTurn(number, role, start, len(samples), checksum(samples)))
    return stereo, placed


def write_recording(path: Path, stereo: np.ndarray, sample_rate: int) -> None:
    """Write (frames, 2) int16 as a PCM_16 WAV, whole or not at all.

    By the standard library's `wave`, which writes the bytes that libsndfile would; but that one truncates the file it
    writes to, which makes ext4 flush it to the disk on closing (26 ms a file where this takes under 1).
    """
    with whole_file(path) as partial, wave.open(str(partial), "wb") as out:
        out.setparams((2, 2, sample_rate, len(stereo), "NONE", "not compressed"))
        out.writeframes(stereo.data)


def write_index(path: Path, recordings: Sequence[Recording]) -> None:
    """Write a shard's index, whole or not at all."""
    rows = [
        {
            "line": r.line,
            "dialogue_id": r.dialogue_id,
            "path": r.path,
            "key": r.key,
            "sample_rate": r.sample_rate,
            "frames": r.frames,
            "turns": [{name: getattr(turn, name) for name in PlacedTurn.__slots__} for turn in r.turns],
            "failure": r.failure,
            "fault": r.fault,
        }
        for r in recordings
    ]
    write_table(path, pa.Table.from_pylist(rows, schema=INDEX_SCHEMA))


def read_index(path: Path) -> list[Recording]:
    """Recordings of a shard, in input order; empty when there is no readable index."""
    try:
        rows: list[dict[str, Any]] = read_table(path).to_pylist()
    except OSError:
        return []
    except DamagedTable as error:
        logger.warning("%s: its recordings will be written again", error)
        return []
    return [Recording(**{**row, "turns": tuple(PlacedTurn(**turn) for turn in row["turns"])}) for row in rows]
