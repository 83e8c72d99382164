"""The stereo stage of one shard: every dialogue of it becomes part of a recording, or a named failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from ..audio.loudness import Level, LevelFigures
from ..faults import Fault
from ..recipe import Recipe
from ..storage.dataset import DatasetError, DatasetStore
from ..synthesis.parts import SpokenShard
from ..synthesis.quality_table import spoken_tasks
from .assembly import Assembler, write_assembled
from .index import write_index
from .keys import ShardDialogue, shard_dialogues
from .packing import MeasuredDialogue, pack
from .recording import Recording
from .recording_check import IntactRecordings
from .salvage import RecordedShard, earlier_recordings, salvage_folder
from .turn_taking import TurnTaking


@dataclass
class PairFigures:
    """Outcome of the stereo stage for one shard."""

    dialogues: int = 0
    recordings: int = 0
    written: int = 0
    reused: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    turn_taking: TurnTaking = field(default_factory=TurnTaking)
    levels: LevelFigures = field(default_factory=LevelFigures)
    faults: list[Fault] = field(default_factory=list)
    sample: str | None = None
    """Path of its first recording, relative to the dataset; None where every dialogue is rejected."""


def build_pairs(
    store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor, intact: IntactRecordings | None = None
) -> PairFigures:
    """Write the recordings of a shard that are missing, outdated or damaged, then its index.

    Every recording is checked, those that are there already by reading them; the faults are in the figures, for the
    asset checks. What the shard held while it was in work (parts, pieces) is removed.

    Args:
        store, recipe: the dataset.
        shard: shard key.
        pool: threads to write with (files and numpy release the GIL).
        intact: what is known of recordings already, such as which of them this run has written and checked.

    Raises:
        DatasetError: a turn has no mono part, lies in no intact recording, and has no recorded failure.
        OSError: a file cannot be written; recordings written earlier stay.
    """
    intact = intact or IntactRecordings(store.folder)
    stage = _Stage(store, recipe, shard, pool, intact)
    recordings_folder(store, recipe, shard).mkdir(parents=True, exist_ok=True)

    groups = stage.groups()
    kept = list(pool.map(stage.kept, groups))
    stage.salvage([group for group, recording in zip(groups, kept, strict=True) if recording is None])
    figures = PairFigures()
    recordings = []
    for group, recording, (built, faults) in zip(groups, kept, pool.map(stage.build, groups, kept), strict=True):
        recordings.append(built)
        figures.dialogues += len(group)
        if built.failure is not None:
            figures.rejected += len(group)
            continue
        figures.recordings += 1
        figures.sample = figures.sample or built.path
        new = recording is None or intact.is_fresh(recording.path)
        figures.written += new
        figures.reused += not new
        figures.audio_seconds += built.duration
        figures.turn_taking.add(built)
        figures.faults += faults
    for levels in stage.levels:
        figures.levels.add(levels)
    write_index(store.index_path(shard), recordings)
    if not recipe.keeps_mono and not figures.faults:
        shutil.rmtree(store.mono_folder(shard), ignore_errors=True)
    return figures


def recordings_folder(store: DatasetStore, recipe: Recipe, shard: str) -> Path:
    """Where the recordings of a shard lie."""
    return store.stereo_folder / shard if recipe.shard_dirs else store.stereo_folder


class _Stage:
    """What is known of a shard while its recordings are built."""

    def __init__(
        self, store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor, intact: IntactRecordings
    ) -> None:
        self._store, self._recipe, self._shard, self._intact = store, recipe, shard, intact
        self._assembler = Assembler(recipe, shard)
        self._dialogues = shard_dialogues(spoken_tasks(store, shard))
        self._failures = store.failures(shard)
        self.levels: list[dict[str, Level]] = []
        """Of the dialogues normalised now, in no order."""
        self._earlier = {recording.path: recording for recording in earlier_recordings(store, shard)}
        self._spoken = self._read_parts()
        wanted = [key for d in self._dialogues for key in d.content_keys if key not in self._spoken]
        self._recorded = RecordedShard(store, recipe, shard, wanted, pool.map, intact)

    def _read_parts(self) -> SpokenShard:
        salvaged = salvage_folder(self._store, self._recipe, self._shard)
        return SpokenShard([self._store.mono_folder(self._shard), salvaged])

    def groups(self) -> list[list[ShardDialogue]]:
        """The dialogues of each recording; one that could not be spoken stands alone.

        Raises:
            DatasetError: a turn is nowhere, and has no recorded failure.
        """
        measured = [self._measure(dialogue) for dialogue in self._dialogues]
        return pack(measured, self._recipe.pack_seconds, self._recipe.pack_pause)

    def _measure(self, dialogue: ShardDialogue) -> MeasuredDialogue:
        keys = dialogue.content_keys
        missing = sum(key not in self._spoken and key not in self._recorded for key in keys)
        if missing and dialogue.id not in self._failures:
            raise DatasetError(
                f"{missing} of {len(keys)} turns of dialogue {dialogue.id!r} are not spoken: materialize "
                f"mono_syntheses for {self._shard} first"
            )
        if missing:
            return MeasuredDialogue(dialogue, 0, 0)
        if self._recipe.pack_seconds is None:
            return MeasuredDialogue(dialogue, 0, 1)
        formats = [self._spoken.format(key) if key in self._spoken else self._recorded.format(key) for key in keys]
        return self._assembler.measured(dialogue, formats)

    def kept(self, group: Sequence[ShardDialogue]) -> Recording | None:
        """The recording of some dialogues that is on disk, when it is what would be written, intact."""
        path, key = self._assembler.path(group), self._assembler.key(group)
        earlier = self._earlier.get(path)
        if earlier is None or (earlier.dialogue_ids, earlier.key) != (tuple(d.id for d in group), key):
            return None
        if not self._intact(earlier):
            return None
        return replace(earlier, lines=tuple(d.line for d in group), fault=None)  # inserted lines move the numbers

    def salvage(self, groups: Sequence[Sequence[ShardDialogue]]) -> None:
        """Take what these recordings need and only recordings hold into parts, before any of them is replaced."""
        keys = chain.from_iterable(dialogue.content_keys for group in groups for dialogue in group)
        needed = [key for key in keys if key not in self._spoken and key in self._recorded]
        if needed:
            self._recorded.salvage(needed, salvage_folder(self._store, self._recipe, self._shard))
            self._spoken = self._read_parts()

    def build(self, group: Sequence[ShardDialogue], kept: Recording | None) -> tuple[Recording, list[Fault]]:
        """Recording of some dialogues, written now unless it is kept, and its faults."""
        if kept is not None:
            return kept, []
        if any(key not in self._spoken for key in group[0].content_keys):
            return self._assembler.failed(group[0], self._failures[group[0].id]), []
        assembled = self._assembler.assemble(group, self._spoken.__getitem__)
        self.levels += assembled.levels
        return write_assembled(self._store.folder, assembled)
