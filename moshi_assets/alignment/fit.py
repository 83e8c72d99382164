"""Checks whether the words of an utterance lie where its sound is, whichever aligner found them.

A transcript with times that are all a third of a second off still has the right words, in order, inside the audio; only
the sound reveals the fault. The thresholds lie between what right times give and what times that are 0.3 s off give,
for every aligner: `python -m benchmarks word_fit` counts both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .base import MIN_WORD_SECONDS, AlignmentError, Word
from .words import is_english

FRAME_SECONDS = 0.01
AUDIBLE_DB = -40.0
"""A frame within so many dB of the utterance's level counts as audible."""
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


def misfits(words: Sequence[Word], samples: np.ndarray, sample_rate: int, begin: float = 0.0) -> Iterator[Misfit]:
    """Yield the faults in the times of an utterance's words, at most one from each check.

    Args:
        words: all words of the utterance, in order; seconds from its start, before it and after it too.
        samples: (N,) int16, mono; silent before and after.
        sample_rate: Hz.
        begin: start of the utterance in seconds, for the times in messages.
    """
    power = _frame_power(samples, sample_rate)
    level = _level(power)
    if not words or not level:
        return
    audible = _audible(power, level)
    for word in _heard(words):
        silence = _silence(word, audible)
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


def fitted(words: Sequence[Word], samples: np.ndarray, sample_rate: int) -> list[Word]:
    """Return the words of an utterance if they fit its sound; a word that begins in a long silence is moved to its
    sound.

    Raises:
        AlignmentError: they do not fit.
    """
    power = _frame_power(samples, sample_rate)
    audible = _audible(power, _level(power))
    moved = list(words)
    heard = set(map(id, _heard(words)))
    for number, word in enumerate(words):
        silence = _silence(word, audible) if id(word) in heard else 0.0
        if EARLY_SECONDS < silence <= word.end - word.start - MIN_WORD_SECONDS:
            moved[number] = word._replace(start=round(word.start + silence, 3))
    wrong = [misfit.message for misfit in misfits(moved, samples, sample_rate)]
    if wrong:
        raise AlignmentError(f"its times do not fit the sound: {'; '.join(wrong)}")
    return moved


def _heard(words: Sequence[Word]) -> Iterator[Word]:
    """The words that have a sound: a dash marks a pause, and an English voice does not read other scripts."""
    english = is_english("".join(word.text for word in words))
    for word in words:
        if any(c.isalnum() and (c.isascii() or not english) for c in word.text):
            yield word


def _audible(power: np.ndarray, level: float) -> np.ndarray:
    """Numbers of the frames in which something is heard."""
    return np.flatnonzero(power >= max(level * 10 ** (AUDIBLE_DB / 10), np.finfo(np.float32).tiny))


def _silence(word: Word, audible: np.ndarray) -> float:
    """Seconds from the start of a word to the next sound; infinite after the last sound, at most 0 within a sound."""
    place = np.searchsorted(audible, int(word.start / FRAME_SECONDS))
    return float(audible[place]) * FRAME_SECONDS - word.start if place < len(audible) else np.inf


def _frame_power(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """(F,) float32 mean square of int16 samples, frame by frame."""
    size = max(1, round(FRAME_SECONDS * sample_rate))
    count = len(samples) // size
    frames = samples[: count * size].reshape(count, size).astype(np.float32)
    return np.einsum("ij,ij->i", frames, frames) / size


def _level(power: np.ndarray) -> float:
    """Power of the frame at which half of the energy of an utterance is reached, counted from the loudest frame on, so
    that neither long silence nor a click changes it.
    """
    loudest = np.sort(power)[::-1]
    energy = np.cumsum(loudest, dtype=np.float64)
    return float(loudest[np.searchsorted(energy, energy[-1] / 2)]) if len(energy) else 0.0


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
