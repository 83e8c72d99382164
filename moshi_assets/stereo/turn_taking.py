"""Turn-taking in numbers: gaps, overlaps, and who speaks how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean, median

from .recording import PlacedTurn, Recording
from .training_window import training_windows, window_fill


@dataclass
class TurnTaking:
    """Figures over some recordings."""

    recordings: int = 0
    gaps: list[float] = field(default_factory=list)
    """Floor transfer offsets: seconds from the end of a turn to the start of the next one, of the other speaker;
    negative where they overlap."""
    speech: dict[str, float] = field(default_factory=lambda: {"assistant": 0.0, "user": 0.0})
    """Seconds by role."""
    audio_seconds: float = 0.0
    windows: int = 0
    """That the recordings are trained in."""

    def add(self, recording: Recording) -> None:
        """Count one recording."""
        self.recordings += 1
        self.gaps += floor_transfer_offsets(recording)
        for turn in recording.turns:
            self.speech[turn.role] += turn.frames / recording.sample_rate
        self.audio_seconds += recording.duration
        self.windows += training_windows(recording.duration)

    def summary(self) -> dict[str, float]:
        """Figures for people: seconds and shares."""
        figures = {
            "recordings": self.recordings,
            "assistant_seconds": round(self.speech["assistant"], 3),
            "user_seconds": round(self.speech["user"], 3),
            "training_windows": self.windows,
            "window_fill": round(window_fill(self.audio_seconds, self.windows), 4),
            "changes_of_speaker": len(self.gaps),
        }
        if self.gaps:
            figures |= {
                "gap_mean_seconds": round(fmean(self.gaps), 3),
                "gap_median_seconds": round(median(self.gaps), 3),
                "overlap_share": round(sum(gap < 0 for gap in self.gaps) / len(self.gaps), 4),
            }
        return figures


def floor_transfer_offsets(recording: Recording) -> Iterator[float]:
    """Seconds from the end of each turn to the start of the next where the speaker changes, within each dialogue.

    Between what is heard: silence around an utterance belongs to the gap. Backchannels are left out: they do not take
    the floor.
    """

    def dialogue(turn: PlacedTurn) -> str:
        return turn.dialogue_id

    for _, turns in groupby((turn for turn in recording.turns if not turn.backchannel), dialogue):
        before: PlacedTurn | None = None
        for turn in turns:
            if before is not None and before.role != turn.role:
                heard = turn.start + turn.lead
                yield (heard - (before.start + before.frames - before.trail)) / recording.sample_rate
            before = turn
