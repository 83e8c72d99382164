"""The protocol of aligners: known texts and their sound in, word times out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from ..audio.frame_power import FramePower, frame_power

MIN_WORD_SECONDS = 0.02
"""Shortest duration of a word in seconds; where an utterance has no room for that, its words share the time evenly."""


class AlignmentError(RuntimeError):
    """One utterance cannot be aligned; the message gives the reason."""


class AlignerError(RuntimeError):
    """An aligner cannot work at all; the message says what to install or change."""


@dataclass(frozen=True)
class Utterance:
    """A text and its sound. The sound is read at first use, because not every aligner needs it."""

    text: str
    read: Callable[[], np.ndarray]
    """Returns the samples, (frames,) int16, mono."""
    frames: int
    sample_rate: int
    """Sample rate in Hz."""
    known_times: np.ndarray | None = None
    """(W, 2) seconds, start and end of each word of `text`, as reported by the engine; NaN for a word without a sound
    of its own. None if the engine reports no times.
    """

    @classmethod
    def of(cls, text: str, samples: np.ndarray, sample_rate: int, known_times: np.ndarray | None = None) -> Utterance:
        """Make an utterance from samples in memory: (N,) int16, mono."""
        return cls(text, lambda: samples, len(samples), sample_rate, known_times)

    @cached_property
    def samples(self) -> np.ndarray:
        """The samples, (frames,) int16, mono."""
        return self.read()

    @cached_property
    def frame_power(self) -> FramePower:
        """How loud it is, frame by frame."""
        return frame_power(self.samples, self.sample_rate)

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


class Word(NamedTuple):
    """A word, spelled as in the text, and its start and end in seconds from the start of the audio."""

    text: str
    start: float
    end: float


class Aligner(Protocol):
    """The protocol of an aligner. Construction is cheap; a model is loaded at first use."""

    name: ClassVar[str]

    def align(self, utterances: Sequence[Utterance]) -> list[list[Word] | AlignmentError]:
        """Return the word times of each utterance, in order, or the error of an utterance that cannot be aligned.

        The words of an utterance are all words of its text, in order: 0 <= start < end <= next start, inside the audio.

        Raises:
            AlignerError: nothing can be aligned at all.
        """
        ...


def timed_words(words: Sequence[str], times: np.ndarray, duration: float) -> list[Word]:
    """Words with times that keep the protocol's promises, moved as little as that takes; whole milliseconds.

    Args:
        words: W words.
        times: (W, 2) seconds; NaN for a word without a sound of its own: it is given the pause beside it.
        duration: length of the audio in seconds.

    Raises:
        AlignmentError: no word has a time, or there is no room for the words.
    """
    count, total = len(words), int(1000 * duration)
    if np.shape(times) != (count, 2):
        raise AlignmentError(f"{len(times)} times were found for {count} words")
    if not np.isfinite(times).any():
        raise AlignmentError("no word has a time")
    least = min(int(1000 * MIN_WORD_SECONDS), total // count)
    if not least:
        raise AlignmentError(f"{count} words do not fit into {total} ms")
    starts, ends = _without_gaps(np.rint(1000 * np.asarray(times, np.float64)), total, least)
    latest = total - least * np.arange(count, 0, -1)
    # Distances between starts are at least `least`: a running maximum of what is left after taking those off.
    steps = least * np.arange(count)
    starts = np.maximum.accumulate(np.clip(starts, 0, latest) - steps) + steps
    ends = np.clip(ends, starts + least, np.append(starts[1:], total))
    return [
        Word(word, start / 1000, end / 1000)
        for word, start, end in zip(words, starts.tolist(), ends.tolist(), strict=True)
    ]


def _without_gaps(times: np.ndarray, total: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends in milliseconds. Words without a time share the gap between their neighbours."""
    starts, ends = times[:, 0].copy(), times[:, 1].copy()
    known = np.flatnonzero(np.isfinite(times).all(1))
    borders = [-1, *known.tolist(), len(times)]
    for before, after in pairwise(borders):
        missing = after - before - 1
        if not missing:
            continue
        left = ends[before] if before >= 0 else 0.0
        right = starts[after] if after < len(times) else float(total)
        if right - left < missing * least and before >= 0:  # no pause there: the word before gives up its end
            left = max(starts[before] + least, right - missing * least)
            ends[before] = min(ends[before], left)
        edges = np.linspace(left, max(left, right), missing + 1)
        starts[before + 1 : after], ends[before + 1 : after] = edges[:-1], edges[1:]
    return np.rint(starts), np.rint(ends)
