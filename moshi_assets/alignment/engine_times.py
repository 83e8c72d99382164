"""Word times as reported by the engine that spoke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..reading import words_of
from .base import AlignmentError, Utterance, Word, timed_words

TOLERANCE_SECONDS = 0.1
"""How far past the end of the audio a time may lie, in seconds, before all times are rejected."""


class EngineAligner:
    """Passes on the engine's own word times where they fit the text and the audio."""

    name: ClassVar[str] = "engine"

    def align(self, utterances: Sequence[Utterance]) -> list[list[Word] | AlignmentError]:
        return [self._align(utterance) for utterance in utterances]

    def _align(self, utterance: Utterance) -> list[Word] | AlignmentError:
        times = utterance.known_times
        if times is None:
            return AlignmentError("the engine reported no word times")
        if np.isfinite(times).any() and np.nanmax(times) > utterance.duration + TOLERANCE_SECONDS:
            return AlignmentError(f"the engine's word times end after the audio ({utterance.duration:.2f} s)")
        try:
            return timed_words(words_of(utterance.text), times, utterance.duration)
        except AlignmentError as error:
            return error
