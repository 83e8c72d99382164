"""What a report tells in figures, gathered in one pass over the dataset's indexes: memory is that of one shard."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from ...dialogues.dialogue import Role
from ...dialogues.reject_kinds import RejectTally
from ...engines.registry import engine_class
from ...planning.task_table import DialogueTexts, dialogue_texts
from ...reading import ReadingSummary, SpokenText
from ...recipe import Recipe
from ...stereo.index import read_index
from ...stereo.recording import PlacedTurn, Recording
from ...stereo.turn_taking import floor_transfer_offsets
from ...storage.dataset import DatasetError, DatasetStore
from ...synthesis.speed_log import ShardSpeed, read_speed
from ...transcripts.summary import read_summary
from .distribution import Distribution

logger = logging.getLogger(__name__)

ROLES: tuple[Role, Role] = ("assistant", "user")
MAX_PROBLEMS = 20
MAX_VOICES = 1000
"""Distinct voices that are counted for a role; input is hostile."""


@dataclass
class DatasetFigures:
    """Figures of one dataset. Seconds, LUFS, characters a second."""

    name: str
    folder: str
    """Where it lies; problems do not tell it, a page is shown to others."""
    recipe: Recipe
    revision: str
    """Of the engine."""
    shards: int = 0
    dialogues: int = 0
    recordings: int = 0
    turns: Counter[str] = field(default_factory=Counter)
    """By role."""
    backchannels: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    """Recordings by split."""
    audio_seconds: float = 0.0
    speech_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ROLES, 0.0))
    """By role."""
    lengths: dict[str, Distribution] = field(
        default_factory=lambda: {role: Distribution(0.1, 0, 600) for role in ROLES}
    )
    """Of the turns, by role."""
    words: int = 0
    assistant_words: int = 0
    shared_slots: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    """Turns by the aligner that found their words."""
    voices: dict[str, Counter[str]] = field(default_factory=lambda: {role: Counter() for role in ROLES})
    """Turns by voice, for each role."""
    rejects: RejectTally = field(default_factory=RejectTally)
    reading: ReadingSummary = field(default_factory=ReadingSummary)
    """What was found in the texts."""
    durations: Distribution = field(default_factory=lambda: Distribution(0.1, 0, 7200))
    """Of the recordings."""
    gaps: Distribution = field(default_factory=lambda: Distribution(0.01, -60, 120))
    """From the end of a turn to the start of the other speaker's next one; negative where they overlap."""
    overlaps: int = 0
    rates: dict[str, Distribution] = field(default_factory=lambda: {role: Distribution(0.1, 0, 200) for role in ROLES})
    """Characters a second of the measured turns, by role; pauses and texts without a rate are left out."""
    levels: dict[str, Distribution] = field(
        default_factory=lambda: {role: Distribution(0.1, -80, 10) for role in ROLES}
    )
    """Loudness of the measured turns, by role."""
    retried: int = 0
    """Turns that were good only at a further attempt."""
    measured: int = 0
    """Turns that were measured."""
    speeds: list[ShardSpeed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What could not be read, the first `MAX_PROBLEMS`."""

    def problem(self, message: object) -> None:
        """Note something that could not be read."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(str(message).replace(self.folder, self.name))

    def add(self, recording: Recording) -> None:
        """Count a good recording."""
        self.recordings += 1
        self.dialogues += len(recording.dialogue_ids)
        self.splits[recording.split] += 1
        self.audio_seconds += recording.duration
        self.durations.add(recording.duration)
        for turn in recording.turns:
            self.turns[turn.role] += 1
            self.backchannels += turn.backchannel
            seconds = turn.frames / recording.sample_rate
            self.speech_seconds[turn.role] += seconds
            self.lengths[turn.role].add(seconds)
        for gap in floor_transfer_offsets(recording):
            self.gaps.add(gap)
            self.overlaps += gap < 0


def gather(store: DatasetStore) -> tuple[DatasetFigures, Iterator[tuple[str, list[Recording], DialogueTexts]]]:
    """Figures of a dataset, and the shards that fill them as they are walked through.

    The iterator yields each readable shard with its good recordings and its texts, after counting them. What is
    damaged or not built yet becomes a problem of the figures, never an error.

    Raises:
        DatasetError: there is no dataset in that folder, or it was never parsed.
        RecipeError: its recipe cannot be read.
    """
    recipe = store.recipe()
    figures = DatasetFigures(
        store.name, str(store.folder), recipe, _revision(store, recipe), shards=len(store.shards())
    )
    return figures, _shards(store, figures)


def _shards(store: DatasetStore, figures: DatasetFigures) -> Iterator[tuple[str, list[Recording], DialogueTexts]]:
    unread = []
    for shard in store.shards():
        if (speed := read_speed(store, shard)) is not None:
            figures.speeds.append(speed)
        indexed = read_index(store.index_path(shard))
        if not indexed:
            unread.append(shard)
            continue
        texts: DialogueTexts = {}
        try:
            tasks = store.tasks(shard)
        except DatasetError as error:
            figures.problem(error)
        else:
            texts = dialogue_texts(tasks)
            _count_voices(
                figures, zip(tasks.column("role").to_pylist(), tasks.column("voice").to_pylist(), strict=True)
            )
        good = [recording for recording in indexed if recording.failure is None and recording.turns]
        for recording in good:
            figures.add(recording)
        if figures.recipe.transcripts:
            _count_words(store, shard, figures)
        yield shard, good, texts
    if unread:
        figures.problem(
            f"{len(unread)} of {figures.shards} shards have no readable index of recordings ({unread[0]} to "
            f"{unread[-1]}): they are not built yet, or damaged, and not in these figures"
        )
    figures.reading = ReadingSummary.of(store.summary())
    try:
        for reject in store.rejects():
            figures.rejects.add(reject)
    except (DatasetError, OSError, ValueError) as error:
        figures.problem(error)


def _revision(store: DatasetStore, recipe: Recipe) -> str:
    """The engine's revision as it was when the tasks were planned, else as it is on this machine."""
    planned = store.summary().get("engine_revision")
    if planned:
        return str(planned)
    try:
        return engine_class(recipe.engine).revision(recipe.engine_options)
    except Exception as error:  # its checkpoints or package may lie on another machine
        logger.info("the revision of engine %s is not known here: %s", recipe.engine, error)
        return "not known on this machine"


def _count_voices(figures: DatasetFigures, roles_and_voices: Iterator[tuple[str, str]]) -> None:
    for (role, voice), count in Counter(roles_and_voices).items():
        name = PurePath(str(voice)).name or str(voice)  # a path of this machine is nobody's business
        counts = figures.voices.setdefault(role, Counter())
        if name in counts or len(counts) < MAX_VOICES:
            counts[name] += count


def _count_words(store: DatasetStore, shard: str, figures: DatasetFigures) -> None:
    try:
        summary = read_summary(store.transcripts_path(shard))
    except (OSError, ValueError):
        figures.problem(
            f"the transcripts of {shard} are missing or their summary is damaged: its words are not counted"
        )
        return
    figures.words += summary.words
    figures.assistant_words += summary.assistant_words
    figures.shared_slots += summary.shared_slots
    figures.methods.update(summary.turns_by_method)


def text_of(turn: PlacedTurn, texts: DialogueTexts) -> SpokenText | None:
    """What a turn says; None where the texts do not hold it."""
    said = texts.get(turn.dialogue_id, ())
    return said[turn.turn] if 0 <= turn.turn < len(said) else None


def spoken_of(turn: PlacedTurn, texts: DialogueTexts) -> str | None:
    """A turn as it is to be pronounced: what its measures are compared with; None where the texts do not hold it."""
    said = text_of(turn, texts)
    return said.spoken if said else None


def shares(counts: Counter[str], most: int) -> Sequence[tuple[str, int]]:
    """The commonest entries; the rest together as `others`."""
    common = counts.most_common(most)
    rest = counts.total() - sum(count for _, count in common)
    return [*common, ("others", rest)] if rest else common
