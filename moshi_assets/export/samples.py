"""The samples of an export: recordings with words and texts, read and checked one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from ..dialogues.dialogue import Split
from ..planning.task_table import dialogue_rows
from ..publish.manifest import manifest_faults
from ..publish.public_paths import public_path
from ..recipe import Recipe
from ..stereo.index import indexed_shards
from ..stereo.recording import Recording
from ..stereo.recording_check import recording_faults
from ..storage.dataset import DatasetError, DatasetStore
from ..transcripts.transcript import read_transcript, transcript_path


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording with its words and texts."""

    key: str
    """Name of the recording in the export: letters, digits, `_`, `-` and `~`."""
    split: Split
    path: str
    """Path of the WAV, relative to the dataset folder."""
    wav: bytes
    """Content of the WAV file."""
    duration: float
    """Duration in seconds."""
    sample_rate: int
    """Sample rate in Hz."""
    words: list[dict[str, Any]] | None
    """Word, start and end in seconds, and speaker, sorted by start; None in a dataset without transcripts."""
    approximate_words: bool
    """Whether the word times of some turn are estimated."""
    turns: list[dict[str, Any]]
    """Dialogue id, number in it, role, text, voice, start and end in seconds, backchannel; sorted by start."""


def sample_key(path: str) -> str:
    """Key of a recording: its file stem, where that holds no dot (WebDataset ends a key at the first one)."""
    stem = PurePosixPath(path).stem
    if "." not in stem:
        return stem
    return f"{stem.replace('.', '_')}~{hashlib.blake2b(stem.encode(), digest_size=10).hexdigest()}"


def read_samples(store: DatasetStore, recipe: Recipe, split: Split) -> Iterator[Sample]:
    """Recordings of one split in input order. Memory is that of one recording and one shard's texts.

    Raises:
        DatasetError: a recording or its transcript is missing or not what was built.
    """
    folder = recipe.source_folder
    for shard, recordings in indexed_shards(store, recipe):
        wanted = [each for each in recordings if each.failure is None and each.split == split]
        if not wanted:
            continue
        tasks = _tasks(store.tasks(shard))
        for recording in wanted:
            yield _sample(store, recipe, recording, tasks, folder)


def check_finished(store: DatasetStore) -> None:
    """Make sure that the manifests list exactly the recordings that exist.

    Raises:
        DatasetError: they do not, or there are none.
    """
    for fault in manifest_faults(store):
        raise DatasetError(f"{fault}: build the dataset to its end first")


def _sample(
    store: DatasetStore,
    recipe: Recipe,
    recording: Recording,
    tasks: dict[tuple[str, int], tuple[str, str]],
    folder: Path,
) -> Sample:
    faults = recording_faults(store.folder, recording)
    if faults:
        raise DatasetError(f"{faults[0]}: build the dataset again before you export it")
    words, approximate = None, False
    if recipe.transcripts:
        transcript = read_transcript(store.folder / transcript_path(recording.path))
        if transcript is None:
            raise DatasetError(
                f"{transcript_path(recording.path)} is missing or damaged: build the dataset again before you export it"
            )
        rows = transcript.alignments
        words = [{"word": word, "start": start, "end": end, "speaker": who} for word, (start, end), who in rows]
        approximate = transcript.approximate
    turns = []
    for turn in sorted(recording.turns, key=lambda turn: turn.start):
        text, voice = tasks[turn.dialogue_id, turn.turn]
        turns.append(
            {
                "dialogue": turn.dialogue_id,
                "turn": turn.turn,
                "role": turn.role,
                "text": text,
                "voice": public_path(voice, folder),
                "start": turn.start / recording.sample_rate,
                "end": (turn.start + turn.frames) / recording.sample_rate,
                "backchannel": turn.backchannel,
            }
        )
    return Sample(
        sample_key(recording.path),
        recording.split,
        recording.path,
        (store.folder / recording.path).read_bytes(),
        recording.duration,
        recording.sample_rate,
        words,
        approximate,
        turns,
    )


def _tasks(tasks: pa.Table) -> dict[tuple[str, int], tuple[str, str]]:
    """Text and voice of each turn, by dialogue id and turn number."""
    texts, voices = tasks.column("text").to_pylist(), tasks.column("voice").to_pylist()
    return {
        (dialogue_id, number): (texts[row], voices[row])
        for dialogue_id, rows in dialogue_rows(tasks)
        for number, row in enumerate(rows)
    }
