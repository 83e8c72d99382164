"""Stars that are no emphasis: letters that are kept back ("f***", "s**t") and products ("a*b*c")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(r"(?<!\S)\S*\*\S*")
_RUN = re.compile(r"(?<!\\)\*+")
_CONSONANT = frozenset("bcdfghjklmnpqrstvwxyzBCDFGHJKLMNPQRSTVWXYZ")
_PIECES = re.compile(r"\w+")


class _Run(NamedTuple):
    start: int
    end: int
    before: str
    after: str

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def inside(self) -> bool:
        """Whether it stands within a word."""
        return self.before.isalnum() and self.after.isalnum()

    @property
    def multiplies(self) -> bool:
        """Between digits, or brackets and letters: "2*x", "(a+b)*c"."""
        if self.length != 1:
            return False
        return ((self.before.isalnum() or self.before == ")") and (self.after.isdigit() or self.after == "(")) or (
            self.before.isdigit() and self.after.isalnum()
        )

    @property
    def hides_a_vowel(self) -> bool:
        return self.length == 1 and self.before in _CONSONANT and self.after in _CONSONANT


def literal_stars(text: str) -> frozenset[int]:
    """Where the runs of stars begin that are to stay: those within a word that no other one of it closes."""
    tokens = [(match.group(), [*_runs(text, match)]) for match in _TOKEN.finditer(text)]
    edges = [run for _, runs in tokens for run in runs if not run.inside and not run.multiplies]
    opening = [run.length for run in edges if _opens(run)]
    closing = [run.length for run in edges if not _opens(run)]
    found = set[int]()
    for token, runs in tokens:
        found |= {run.start for run in runs if run.multiplies}
        inside = [run for run in runs if run.inside and not run.multiplies]
        if inside and not _emphasise(token, runs, opening, closing):
            found |= {run.start for run in inside}
    if sum(opening) < sum(closing):  # "*What the f***?*"
        for run in edges:
            kept_back = run.length > 1 and run.before.isalpha() and not run.after.isalnum()
            if kept_back and sum(opening) <= sum(closing) - run.length:
                closing.remove(run.length)
                found.add(run.start)
    return frozenset(found)


def _runs(text: str, token: re.Match[str]) -> Iterator[_Run]:
    for match in _RUN.finditer(text, token.start(), token.end()):
        start, end = match.span()
        yield _Run(start, end, text[start - 1 : start], text[end : end + 1])


def _opens(run: _Run) -> bool:
    return bool(run.after.strip()) and (not run.before.strip() or (not run.before.isalnum() and run.after.isalnum()))


def _emphasise(token: str, runs: list[_Run], opening: list[int], closing: list[int]) -> bool:
    """Whether the stars of one token enclose parts of it: "un**believ**able", "*em*phasis", not "f*ck*ng"."""
    pairs = list(zip(runs[::2], runs[1::2], strict=False))
    if len(runs) % 2 or any(first.length != second.length for first, second in pairs):
        return False
    if all(run.inside for run in runs):
        product = all(len(piece) == 1 for piece in _PIECES.findall(token))
        return not product and not all(run.hides_a_vowel for run in runs)
    return opening.count(runs[0].length) != closing.count(runs[0].length)
