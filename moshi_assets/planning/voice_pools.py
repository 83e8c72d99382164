"""Pools of voices, from which a dialogue draws one for a role.

A draw is by highest random weight (rendezvous hashing: Thaler and Ravishankar, 1998): each voice of the pool gets a
weight from the dialogue's seed and the voice's content, and the greatest wins. So a draw depends neither on the order
of the pool nor on other dialogues, and of n voices a new one takes over about 1/(n+1) of the dialogues and moves no
other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import numpy as np

_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""Factors of the 64-bit mixer SplitMix64 (Steele, Lea, Flood 2014)."""


class Pool(Protocol):
    """The voices of one role, distinct by content."""

    fingerprints: list[str]

    def __len__(self) -> int: ...

    def name_of(self, fingerprint: str) -> str:
        """Name of a voice of the pool."""
        ...

    def draw(self, seed: int, avoid: Collection[str] = ()) -> tuple[str, str]:
        """Return name and fingerprint of the voice for a seed.

        Args:
            seed: 64 bits, the same for all turns that shall share the voice.
            avoid: fingerprints that are passed over while the pool has another.
        """
        ...


class VoicePool:
    """A pool in which every voice has the same chance."""

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
        self._digests = _digests(self.fingerprints)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def voices(self) -> list[tuple[str, str]]:
        """Name and fingerprint of each voice."""
        return list(zip(self._names, self.fingerprints, strict=True))

    def name_of(self, fingerprint: str) -> str:
        return self._names[self.fingerprints.index(fingerprint)]

    def draw(self, seed: int, avoid: Collection[str] = ()) -> tuple[str, str]:
        if len(self._names) == 1:
            return self._names[0], self.fingerprints[0]
        weights = _weigh(self._digests, seed)
        best = int(weights.argmax())
        if self.fingerprints[best] in avoid:
            ranked = weights.argsort(kind="stable")[::-1]
            best = next((n for n in map(int, ranked) if self.fingerprints[n] not in avoid), best)
        return self._names[best], self.fingerprints[best]


class BalancedPool:
    """A pool in which every group of voices has the same chance, and in it every voice of the group.

    A voice that joins a group moves draws of that group only.
    """

    def __init__(self, groups: Mapping[str, VoicePool]) -> None:
        """
        Args:
            groups: by name, at least one; no voice is in two of them.
        """
        self._groups = [groups[name] for name in sorted(groups)]
        self._digests = _digests(sorted(groups))
        self.fingerprints = sorted(fingerprint for group in self._groups for fingerprint in group.fingerprints)

    def __len__(self) -> int:
        return len(self.fingerprints)

    def name_of(self, fingerprint: str) -> str:
        return next(group.name_of(fingerprint) for group in self._groups if fingerprint in group.fingerprints)

    def draw(self, seed: int, avoid: Collection[str] = ()) -> tuple[str, str]:
        ranked = _weigh(self._digests, seed).argsort(kind="stable")[::-1]
        drawn = [self._groups[ranked[0]].draw(seed, avoid)]
        for group in ranked[1:]:
            if drawn[-1][1] not in avoid:
                break
            drawn.append(self._groups[group].draw(seed, avoid))
        return drawn[-1] if drawn[-1][1] not in avoid else drawn[0]


def _digests(names: Iterable[str]) -> np.ndarray:
    """(N,) uint64 digests."""
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _weigh(digests: np.ndarray, seed: int) -> np.ndarray:
    """(N,) uint64 weights: SplitMix64's mixer over the digests and the seed."""
    x = digests ^ np.uint64(seed)
    x ^= x >> _SHIFTS[0]
    x *= _FACTORS[0]
    x ^= x >> _SHIFTS[1]
    x *= _FACTORS[1]
    x ^= x >> _SHIFTS[2]
    return x
