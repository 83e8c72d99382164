"""Measures of a dataset's utterances, counted once for card and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..dialogues.dialogue import Role
from ..quality.expectation import expect
from ..stereo.recording import CHANNEL
from .distribution import Distribution

MeasuredTurn = dict[str, Any]
"""A measure or `attempt` by name; None for a measure that was not taken, or says nothing of this text."""
MeasuredTurns = Mapping[tuple[str, int], MeasuredTurn]
"""Measures by dialogue id and turn."""
_CELLS: dict[str, tuple[float, float, float]] = {
    "loudness_lufs": (0.1, -80, 10),
    "peak_dbfs": (0.1, -120, 10),
    "clipped": (1e-5, 0, 1),
    "leading_silence": (0.01, 0, 200),
    "trailing_silence": (0.01, 0, 200),
    "inner_silence": (0.01, 0, 200),
    "chars_per_second": (0.1, 0, 200),
    "wer": (0.01, 0, 100),
    "speaker_similarity": (0.01, -1, 1.1),
    "dnsmos": (0.01, 0, 10),
    "attempt": (1, 0, 1000),
}
"""The measures that are counted, each with the resolution and the limits of its distribution."""


@dataclass
class Measured:
    """The measured utterances in a dataset's recordings."""

    utterances: int = 0
    retried: int = 0
    """Utterances that were good only at a further attempt."""
    rejected: int = 0
    """Utterances that no attempt made good; their dialogues are not in the dataset."""
    values: dict[tuple[str, Role], Distribution] = field(
        default_factory=lambda: {(name, role): Distribution(*_CELLS[name]) for name in _CELLS for role in CHANNEL}
    )
    """Values by measure and role."""

    def add(self, role: Role, turn: MeasuredTurn) -> None:
        """Count an utterance of a speaker."""
        self.utterances += 1
        self.retried += bool(turn["attempt"])
        for name in _CELLS:
            if turn[name] is not None:
                self.values[name, role].add(turn[name])

    def by_role(self, name: str) -> dict[str, Distribution]:
        """Values of one measure."""
        return {role: self.values[name, role] for role in CHANNEL}


def comparable(turn: MeasuredTurn, spoken: str | None) -> MeasuredTurn:
    """Measures of an utterance, without a speaking rate where the text is so short, or such, that it has none.

    Args:
        turn: the measures.
        spoken: the text as it was pronounced; None where it is not known.
    """
    rate = turn["chars_per_second"]
    return turn if rate and spoken and expect(spoken).rate_matters else turn | {"chars_per_second": None}
