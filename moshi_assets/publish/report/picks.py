"""Chooses the recordings to hear in a report: some at random, and the most unusual."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...dialogues.dialogue import ROLES
from ...dialogues.reject_kinds import reject_kind
from ...stereo.recording import Recording
from ..measured import Measured
from ..shard_content import ShardContent


class Pick(NamedTuple):
    """A recording to listen to."""

    shard: str
    recording: Recording
    reason: str = ""
    """What is unusual about the recording; empty for a random one."""
    turn: int | None = None
    """Place, in `recording.turns`, of the turn to hear if the whole recording is too long."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """A way to be unusual. Of two utterances the one with the higher score is worse; a score of 1 is notable."""

    measure: str
    score: Callable[[float, float], float]
    """Score of a value, given the role's median."""
    says: str
    """The reason, with the fields `value` and `usual`."""
    sign: int = 1
    """+1 if large values are unusual, -1 if small ones are."""


def _beyond(width: float) -> Callable[[float, float], float]:
    return lambda value, usual: abs(value - usual) / width


ODDITIES = (
    Oddity("chars_per_second", lambda v, u: math.log(v / u) / 0.4, "{value:.1f} characters/s, the median is "
                                                                   "{usual:.1f}"),
    Oddity("chars_per_second", lambda v, u: math.log(u / v) / 0.4, "{value:.1f} characters/s, the median is "
                                                                   "{usual:.1f}", -1),
    Oddity("loudness_lufs", _beyond(6), "{value:.1f} LUFS, the median is {usual:.1f}"),
    Oddity("loudness_lufs", _beyond(6), "{value:.1f} LUFS, the median is {usual:.1f}", -1),
    Oddity("clipped", lambda v, u: v / 0.001, "{value:.2%} of its samples are clipped"),
    Oddity("leading_silence", _beyond(1), "{value:.1f} s of silence before it speaks"),
    Oddity("trailing_silence", _beyond(1), "{value:.1f} s of silence at its end"),
    Oddity("inner_silence", _beyond(1.5), "a pause of {value:.1f} s inside"),
    Oddity("attempt", lambda v, u: v, "good only at attempt {nth:.0f}"),
    Oddity("wer", lambda v, u: v / 0.25, "{value:.0%} of its words were heard otherwise"),
    Oddity("speaker_similarity", _beyond(0.15), "speaker similarity {value:.2f}, the median is {usual:.2f}", -1),
    Oddity("dnsmos", _beyond(0.6), "DNSMOS {value:.2f}, the median is {usual:.2f}", -1),
)  # fmt: skip


class _Largest:
    """The `size` items with the largest scores; of equal scores the earlier one."""

    def __init__(self, size: int) -> None:
        self._size, self._heap, self._seen = size, list[tuple[Any, int, Any]](), 0

    def add(self, score: Any, item: Any) -> None:
        self._seen += 1
        entry = (score, -self._seen, item)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif self._size and entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def items(self) -> list[Any]:
        """Largest first."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


class RandomPicks:
    """Recordings drawn by a hash of seed and path: neither order nor sharding matters, and each has the same chance."""

    def __init__(self, size: int, seed: int) -> None:
        self._largest, self._seed = _Largest(size), seed

    def add(self, shard: ShardContent) -> None:
        """Consider the recordings of a shard."""
        for recording in filter(lambda each: each.turns, shard.recordings):
            identity = f"{self._seed}\0{recording.path}".encode("utf-8", "surrogatepass")
            lot = int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "big")
            self._largest.add(lot, Pick(shard.name, recording, turn=lot % len(recording.turns)))

    def picks(self) -> list[Pick]:
        return self._largest.items()


class UnusualPicks:
    """Recordings with a fault, and those with the most unusual utterances of their role; each reason gets a
    turn first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._faulty: dict[str, list[Pick]] = {}
        self._extremes = {(oddity, role): _Largest(size) for oddity in ODDITIES for role in ROLES}

    def add(self, shard: ShardContent) -> None:
        """Consider the recordings of a shard."""
        for recording in shard.recordings:
            if recording.fault is not None:
                alike = self._faulty.setdefault(reject_kind(recording.fault), [])
                if len(alike) < self._size:
                    alike.append(Pick(shard.name, recording, recording.fault))
        self.add_measures(shard)

    def add_measures(self, shard: ShardContent) -> None:
        """Consider the measured turns of a shard."""
        for recording in shard.recordings:
            for place, turn in enumerate(recording.turns):
                measures = shard.measured.get((turn.dialogue_id, turn.turn))
                if measures is None or turn.backchannel:  # "Mm-hm" is quiet and quick by nature
                    continue
                for oddity in ODDITIES:
                    value = measures[oddity.measure]
                    if value is not None and math.isfinite(value):
                        pick = Pick(shard.name, recording, turn=place)
                        self._extremes[oddity, turn.role].add(oddity.sign * value, (value, pick))

    def picks(self, measured: Measured) -> list[Pick]:
        """The most unusual first, each recording once.

        Args:
            measured: what is usual, from all recordings.

        No two have the same reason while there is another one: six utterances that are all too fast are less
        informative than six that are unusual in different ways.
        """
        reasons = self._by_reason(measured)
        held: dict[str, tuple[float, Pick]] = {}
        while len(held) < self._size and any(reasons):
            for reason in sorted(filter(None, reasons), key=lambda reason: -reason[0][0]):
                while reason and reason[0][1].recording.path in held:
                    reason.popleft()
                if reason and len(held) < self._size:
                    score, pick = reason.popleft()
                    held[pick.recording.path] = score, pick
        return [pick for _, pick in sorted(held.values(), key=lambda entry: -entry[0])]

    def _by_reason(self, measured: Measured) -> list[deque[tuple[float, Pick]]]:
        """Candidates of each reason with their scores, the worst first. A fault is worse than anything odd."""
        reasons: list[list[tuple[float, Pick]]] = [
            [(math.inf, pick) for pick in alike] for alike in self._faulty.values()
        ]
        for oddity in ODDITIES:
            odd = []
            for role in ROLES:
                usual = measured.values[oddity.measure, role].quantile(0.5)
                for value, pick in self._extremes[oddity, role].items():
                    if (value - usual) * oddity.sign > 0:
                        says = oddity.says.format(value=value, usual=usual, nth=value + 1).replace(
                            "-", "\N{MINUS SIGN}"
                        )
                        reason = f"{role}, turn {pick.recording.turns[pick.turn or 0].turn + 1}: {says}"
                        odd.append((oddity.score(value, usual), pick._replace(reason=reason)))
            reasons.append(sorted(odd, key=lambda entry: -entry[0]))
        return [deque(reason) for reason in reasons]
