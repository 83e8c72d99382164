"""The figures of a dataset, counted shard by shard in one pass for card, report and export."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from ..dialogues.dialogue import SPLITS, TRAIN, Role, Split
from ..dialogues.reject_kinds import RejectTally
from ..recipe import Recipe
from ..stereo.index import indexed_shards
from ..stereo.recording import CHANNEL, Recording
from ..stereo.training_window import training_windows
from ..stereo.turn_taking import floor_transfer_offsets
from ..storage.dataset import DatasetError, DatasetStore
from .distribution import Distribution
from .measured import Measured
from .shard_content import ShardContent, read_shard


@dataclass
class SplitFigures:
    """One split of a dataset."""

    recordings: int = 0
    dialogues: int = 0
    turns: Counter[Role] = field(default_factory=Counter)
    """Turns by role."""
    seconds: float = 0.0
    """Duration of the recordings."""
    speech_seconds: dict[Role, float] = field(default_factory=lambda: dict.fromkeys(CHANNEL, 0.0))
    """Seconds of speech by role."""


@dataclass
class VoiceFigures:
    """How much one voice speaks in one role."""

    turns: int = 0
    dialogues: Counter[Split] = field(default_factory=Counter)
    """Dialogues by split."""


@dataclass
class DatasetFigures:
    """Figures of a dataset's good recordings. Memory does not grow with the number of dialogues."""

    splits: dict[Split, SplitFigures] = field(default_factory=lambda: {split: SplitFigures() for split in SPLITS})
    voices: dict[tuple[str, Role], VoiceFigures] = field(default_factory=dict)
    """Figures by voice and role."""
    sample_rates: set[int] = field(default_factory=set)
    """Sample rates of the recordings in Hz."""
    training_lengths: Counter[float] = field(default_factory=Counter)
    """Recordings of the training split by duration, in seconds rounded up to hundredths."""
    windows: int = 0
    """Training windows that the recordings take."""
    durations: Distribution = field(default_factory=lambda: Distribution(0.1, 0, 7200))
    """Durations of the recordings in seconds."""
    turn_lengths: dict[str, Distribution] = field(
        default_factory=lambda: {role: Distribution(0.1, 0, 600) for role in CHANNEL}
    )
    """Durations of the turns in seconds, by role."""
    backchannels: int = 0
    gaps: Distribution = field(default_factory=lambda: Distribution(0.01, -60, 120))
    """Seconds from the end of a turn to the start of the other speaker's next one; negative where they overlap."""
    overlaps: int = 0
    """Changes of speaker with a negative gap."""
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
    def dialogues(self) -> int:
        return sum(split.dialogues for split in self.splits.values())

    @property
    def seconds(self) -> float:
        """Duration of all recordings."""
        return sum(split.seconds for split in self.splits.values())

    @property
    def turns(self) -> Counter[Role]:
        """Turns by role."""
        return sum((split.turns for split in self.splits.values()), Counter())

    @property
    def speech_seconds(self) -> float:
        """Duration of all turns, of both speakers."""
        return sum(sum(split.speech_seconds.values()) for split in self.splits.values())

    def add(self, shard: ShardContent) -> None:
        """Count a shard."""
        for recording in shard.recordings:
            self._add_recording(recording)
            self._add_voices(recording, shard.voices)
        self.measured.rejected += shard.rejected_utterances
        self.add_measures(shard)
        if shard.words is not None:
            self.words += shard.words.words
            self.assistant_words += shard.words.assistant_words
            self.shared_slots += shard.words.shared_slots
            self.methods.update(shard.words.turns_by_method)

    def add_measures(self, shard: ShardContent) -> None:
        """Count the measures of a shard's turns."""
        for turn, measures in shard.measured_turns():
            self.measured.add(turn.role, measures)

    def add_rejects(self, store: DatasetStore) -> None:
        """Count the rejects of the dataset.

        Raises:
            DatasetError, OSError, ValueError: their file is damaged.
        """
        for reject in store.rejects():
            self.rejects.add(reject)

    def _add_recording(self, recording: Recording) -> None:
        split = self.splits[recording.split]
        split.recordings += 1
        split.dialogues += len(recording.dialogue_ids)
        split.seconds += recording.duration
        for turn in recording.turns:
            seconds = turn.frames / recording.sample_rate
            split.turns[turn.role] += 1
            split.speech_seconds[turn.role] += seconds
            self.turn_lengths[turn.role].add(seconds)
            self.backchannels += turn.backchannel
        if recording.split == TRAIN:
            self.training_lengths[math.ceil(recording.duration * 100 - 1e-6) / 100] += 1
        self.sample_rates.add(recording.sample_rate)
        self.durations.add(recording.duration)
        self.windows += training_windows(recording.duration)
        for gap in floor_transfer_offsets(recording):
            self.gaps.add(gap)
            self.overlaps += gap < 0

    def _add_voices(self, recording: Recording, voices: dict[str, list[str]]) -> None:
        heard = set()
        for turn in recording.turns:
            if turn.dialogue_id not in voices:  # the shard's tasks are damaged
                continue
            voice = voices[turn.dialogue_id][turn.turn]
            self.voices.setdefault((voice, turn.role), VoiceFigures()).turns += 1
            heard.add((turn.dialogue_id, voice, turn.role))
        for _, voice, role in heard:
            self.voices[voice, role].dialogues[recording.split] += 1


def count_dataset_figures(store: DatasetStore, recipe: Recipe) -> DatasetFigures:
    """Figures of a finished dataset.

    Raises:
        DatasetError: it is not finished, or damaged.
    """
    figures = DatasetFigures()
    for name, recordings in indexed_shards(store, recipe):
        shard = read_shard(store, recipe, name, recordings)
        if shard.problems:
            raise DatasetError(shard.problems[0])
        figures.add(shard)
    figures.add_rejects(store)
    return figures
