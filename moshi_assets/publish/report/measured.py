"""What was measured of the utterances of a shard: from its quality table, else from the recordings now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...planning.task_table import DialogueTexts
from ...quality.expectation import expect
from ...quality.measures import Measures, measure
from ...stereo.recording import Recording
from ...storage.dataset import DatasetStore
from ...synthesis.quality_table import read_quality
from .figures import DatasetFigures, spoken_of
from .sound import read_turns

MeasuredTurn = dict[str, Any]
"""A measure or `attempt` by name; a measure that was not taken is None."""
MEASURES = (*Measures._fields, "attempt")


def tabled(store: DatasetStore, shard: str) -> dict[tuple[str, int], MeasuredTurn]:
    """Utterances of a shard's quality table, by dialogue id and turn; none where there is no table."""
    table = read_quality(store, shard).select(["dialogue_id", "turn", *MEASURES])
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    keys = zip(columns.pop("dialogue_id"), columns.pop("turn"), strict=True)
    return {
        key: dict(zip(columns, values, strict=True))
        for key, values in zip(keys, zip(*columns.values(), strict=True), strict=True)
    }


def listened(store: DatasetStore, recording: Recording, texts: DialogueTexts) -> dict[tuple[str, int], MeasuredTurn]:
    """Utterances of one recording, measured now; none where it cannot be read."""
    found = {}
    for turn, samples in read_turns(store, recording):
        if len(samples):
            measures = measure(samples, recording.sample_rate, spoken_of(turn, texts) or "")
            found[turn.dialogue_id, turn.turn] = measures._asdict() | {"attempt": 0}
    return found


def speaking_rate(utterance: MeasuredTurn, text: str | None) -> float | None:
    """Characters as spoken per second of sound; None where the text is too short, or not such, that it has a rate."""
    rate = utterance["chars_per_second"]
    return rate if rate and text and expect(text).rate_matters else None


def rows(
    recordings: Iterable[Recording], utterances: dict[tuple[str, int], MeasuredTurn]
) -> Iterator[tuple[Recording, int, MeasuredTurn]]:
    """Measured turns of recordings: the recording, the turn's place in it, and what was measured."""
    for recording in recordings:
        for place, turn in enumerate(recording.turns):
            utterance = utterances.get((turn.dialogue_id, turn.turn))
            if utterance is not None and utterance["seconds"] is not None:
                yield recording, place, utterance


def count_measures(
    figures: DatasetFigures,
    recordings: Iterable[Recording],
    utterances: dict[tuple[str, int], MeasuredTurn],
    texts: DialogueTexts,
) -> None:
    """Add the measured turns of some recordings to the figures."""
    for recording, place, utterance in rows(recordings, utterances):
        turn = recording.turns[place]
        figures.measured += 1
        figures.retried += bool(utterance["attempt"])
        if utterance["loudness_lufs"] is not None:
            figures.levels[turn.role].add(utterance["loudness_lufs"])
        rate = speaking_rate(utterance, spoken_of(turn, texts))
        if rate is not None:
            figures.rates[turn.role].add(rate)
