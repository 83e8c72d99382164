"""Chooses the dialogues that are kept for evaluation, by what is said, so that no text is in both splits.

Dialogues that say the same (but for case, punctuation and spacing) have one hash, whatever their ids, turns and place
in the file, and go to one side together.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import unicodedata
from collections.abc import Callable, Iterable

from ..dialogues.dialogue import EVAL, TRAIN, Dialogue, Split

_NO_WORD = re.compile(r"[\W_]+")
_SPARE = 1000


def text_hash(dialogue: Dialogue, seed: int) -> int:
    """64-bit hash of the words of a dialogue.

    Letters and digits count, in Unicode's compatibility form, without case and accents; who says them and where a turn
    ends does not, and backchannels do not count at all. A dialogue with no letters or digits is compared as written,
    ignoring whitespace.
    """
    text = " ".join(turn.text for turn in dialogue.turns if not turn.backchannel)
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    words = _NO_WORD.sub("", text) or "".join(text.split())
    identity = f"split\0{seed}\0{words}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "little")


def split_by_fraction(fraction: float, seed: int) -> Callable[[Dialogue], Split]:
    """Make a function from a dialogue to `train` or `eval` that puts each text in evaluation with the probability
    `fraction`.
    """
    limit = int(fraction * 2**64)
    return lambda dialogue: EVAL if text_hash(dialogue, seed) < limit else TRAIN


def split_by_count(dialogues: Iterable[Dialogue], count: int, seed: int) -> Callable[[Dialogue], Split]:
    """Make a function from a dialogue to `train` or `eval` that puts the `count` dialogues with the smallest hashes in
    evaluation.

    Dialogues of one text stay together: where they do not all fit into what is left of `count`, they are passed over
    and the next smallest hash is taken. So there can be fewer than `count`, where nothing small enough is left; the
    2 x count + 1000 smallest hashes are looked at. Memory is bounded by them.

    Args:
        dialogues: all dialogues of the file.
        count: how many are wanted.
        seed: the recipe's.
    """
    smallest = _SmallestHashes(2 * count + _SPARE)
    for dialogue in dialogues:
        smallest.add(text_hash(dialogue, seed))
    chosen, left = set(), count
    for value, size in smallest.in_order():
        if size <= left:
            chosen.add(value)
            left -= size
    return lambda dialogue: EVAL if text_hash(dialogue, seed) in chosen else TRAIN


class _SmallestHashes:
    """The smallest distinct hashes of a stream, and how often each occurred."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts: dict[int, int] = {}
        self._largest_first: list[int] = []

    def add(self, value: int) -> None:
        if value in self._counts:
            self._counts[value] += 1
        elif len(self._counts) < self._capacity:
            self._counts[value] = 1
            heapq.heappush(self._largest_first, -value)
        elif value < -self._largest_first[0]:
            # What falls out never comes back: the bound only sinks. So the counts of what is in are complete.
            del self._counts[-heapq.heapreplace(self._largest_first, -value)]
            self._counts[value] = 1

    def in_order(self) -> list[tuple[int, int]]:
        """(hash, count), smallest hash first."""
        return sorted(self._counts.items())
