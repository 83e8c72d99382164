"""Checks whether the words of an utterance lie where its sound is, whichever aligner found them.

A transcript with times that are all a third of a second off still has the right words, in order, inside the audio; only
the sound reveals the fault. The thresholds lie between what right times give and what times that are 0.3 s off give,
for every aligner: `python -m benchmarks word_fit` counts both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..audio.frame_power import FRAME_SECONDS, FramePower
from .base import MIN_WORD_SECONDS, AlignmentError, Word
from .words import is_english

LOUD_DB = -20.0
"""A frame within so many dB of the utterance's level counts as speech rather than breath."""
ONSET_FRAMES, ONSET_LOUD = 10, 5
"""Speech begins at the first loud frame that starts a stretch of `ONSET_FRAMES` frames of which `ONSET_LOUD` are loud;
a click does not.
"""
EARLY_SECONDS = 0.2
"""Longest silence between the start of a word and its sound. Correct times have up to 0.12 s (the closure of a
plosive).
"""
LATE_SECONDS = 0.16
"""Longest time from the onset of speech to the first word: two frames of Mimi. Correct times have up to 0.07 s."""
LEVEL_DB = 10.0
"""Least level difference between the sound within the words and beside them: ten times the power. Correct times have 46
dB.
"""
BESIDE_SECONDS = 0.1
"""Sound within this distance of a word counts neither as within nor as beside it, because words have no sharp borders.
"""
MARGIN_SECONDS = 0.5
"""How far before and after an utterance its words are searched for, where its channel is silent."""


class Misfit(NamedTuple):
    """A contradiction between the words of an utterance and its sound."""

    check: str
    """The check that failed: `early_words`, `late_words` or `word_level`."""
    message: str


def misfits(words: Sequence[Word], sound: FramePower, begin: float = 0.0) -> Iterator[Misfit]:
    """Yield the faults in the times of an utterance's words, at most one from each check.

    Args:
        words: all words of the utterance, in order; seconds from its start, before it and after it too.
        sound: of the utterance; it is silent before and after.
        begin: start of the utterance in seconds, for the times in messages.
    """
    power, level, audible = sound
    if not words or not level:
        return
    heard = list(_heard(words))
    for word, silence in zip(heard, _silences(heard, audible), strict=True):
        if silence > EARLY_SECONDS:
            told = "after its last sound" if np.isinf(silence) else f"{silence:.2f} s before anything is heard"
            yield Misfit("early_words", f"{word.text!r} begins at {begin + word.start:.2f} s, {told}")
            break
    onset = _onset(power >= level * 10 ** (LOUD_DB / 10))
    first = min(words, key=lambda word: word.start)
    if onset is not None and first.start - onset > LATE_SECONDS:
        told = f"speech begins at {begin + onset:.2f} s, its first word {first.text!r} at {begin + first.start:.2f} s"
        yield Misfit("late_words", told)
    within, beside = _powers(words, np.minimum(power, level))  # no click outweighs the silence around it
    if within < beside * 10 ** (LEVEL_DB / 10):
        apart = 10 * float(np.log10(max(within, 1e-9) / beside))
        yield Misfit("word_level", f"within its words it is {apart:+.0f} dB louder than beside them")


def fitted(words: Sequence[Word], sound: FramePower) -> list[Word]:
    """Return the words of an utterance if they fit its sound; a word that begins in a long silence is moved to its
    sound.

    Raises:
        AlignmentError: they do not fit.
    """
    moved = list(words)
    heard = set(map(id, _heard(words)))
    for number, (word, silence) in enumerate(zip(words, _silences(words, sound.audible), strict=True)):
        if id(word) in heard and EARLY_SECONDS < silence <= word.end - word.start - MIN_WORD_SECONDS:
            moved[number] = word._replace(start=round(word.start + silence, 3))
    wrong = [misfit.message for misfit in misfits(moved, sound)]
    if wrong:
        raise AlignmentError(f"its times do not fit the sound: {'; '.join(wrong)}")
    return moved


def _heard(words: Sequence[Word]) -> Iterator[Word]:
    """The words that have a sound: a dash marks a pause, and an English voice does not read other scripts."""
    english = is_english("".join(word.text for word in words))
    for word in words:
        if any(c.isalnum() and (c.isascii() or not english) for c in word.text):
            yield word


def _silences(words: Sequence[Word], audible: np.ndarray) -> list[float]:
    """Seconds from the start of each word to the next sound; infinite after the last sound, at most 0 within a
    sound.
    """
    starts = np.array([word.start for word in words])
    next_sounds = np.append(audible * FRAME_SECONDS, np.inf)
    return (next_sounds[np.searchsorted(audible, (starts / FRAME_SECONDS).astype(int))] - starts).tolist()


def _onset(loud: np.ndarray) -> float | None:
    """Second at which speech begins; None if there is too little speech."""
    counts = np.convolve(loud, np.ones(ONSET_FRAMES, int))[ONSET_FRAMES - 1 :]  # of this frame and those after it
    begins = np.flatnonzero(loud & (counts[: len(loud)] >= ONSET_LOUD))
    return float(begins[0]) * FRAME_SECONDS if len(begins) else None


def _powers(words: Sequence[Word], power: np.ndarray) -> tuple[float, float]:
    """Mean power within words and beside them; 0 where there is no such place."""
    margin = round(MARGIN_SECONDS / FRAME_SECONDS)
    guard = round(BESIDE_SECONDS / FRAME_SECONDS)
    around = np.pad(power.astype(np.float64), margin)
    within, near = np.zeros((2, len(around)), bool)
    for word in words:
        first, last = (margin + round(second / FRAME_SECONDS) for second in (word.start, word.end))
        within[max(0, first) : max(0, last)] = True
        near[max(0, first - guard) : max(0, last + guard)] = True
    return tuple(float(around[where].mean()) if where.any() else 0.0 for where in (within, ~near))  # type: ignore[return-value]
