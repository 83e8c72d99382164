"""Speech for the tests of word times: the built-in voice, what it knows about its words, and tones."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

from moshi_assets.alignment.base import AlignmentError, Utterance, Word
from moshi_assets.audio.pcm import to_pcm16
from moshi_assets.engines.hibari_times import TimedHibari
from moshi_assets.reading import words_of

RATE = 24000
needs_pocketsphinx = pytest.mark.skipif(not find_spec("pocketsphinx"), reason="there is no wheel of it for this Python")
MUSEUM = "On Saturdays the museum is open until six in the evening. The last visitors are let in at half past five."


@cache
def voice() -> TimedHibari:
    """The built-in voice, loaded once for all tests."""
    return TimedHibari()


@cache
def spoken(text: str) -> Utterance:
    """The text in the built-in voice, with the word times that the voice knows."""
    audio, word_samples = voice().speak(text, 1.0, 7)
    return Utterance.of(text, to_pcm16(audio), RATE, None if word_samples is None else word_samples / RATE)


def tone(text: str, seconds: float = 2.0) -> Utterance:
    """A hum in the place of speech."""
    time = np.arange(round(seconds * RATE)) / RATE
    return Utterance.of(text, (8000 * np.sin(2 * np.pi * 200 * time)).astype(np.int16), RATE)


def good(outcome: list[Word] | AlignmentError) -> list[Word]:
    """The words; fails the test where there is an error in their place."""
    assert not isinstance(outcome, AlignmentError), outcome
    return outcome


def assert_promises(words: list[Word], utterance: Utterance) -> None:
    """What every aligner promises of its words."""
    assert [word.text for word in words] == words_of(utterance.text)
    assert " ".join(word.text for word in words) == utterance.text
    assert all(word.start < word.end for word in words)
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert words[0].start >= 0 and words[-1].end <= utterance.duration


def start_differences(words: list[Word], reference: list[Word]) -> np.ndarray:
    """(W,) seconds between the starts of the same words."""
    return np.array([a.start - b.start for a, b in zip(words, reference, strict=True)])
