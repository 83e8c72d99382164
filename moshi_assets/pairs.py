"""The stereo stage of one shard: every dialogue of it becomes part of a recording, or a named failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from .faults import Fault
from .parts import SpokenShard
from .pcm import resample
from .recipe import Recipe
from .recording_keys import ShardDialogue, dialogue_key, recording_key, shard_dialogues
from .stereo import (
    PlacedTurn,
    Recording,
    assemble,
    checksum,
    read_index,
    recording_path,
    write_index,
    write_recording,
)
from .store import DatasetError, DatasetStore
from .timeline import TimedTurn, TimingModel, place
from .verify import recording_faults


@dataclass
class PairFigures:
    """Outcome of the stereo stage for one shard."""

    dialogues: int = 0
    recordings: int = 0
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
    stage = _Stage(store, recipe, shard)
    (store.stereo_folder / shard if recipe.shard_dirs else store.stereo_folder).mkdir(parents=True, exist_ok=True)

    figures = PairFigures()
    recordings = []
    for recording, written, faults in pool.map(stage.build, [[d] for d in shard_dialogues(store.tasks(shard))]):
        recordings.append(recording)
        figures.dialogues += len(recording.dialogue_ids)
        if recording.failure is not None:
            figures.rejected += 1
            continue
        figures.recordings += 1
        figures.written += written
        figures.reused += not written
        figures.audio_seconds += recording.duration
        figures.faults += faults
    write_index(store.index_path(shard), recordings)
    if not recipe.keep_mono and not figures.faults:
        shutil.rmtree(store.mono_folder(shard), ignore_errors=True)
    return figures


class _Stage:
    """What `build` needs for every recording of a shard."""

    def __init__(self, store: DatasetStore, recipe: Recipe, shard: str) -> None:
        self._store, self._recipe, self._shard = store, recipe, shard
        self._model = TimingModel(recipe.layout, recipe.gap)
        self._spoken = SpokenShard([store.mono_folder(shard)])
        self._failures = store.failures(shard)
        self._earlier = {r.path: r for r in read_index(store.index_path(shard)) if r.failure is None}

    def build(self, dialogues: Sequence[ShardDialogue]) -> tuple[Recording, bool, list[Fault]]:
        """Recording of some dialogues, whether it was written now, and its faults."""
        recipe, folder = self._recipe, self._store.folder
        ids, lines = tuple(d.id for d in dialogues), tuple(d.line for d in dialogues)
        key = recording_key([dialogue_key(d, recipe) for d in dialogues], recipe)
        path = recording_path(recipe, self._shard, dialogues[0].stem)

        earlier = self._earlier.get(path)
        if earlier and (earlier.dialogue_ids, earlier.key) == (ids, key) and not recording_faults(folder, earlier):
            return replace(earlier, lines=lines, fault=None), False, []  # inserted lines move the numbers

        (dialogue,) = dialogues
        missing = sum(key not in self._spoken for key in dialogue.content_keys)
        if missing and dialogue.id in self._failures:
            failure = self._failures[dialogue.id]
            return Recording(ids, lines, dialogue.split, path, key, 0, 0, (), failure), False, []
        if missing:
            raise DatasetError(
                f"{missing} of {len(dialogue.content_keys)} turns of dialogue {dialogue.id!r} are not spoken: materialize "
                f"mono_syntheses for {self._shard} first"
            )
        spoken = [self._spoken[key] for key in dialogue.content_keys]
        rate = spoken[0].sample_rate if recipe.sample_rate == "native" else int(recipe.sample_rate)
        samples = [resample(s.samples, s.sample_rate, rate) for s in spoken]
        timed = [
            TimedTurn(*turn) for turn in zip(dialogue.roles, map(len, samples), dialogue.gaps, dialogue.backchannels)
        ]
        starts = place(timed, rate, self._model)
        stereo = assemble(list(zip(dialogue.roles, starts, samples)))
        write_recording(folder / path, stereo, rate)
        placed = tuple(
            PlacedTurn(
                dialogue.id,
                number,
                turn.role,
                start,
                turn.frames,
                checksum(sound),
                key,
                turn.backchannel,
                _flat(s.word_times),
            )
            for number, (turn, start, sound, key, s) in enumerate(
                zip(timed, starts, samples, dialogue.content_keys, spoken)
            )
        )
        recording = Recording(ids, lines, dialogue.split, path, key, rate, len(stereo), placed)
        faults = recording_faults(folder, recording)
        if faults:
            recording = replace(recording, fault="; ".join(fault.message for fault in faults))
        return recording, True, faults


def _flat(word_times: np.ndarray | None) -> tuple[float, ...] | None:
    return None if word_times is None else tuple(word_times.reshape(-1).tolist())
