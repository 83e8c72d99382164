"""Word times from the text alone: every word lasts in proportion to its characters. Approximate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..audio.silence import audible_stretches
from ..reading import words_of
from .base import AlignmentError, Utterance, Word, timed_words


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
        weights = [1 + sum(map(str.isalnum, word)) for word in words]
        borders = np.concatenate([[0.0], np.cumsum(weights)]) / sum(weights)
        try:
            return timed_words(words, _on_stretches(borders, stretches), utterance.duration)
        except AlignmentError as error:
            return error


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
