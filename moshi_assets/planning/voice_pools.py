"""Pools of voices: which voice speaks a role in one dialogue.

A draw is by highest random weight (rendezvous hashing: Thaler and Ravishankar, 1998): each voice of the pool gets a
weight from the dialogue's seed and the voice's content, and the greatest wins. So a draw depends neither on the order
of the pool nor on other dialogues, and of n voices a new one takes over about 1/(n+1) of the dialogues and moves no
other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

import numpy as np

_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""Of the 64-bit mixer SplitMix64 (Steele, Lea, Flood 2014)."""


class VoicePool:
    """Voices of one role, distinct by content."""

    def __init__(self, voices: Iterable[tuple[str, str]]) -> None:
        """
        Args:
            voices: name and fingerprint of each; of several with one fingerprint the first is kept. At least one.
        """
        by_content: dict[str, str] = {}
        for name, fingerprint in voices:
            by_content.setdefault(fingerprint, name)
        self.fingerprints = sorted(by_content)
        self._names = [by_content[fingerprint] for fingerprint in self.fingerprints]
        digests = b"".join(hashlib.blake2b(f.encode(), digest_size=8).digest() for f in self.fingerprints)
        self._digests = np.frombuffer(digests, "<u8").astype(np.uint64)

    def __len__(self) -> int:
        return len(self._names)

    def name_of(self, fingerprint: str) -> str:
        """Name of a voice of the pool."""
        return self._names[self.fingerprints.index(fingerprint)]

    def draw(self, seed: int, avoid: Collection[str] = ()) -> tuple[str, str]:
        """Name and fingerprint of the voice for a seed.

        Args:
            seed: 64 bits, the same for all turns that shall share the voice.
            avoid: fingerprints that are passed over while the pool has another.
        """
        if len(self._names) == 1:
            return self._names[0], self.fingerprints[0]
        weights = self._weigh(seed)
        best = int(weights.argmax())
        if self.fingerprints[best] in avoid:
            ranked = weights.argsort(kind="stable")[::-1]
            best = next((n for n in map(int, ranked) if self.fingerprints[n] not in avoid), best)
        return self._names[best], self.fingerprints[best]

    def _weigh(self, seed: int) -> np.ndarray:
        """(V,) uint64: SplitMix64's mixer over the voices' digests and the seed."""
        x = self._digests ^ np.uint64(seed)
        x ^= x >> _SHIFTS[0]
        x *= _FACTORS[0]
        x ^= x >> _SHIFTS[1]
        x *= _FACTORS[1]
        x ^= x >> _SHIFTS[2]
        return x
