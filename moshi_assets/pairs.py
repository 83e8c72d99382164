"""The stereo stage of one shard: every dialogue of it becomes one recording, or a named failure."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from .faults import Fault
from .parts import SpokenShard
from .pcm import resample
from .recipe import Recipe
from .stereo import (
    Recording,
    assemble,
    read_index,
    recording_key,
    recording_path,
    write_index,
    write_recording,
)
from .store import DatasetError, DatasetStore, dialogue_rows
from .verify import recording_faults


@dataclass
class PairFigures:
    """Outcome of the stereo stage for one shard."""

    dialogues: int = 0
    written: int = 0
    reused: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)


def build_pairs(store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor) -> PairFigures:
    """Write the recordings of a shard that are missing, outdated or damaged, then its index.

    Every recording is read back and checked; the faults are in the figures, for the asset checks.

    Args:
        store, recipe: the dataset.
        shard: shard key.
        pool: threads to write with (soundfile and numpy release the GIL).

    Raises:
        DatasetError: a turn has no mono part and no recorded failure.
        OSError: a file cannot be written; recordings written earlier stay.
    """
    tasks = store.tasks(shard)
    earlier = {r.dialogue_id: r for r in read_index(store.index_path(shard)) if r.failure is None}
    stage = _Stage(store, recipe, shard, tasks, SpokenShard([store.mono_folder(shard)]), store.failures(shard), earlier)
    (store.stereo_folder / shard if recipe.shard_dirs else store.stereo_folder).mkdir(parents=True, exist_ok=True)

    figures = PairFigures()
    recordings = []
    for recording, written, faults in pool.map(stage.build, *zip(*dialogue_rows(tasks))):
        recordings.append(recording)
        figures.dialogues += 1
        if recording.failure is not None:
            figures.rejected += 1
            continue
        figures.written += written
        figures.reused += not written
        figures.audio_seconds += recording.duration
        figures.faults += faults
    write_index(store.index_path(shard), recordings)
    if not recipe.keep_mono and not figures.faults:
        shutil.rmtree(store.mono_folder(shard), ignore_errors=True)
    return figures


class _Stage:
    """What `build` needs for every dialogue of a shard."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        shard: str,
        tasks: pa.Table,
        spoken: SpokenShard,
        failures: dict[str, str],
        earlier: dict[str, Recording],
    ) -> None:
        self._store, self._recipe, self._shard = store, recipe, shard
        self._spoken, self._failures, self._earlier = spoken, failures, earlier
        self._keys = tasks.column("content_key").to_pylist()
        self._roles = tasks.column("role").to_pylist()
        self._stems = tasks.column("stem").to_pylist()
        self._lines = tasks.column("line").to_pylist()

    def build(self, dialogue_id: str, rows: list[int]) -> tuple[Recording, bool, list[Fault]]:
        """Recording of one dialogue, whether it was written now, and its faults."""
        recipe, folder = self._recipe, self._store.folder
        keys = [self._keys[row] for row in rows]
        key = recording_key(keys, recipe)
        path = recording_path(recipe, self._shard, self._stems[rows[0]])
        line = self._lines[rows[0]]

        earlier = self._earlier.get(dialogue_id)
        if earlier and earlier.key == key and earlier.path == path and not recording_faults(folder, earlier):
            return replace(earlier, line=line, fault=None), False, []  # inserted lines move the number

        missing = [key for key in keys if key not in self._spoken]
        if missing and dialogue_id in self._failures:
            return Recording(line, dialogue_id, path, key, 0, 0, (), self._failures[dialogue_id]), False, []
        if missing:
            raise DatasetError(
                f"{len(missing)} of {len(keys)} turns of dialogue {dialogue_id!r} are not spoken: materialize "
                f"mono_syntheses for {self._shard} first"
            )
        spoken = [self._spoken[key] for key in keys]
        rate = spoken[0].sample_rate if recipe.sample_rate == "native" else int(recipe.sample_rate)
        turns = [(self._roles[row], resample(s.samples, s.sample_rate, rate)) for row, s in zip(rows, spoken)]
        stereo, bare = assemble(turns, recipe.layout, round(recipe.gap * rate))
        placed = [replace(turn, word_times=_flat(s.word_times)) for turn, s in zip(bare, spoken)]
        write_recording(folder / path, stereo, rate)
        recording = Recording(line, dialogue_id, path, key, rate, len(stereo), tuple(placed))
        faults = recording_faults(folder, recording)
        if faults:
            recording = replace(recording, fault="; ".join(fault.message for fault in faults))
        return recording, True, faults


def _flat(word_times: np.ndarray | None) -> tuple[float, ...] | None:
    return None if word_times is None else tuple(word_times.reshape(-1).tolist())
