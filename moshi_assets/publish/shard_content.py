"""What card and report are made from, shard by shard: each file of a shard is read once for both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ..planning.task_table import DialogueTexts, dialogue_rows, dialogue_texts
from ..quality.measures import Measures
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.recording import PlacedTurn, Recording
from ..storage.dataset import DatasetError, DatasetStore
from ..synthesis.quality_table import read_quality
from ..transcripts.summary import TranscriptSummary, read_summary
from .measured import MeasuredTurn, MeasuredTurns, comparable

_COLUMNS = (*Measures._fields, "attempt")


@dataclass(slots=True)
class ShardContent:
    """One shard of a dataset, as far as it can be read."""

    name: str
    recordings: list[Recording]
    """The good ones."""
    texts: DialogueTexts = field(default_factory=dict)
    voices: dict[str, list[str]] = field(default_factory=dict)
    """Voice of each turn, by dialogue id."""
    measured: MeasuredTurns = field(default_factory=dict)
    rejected_utterances: int = 0
    """Utterances that no attempt made good."""
    words: TranscriptSummary | None = None
    """None where there are no transcripts."""
    problems: list[str] = field(default_factory=list)
    """Files that could not be read; what they hold is missing here."""

    def measured_turns(self) -> Iterator[tuple[PlacedTurn, MeasuredTurn]]:
        """Each turn that was measured."""
        for recording in self.recordings:
            for turn in recording.turns:
                if (measures := self.measured.get((turn.dialogue_id, turn.turn))) is not None:
                    yield turn, measures


def read_shard(store: DatasetStore, recipe: Recipe, name: str, indexed: Sequence[Recording]) -> ShardContent:
    """Read what belongs to the recordings that a shard's index lists."""
    content = ShardContent(name, [recording for recording in indexed if recording.failure is None])
    try:
        tasks = store.tasks(name)
    except DatasetError as error:
        content.problems.append(str(error))
    else:
        content.texts, content.voices = dialogue_texts(tasks), _voices(tasks)
    quality = read_quality(store, name)
    content.measured = _measured(quality, content.texts)
    content.rejected_utterances = len(quality) - quality.column("fault").null_count
    if recipe.transcripts:
        try:
            content.words = read_summary(store.transcripts_path(name))
        except (OSError, ValueError):
            content.problems.append(
                f"the transcripts of {name} are missing or their summary is damaged: its words are not counted"
            )
    return content


def spoken_of(dialogue_id: str, turn: int, texts: DialogueTexts) -> str | None:
    """A turn as it is to be pronounced, with which its measures are compared; None where the texts do not hold it."""
    said = text_of(dialogue_id, turn, texts)
    return said.spoken if said else None


def text_of(dialogue_id: str, turn: int, texts: DialogueTexts) -> SpokenText | None:
    """The text of a turn; None where the texts do not hold it."""
    said = texts.get(dialogue_id, ())
    return said[turn] if 0 <= turn < len(said) else None


def _voices(tasks: pa.Table) -> dict[str, list[str]]:
    voices = tasks.column("voice").to_pylist()
    return {dialogue_id: [voices[row] for row in rows] for dialogue_id, rows in dialogue_rows(tasks)}


def _measured(quality: pa.Table, texts: DialogueTexts) -> MeasuredTurns:
    table = quality.filter(pc.is_valid(quality.column("seconds")))  # without gates nothing is measured
    keys = zip(table.column("dialogue_id").to_pylist(), table.column("turn").to_pylist(), strict=True)
    return {
        (dialogue_id, turn): comparable(measures, spoken_of(dialogue_id, turn, texts))
        for (dialogue_id, turn), measures in zip(keys, table.select(_COLUMNS).to_pylist(), strict=True)
    }
