"""Counts of the findings in a dataset's texts by kind, with an example of each."""

from __future__ import annotations

from collections.abc import Iterator

from ..storage.parse_summary import KindCount, Outcome
from .spoken_text import Finding, SpokenText

_OUTCOMES: tuple[Outcome, ...] = ("rejected", "suspicious", "cleaned", "verbalised")


class ReadingCounts:
    """Counts of turns by finding. Memory grows with the number of kinds, not of turns."""

    def __init__(self) -> None:
        self.turns = 0
        self.changed = 0
        """Spoken otherwise than they are written, or shortened."""
        self.rejected = 0
        self._kinds: dict[tuple[Outcome, str], tuple[int, Finding]] = {}

    def add(self, spoken: SpokenText) -> None:
        """Count one turn."""
        self.turns += 1
        if not spoken.findings:
            return
        self.changed += 1
        self.rejected += spoken.rejected is not None
        firsts: dict[tuple[Outcome, str], Finding] = {}
        for finding in spoken.findings:
            firsts.setdefault((finding.outcome, finding.kind), finding)
        for key, finding in firsts.items():
            turns, example = self._kinds.get(key, (0, finding))
            self._kinds[key] = (turns + 1, example)

    def merge(self, other: ReadingCounts) -> None:
        """Add the counts of other turns, such as those of another shard; the examples already kept stay."""
        self.turns += other.turns
        self.changed += other.changed
        self.rejected += other.rejected
        for key, (turns, example) in other._kinds.items():
            mine, kept = self._kinds.get(key, (0, example))
            self._kinds[key] = (mine + turns, kept)

    def __iter__(self) -> Iterator[KindCount]:
        """The kinds: rejected ones first, then suspicious ones; the most frequent first in each group."""
        for key in sorted(self._kinds, key=lambda key: (_OUTCOMES.index(key[0]), -self._kinds[key][0], key[1])):
            turns, example = self._kinds[key]
            yield KindCount(*key, turns, example.written, example.spoken)
