"""The settings of the timing model: how turns follow one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OVERLAP_SHARE = 0.301
"""Share of overlaps among all floor transfers (Levinson & Torreira 2015, see `stereo/floor_transfers.py`)."""
Layout = Literal["sequential", "overlapped"]
Timing = Literal["fixed", "natural"]
LEADING_SILENCE: dict[Timing, float] = {"fixed": 0.0, "natural": 0.2}
"""Default seconds before the first turn of a dialogue."""


@dataclass(frozen=True, slots=True)
class TimingModel:
    """Timing of turns where the record does not state it."""

    layout: Layout = "sequential"
    """`overlapped`: each channel by itself from frame 0 on, `gap` between its turns; nothing else counts. Of two turns
    both start at 0, as in the classic builder."""
    timing: Timing = "fixed"
    """`fixed`: always `gap`. `natural`: by chance, as people do (`floor_transfers`)."""
    gap: float = 0.3
    """Seconds between turns."""
    leading_silence: float = 0.0
    """Seconds before the first turn."""
    overlap_probability: float = OVERLAP_SHARE
    """Share of natural changes of speaker that overlap."""
    max_silence: float = 2.0
    """No natural gap is longer (seconds)."""
