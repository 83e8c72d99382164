"""Maps the times of spoken words to the written words that the transcript shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..reading import SpokenText
from .base import Word, timed_words


def written_words(said: SpokenText, spoken: Sequence[Word], duration: float) -> list[Word]:
    """The written words of a text, each from the start of its first spoken word to the end of its last.

    Written words that share spoken ones ("5 km" is "five kilometers", of both) share their time: each begins with its
    own first spoken word, or where these do not follow one another, by its letters. A word without a spoken one is
    given the pause that it marks.

    Args:
        said: the text.
        spoken: its spoken words with their times, in order; seconds.
        duration: length of the audio in seconds.

    Raises:
        AlignmentError: there is no room for the words.
    """
    if said.spans is None:
        return [*spoken]
    written = said.written_words
    times = np.full((len(written), 2), np.nan)
    for group, words in _groups(said, spoken):
        times[group.start : group.stop] = _shared([written[number] for number in group], words)
    return timed_words(written, times, duration)


_Tied = tuple[Word, int, int]
"""A spoken word with the range of written words that it stands for, first and one past the last."""


def _groups(said: SpokenText, spoken: Sequence[Word]) -> Iterator[tuple[range, list[_Tied]]]:
    """Runs of written words that share spoken words with one another, and those spoken words."""
    tied: list[_Tied] = []
    begin = end = 0
    for word, (first, stop) in zip(spoken, said.word_spans, strict=True):
        if tied and first >= end:
            yield range(begin, end), tied
            tied = []
        if not tied:
            begin = first
        tied.append((word, first, stop))
        end = max(end, stop) if len(tied) > 1 else stop
    if tied:
        yield range(begin, end), tied


def _shared(written: Sequence[str], tied: Sequence[_Tied]) -> np.ndarray:
    """(W, 2) seconds of W written words that share some spoken ones; together they fill the time of the spoken ones."""
    begin, end = tied[0][0].start, max(word.end for word, _, _ in tied)
    first = min(first for _, first, _ in tied)
    own: dict[int, float] = {}
    for word, one, stop in tied:
        for number in range(one - first, stop - first):
            own.setdefault(number, word.start)
    starts = [own.get(number, np.nan) for number in range(len(written))]
    if not np.all(np.diff(starts) > 0):
        weights = np.cumsum([0, *(1 + sum(map(str.isalnum, word)) for word in written)])
        starts = list(begin + (end - begin) * weights[:-1] / weights[-1])
    return np.column_stack([starts, [*starts[1:], end]])
