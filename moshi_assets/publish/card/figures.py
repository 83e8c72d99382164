"""What a card tells in figures, counted shard by shard; memory does not grow with the number of dialogues."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ...dialogues.dialogue import SPLITS, TRAIN
from ...dialogues.reject_kinds import RejectTally
from ...planning.task_table import dialogue_rows
from ...recipe import Recipe
from ...stereo.index import indexed_shards
from ...stereo.recording import Recording
from ...storage.dataset import DatasetStore
from ...synthesis.quality_table import read_quality
from ...transcripts.summary import read_summary
from .measured import Measured


@dataclass
class SplitFigures:
    """One split of a dataset."""

    recordings: int = 0
    dialogues: int = 0
    turns: int = 0
    seconds: float = 0.0
    speech_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By role."""


@dataclass
class CardFigures:
    """Figures of a dataset."""

    splits: dict[str, SplitFigures] = field(default_factory=lambda: {split: SplitFigures() for split in SPLITS})
    voices: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """Dialogues by split, for each voice in each role: (voice, role)."""
    lengths: Counter[float] = field(default_factory=Counter)
    """Recordings to train on by length, in seconds rounded up to hundredths."""
    sample_rates: set[int] = field(default_factory=set)
    """Hz."""
    words: int = 0
    assistant_words: int = 0
    shared_slots: int = 0
    """Words of the assistant that start in one 80 ms slot with the next."""
    methods: Counter[str] = field(default_factory=Counter)
    """Turns by the aligner that found their words."""
    measured: Measured = field(default_factory=Measured)
    rejects: RejectTally = field(default_factory=RejectTally)

    @property
    def recordings(self) -> int:
        return sum(split.recordings for split in self.splits.values())

    @property
    def turns(self) -> int:
        return sum(split.turns for split in self.splits.values())

    def add_shard(self, store: DatasetStore, recipe: Recipe, shard: str, recordings: Sequence[Recording]) -> None:
        """Count the recordings of a shard, its words and what was measured of its utterances."""
        voices = _voices(store.tasks(shard))
        for recording in recordings:
            if recording.failure is None:
                self._add(recording, voices)
        self.measured.add(read_quality(store, shard))
        if recipe.transcripts:
            summary = read_summary(store.transcripts_path(shard))
            self.words += summary.words
            self.assistant_words += summary.assistant_words
            self.shared_slots += summary.shared_slots
            self.methods.update(summary.turns_by_method)

    def add_rejects(self, store: DatasetStore) -> None:
        """Count the rejects of the dataset."""
        for reject in store.rejects():
            self.rejects.add(reject)

    def _add(self, recording: Recording, voices: dict[str, list[str]]) -> None:
        split = self.splits[recording.split]
        split.recordings += 1
        split.dialogues += len(recording.dialogue_ids)
        split.turns += len(recording.turns)
        split.seconds += recording.duration
        if recording.split == TRAIN:
            self.lengths[math.ceil(recording.duration * 100 - 1e-6) / 100] += 1
        self.sample_rates.add(recording.sample_rate)
        heard = set()
        for turn in recording.turns:
            split.speech_seconds[turn.role] += turn.frames / recording.sample_rate
            heard.add((turn.dialogue_id, voices[turn.dialogue_id][turn.turn], turn.role))
        for _, voice, role in heard:
            self.voices.setdefault((voice, role), Counter())[recording.split] += 1


def gather(store: DatasetStore, recipe: Recipe) -> CardFigures:
    """Figures of a finished dataset.

    Raises:
        DatasetError: it is not finished.
    """
    figures = CardFigures()
    for shard, recordings in indexed_shards(store, recipe):
        figures.add_shard(store, recipe, shard, recordings)
    figures.add_rejects(store)
    return figures


def _voices(tasks: pa.Table) -> dict[str, list[str]]:
    """Voice of each turn, by dialogue id."""
    voices = tasks.column("voice").to_pylist()
    return {dialogue_id: [voices[row] for row in rows] for dialogue_id, rows in dialogue_rows(tasks)}
