"""Word times from the sound: pocketsphinx aligns the known English text (its wheel holds the model)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from ..audio.pcm import resample
from ..audio.silence import audible_stretches
from ..reading import words_of
from .base import AlignerError, AlignmentError, Utterance, Word, timed_words
from .pronunciation import Pronunciations
from .sphinx import SphinxMissing, sphinx_decoder

RATE = 16000
FRAME_SECONDS = 0.01
BORDER_SECONDS = 0.008
"""Seconds to add to a frame's time to get the border before it: its window of 25.6 ms is centred 12.8 ms later, the
window before it 2.8 ms later.
"""
PAD_SECONDS = 0.3
"""Seconds of faint noise added at both ends: without it the first and last word are not found in an utterance that
begins or ends at once.
"""
PAD_AMPLITUDE = 3
"""Standard deviation of that noise, in int16 steps."""

_PAUSE = "<sil>"
_ENDS_SENTENCE = re.compile(r"[.?!;:\u2026]\W*$")


class AcousticAligner:
    """Forced alignment in one pass. The result for an utterance does not depend on what was aligned before it."""

    name: ClassVar[str] = "acoustic"

    def __init__(self) -> None:
        self._decoder: Any = None
        self._pronunciations: Pronunciations | None = None
        noise = np.random.default_rng(0).normal(0, PAD_AMPLITUDE, round(PAD_SECONDS * RATE))
        self._pad = np.rint(noise).astype(np.int16)

    def align(self, utterances: Sequence[Utterance]) -> list[list[Word] | AlignmentError]:
        results: list[list[Word] | AlignmentError] = []
        for utterance in utterances:
            try:
                results.append(self._align(utterance))
            except AlignmentError as error:
                results.append(error)
            except AlignerError:
                raise
            except RuntimeError as error:
                self._decoder = None  # what it was in the middle of is unknown
                results.append(AlignmentError(f"pocketsphinx: {error}"))
        return results

    def _align(self, utterance: Utterance) -> list[Word]:
        decoder, pronunciations = self._load()
        words = words_of(utterance.text)
        entries = pronunciations.entries(utterance.text)
        expected = [entry for entry in entries if entry]
        if not expected:
            raise AlignmentError("no word of it can be said")
        stretches = audible_stretches(utterance.samples, utterance.sample_rate)
        sound = resample(utterance.samples, utterance.sample_rate, RATE)
        decoder.set_align_text(" ".join(_with_pauses(words, entries) if len(stretches) > 1 else expected))
        decoder.start_utt()
        decoder.process_raw(np.concatenate([self._pad, sound, self._pad]).tobytes(), full_utt=True)
        decoder.end_utt()
        segments = [s for s in decoder.seg() or () if s.word[0] not in "<["]
        if [_base(segment.word) for segment in segments] != expected:
            raise AlignmentError("pocketsphinx finds no path through the text: does the audio say this text?")
        times = np.full((len(entries), 2), np.nan)
        times[[entry is not None for entry in entries]] = [(s.start_frame, s.end_frame + 1) for s in segments]
        times = times * FRAME_SECONDS + BORDER_SECONDS - PAD_SECONDS
        # The model gives the first word some of the silence before it.
        times[:, 0] = np.maximum(times[:, 0], stretches[0, 0])
        return timed_words(words, times, utterance.duration)

    def _load(self) -> tuple[Any, Pronunciations]:
        if self._decoder is None or self._pronunciations is None:
            try:
                # Batch normalisation sees one utterance alone; the default carries over what came before.
                decoder = self._decoder = sphinx_decoder(lm=None, cmn="batch")
            except SphinxMissing as error:
                raise AlignerError(f"aligner 'acoustic' {error}") from None
            self._pronunciations = Pronunciations(
                decoder.lookup_word, lambda word, phones: decoder.add_word(word, phones, True)
            )
        return self._decoder, self._pronunciations


def _base(word: str) -> str:
    """Dictionary word without the number of its variant: `the(2)` -> `the`."""
    return word.partition("(")[0]


def _with_pauses(words: Sequence[str], entries: Sequence[str | None]) -> Iterator[str]:
    """Insert a pause after each sentence; otherwise the next word may begin in the last sound before it."""
    paused = True
    for word, entry in zip(words, entries, strict=True):
        if entry:
            yield entry
            paused = False
        if not paused and _ENDS_SENTENCE.search(word):
            yield _PAUSE
            paused = True
