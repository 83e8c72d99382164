"""Word times from the text alone: every word lasts in proportion to its characters. Approximate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..audio.silence import audible_stretches
from ..reading import words_of
from .base import AlignmentError, Utterance, Word, timed_words

_CLAUSE_END = re.compile(r"[.?!;:\u2026\u3002\uff01\uff1f\uff1b,\uff0c\u2014\u2013]\W*$")
_NEAR_SECONDS = 0.5
"""A clause may be moved to a pause at most this far from where its letters put it, in audible seconds."""
_LETTER_NAME = 3
"""Typical number of letters in the name of a letter: "bee", "eff"."""
_DOUBLE_U = 9


class ProportionalAligner:
    """Spreads the words, by their letters and digits, over the audible time of an utterance."""

    name: ClassVar[str] = "proportional"

    def align(self, utterances: Sequence[Utterance]) -> list[list[Word] | AlignmentError]:
        return [self._align(utterance) for utterance in utterances]

    def _align(self, utterance: Utterance) -> list[Word] | AlignmentError:
        words = words_of(utterance.text)
        if not words:
            return AlignmentError("there is no word")
        stretches = audible_stretches(utterance.samples, utterance.sample_rate)
        weights = [_weight(word) for word in words]
        borders = np.concatenate([[0.0], np.cumsum(weights)]) / sum(weights)
        try:
            return timed_words(
                words, _on_stretches(_at_pauses(borders, words, stretches), stretches), utterance.duration
            )
        except AlignmentError as error:
            return error


def _weight(word: str) -> int:
    """Relative length of a word: its letters and one space. A letter that is spelled counts as long as its name."""
    letters = "".join(filter(str.isalnum, word))
    if len(letters) == 1 and letters.isascii() and letters not in "aAI":
        return 1 + (_DOUBLE_U if letters in "wW" else _LETTER_NAME)
    return 1 + len(letters)


def _at_pauses(borders: np.ndarray, words: Sequence[str], stretches: np.ndarray) -> np.ndarray:
    """Move borders so that a clause ends at each pause that lies near the end of a clause by its letters."""
    ends = borders[[number for number, word in enumerate(words[:-1], 1) if _CLAUSE_END.search(word)]]
    lengths = stretches[:, 1] - stretches[:, 0]
    pauses = np.cumsum(lengths)[:-1] / lengths.sum()
    anchors = {0.0: 0.0, 1.0: 1.0}
    for pause in pauses if len(ends) else ():
        end = float(ends[np.argmin(abs(ends - pause))])
        if abs(end - pause) < min(_NEAR_SECONDS / lengths.sum(), abs(anchors.get(end, np.inf) - end)):
            anchors[end] = float(pause)
    places = sorted(anchors)
    return np.interp(borders, places, [anchors[place] for place in places])


def _on_stretches(borders: np.ndarray, stretches: np.ndarray) -> np.ndarray:
    """(W, 2) seconds of W words that lie between W + 1 borders (0 to 1) of the audible time."""
    lengths = stretches[:, 1] - stretches[:, 0]
    passed = np.concatenate([[0.0], np.cumsum(lengths)])
    places = borders * passed[-1]
    last = len(stretches) - 1
    begins = np.clip(np.searchsorted(passed, places[:-1], "right") - 1, 0, last)  # at a pause: after it
    ends = np.clip(np.searchsorted(passed, places[1:], "left") - 1, 0, last)  # at a pause: before it
    return np.column_stack(
        [
            stretches[begins, 0] + places[:-1] - passed[begins],
            stretches[ends, 0] + places[1:] - passed[ends],
        ]
    )
