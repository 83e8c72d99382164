"""The reading of a turn: its written words, its spoken words, and the relation between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..storage.parse_summary import Outcome

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[^\w\s]*[{_CJK}][^\w\s]*|[^\s{_CJK}]+")
_SIGNS_ALONE = re.compile(r"(?<!\S)(?:[^\w\s]|_)++(?!\S)")
_BEFORE = re.compile("[$\u00a3\u20ac\u00a5\u20b9#\u00a7\u221a\u2116~\u00b1\u2248\u00a9@(\\[{\u201c\u00ab]+")
"""Signs that belong to what follows them: "$ 5", "# 3"."""
_SOUND = re.compile(r"[^\W_]")


class Finding(NamedTuple):
    """A change to a turn, or something noticed in it."""

    outcome: Outcome
    kind: str
    """Name of the rule: `markdown`, `money`, `symbol`."""
    written: str
    """The stretch of the text concerned."""
    spoken: str = ""
    """The spoken form; "" if the stretch was dropped."""


class Pause(NamedTuple):
    """A silence that the writer asked for."""

    before: int
    """Number of the written word that follows it; the number of words if it comes last."""
    seconds: float


class Span(NamedTuple):
    """Written words that a spoken word stands for."""

    first: int
    end: int
    """One past the last word."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A turn as it is to be pronounced, linked word by word to the turn as it is written."""

    text: str
    """The written text after cleaning, which the transcript shows."""
    spoken: str
    """The text as it is to be pronounced, for engine, aligner and recogniser."""
    spans: tuple[Span, ...] | None = None
    """The written words of each spoken one; None if every word is spoken as it is written."""
    findings: tuple[Finding, ...] = ()
    pauses: tuple[Pause, ...] = ()
    language: str = ""
    """The language that the turn is in, where it is clearly another one than its dialogue's; "" if it is not."""

    @property
    def written_words(self) -> list[str]:
        """The words of `text`."""
        return words_of(self.text)

    @property
    def spoken_words(self) -> list[str]:
        """The words of `spoken`."""
        return words_of(self.spoken)

    @property
    def word_spans(self) -> Iterable[Span]:
        """The written words of each spoken one, in order."""
        if self.spans is not None:
            return self.spans
        return (Span(number, number + 1) for number in range(len(self.spoken_words)))

    def part(self, begin: int, end: int) -> SpokenText | None:
        """A stretch of the turn as a turn of its own, spoken as it is in the whole, without findings and pauses.

        Args:
            begin, end: positions in `text`.

        Returns:
            None where the stretch has no words, or ends within one, written or spoken: "1 000" of "1 000 000".
        """
        written = list(located_words(self.text))
        within = [number for number, (first, last) in enumerate(written) if begin <= first and last <= end]
        if not within or any(first < place < last for first, last in written for place in (begin, end)):
            return None
        words = Span(within[0], within[-1] + 1)
        spoken: list[tuple[int, int]] = []
        spans: list[Span] = []
        for place, span in zip(located_words(self.spoken), self.word_spans, strict=True):
            if span.first < words.end and words.first < span.end:
                if span.first < words.first or words.end < span.end:
                    return None
                spoken.append(place)
                spans.append(Span(span.first - words.first, span.end - words.first))
        if not spoken:
            return None
        return SpokenText(
            self.text[written[words.first][0] : written[words.end - 1][1]],
            self.spoken[spoken[0][0] : spoken[-1][1]],
            None if self.spans is None else tuple(spans),
            language=self.language,
        )

    @property
    def rejected(self) -> Finding | None:
        """The reason why the turn cannot be spoken, or None."""
        return next((finding for finding in self.findings if finding.outcome == "rejected"), None)

    @property
    def changed(self) -> bool:
        """Whether anything was dropped or is not spoken as it is written."""
        return bool(self.findings) or self.text != self.spoken


def words_of(text: str) -> list[str]:
    """Split a text into words by white space, Chinese and Japanese by character; punctuation stays with its word.

    Signs that stand alone go with the word before them, those of money and the like with the word after, so that no
    sign is a word with a time of its own.

    >>> words_of("Well \u2014 yes!")
    ['Well \u2014', 'yes!']
    """
    if not _SIGNS_ALONE.search(text):
        return _WORD.findall(text)
    return [text[begin:end] for begin, end in located_words(text)]


def located_words(text: str) -> Iterator[tuple[int, int]]:
    """First and end position of the words of `words_of`."""
    if not _SIGNS_ALONE.search(text):
        return (match.span() for match in _WORD.finditer(text))
    words: list[tuple[int, int]] = []
    waits: int | None = None
    """Where signs begin that go with the word after them."""
    for match in _WORD.finditer(text):
        begin, end = match.span()
        if _SOUND.search(text, begin, end):
            words.append((begin if waits is None else waits, end))
            waits = None
        elif waits is None and words and not _BEFORE.fullmatch(text, begin, end):
            words[-1] = (words[-1][0], end)
        elif waits is None:
            waits = begin
    if waits is not None:  # nothing follows them
        begin = words.pop()[0] if words else waits
        words.append((begin, len(text.rstrip())))
    return iter(words)
