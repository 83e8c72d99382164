"""Word times compared with the sound, on one utterance: right ones pass, moved ones do not."""

from collections.abc import Sequence

import numpy as np
import pytest

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import AlignmentError, Utterance, Word
from moshi_assets.alignment.engine_times import EngineAligner
from moshi_assets.alignment.fit import fitted, misfits
from moshi_assets.alignment.proportional import ProportionalAligner
from moshi_assets.alignment.word_times import WordTimes
from moshi_assets.audio.frame_power import frame_power
from tests.moshi_assets.support.spoken import MUSEUM, RATE, good, spoken

ALIGNERS = [EngineAligner, AcousticAligner, ProportionalAligner]


def words_of(utterance: Utterance, aligner: type = EngineAligner) -> list[Word]:
    (outcome,) = aligner().align([utterance])
    return good(outcome)


def moved(words: Sequence[Word], seconds: float) -> list[Word]:
    return [word._replace(start=word.start + seconds, end=word.end + seconds) for word in words]


def failed(words: Sequence[Word], samples: np.ndarray) -> set[str]:
    """Checks that the words of an utterance fail."""
    return {misfit.check for misfit in misfits(words, frame_power(samples, RATE))}


def noise(seconds: float, deviation: float) -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, deviation, round(seconds * RATE))
    return np.clip(np.rint(samples), -32767, 32767).astype(np.int16)


@pytest.mark.parametrize("aligner", ALIGNERS)
@pytest.mark.parametrize("text", [MUSEUM, "Hello.", "Well - no. 5 😀 of 7 &c."])
def test_right_times_fit(aligner, text):
    assert failed(words_of(spoken(text), aligner), spoken(text).samples) == set()


@pytest.mark.parametrize("aligner", ALIGNERS)
@pytest.mark.parametrize(("seconds", "check"), [(-0.3, "early_words"), (0.3, "late_words")])
def test_times_that_are_a_third_of_a_second_off_do_not(aligner, seconds, check):
    assert check in failed(moved(words_of(spoken(MUSEUM), aligner), seconds), spoken(MUSEUM).samples)


def test_scrambled_times_do_not_fit():
    words, rng = words_of(spoken(MUSEUM)), np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 2 * spoken(MUSEUM).duration, len(words)))
    scrambled = [word._replace(start=at, end=at + 0.1) for word, at in zip(words, starts, strict=True)]

    assert {"early_words", "word_level"} <= failed(scrambled, spoken(MUSEUM).samples)


def test_words_of_the_other_channel_do_not_fit():
    """What is heard of the other speaker begins when this one has ended."""
    other = np.concatenate([np.zeros(len(spoken(MUSEUM).samples), np.int16), spoken("Thank you.").samples])

    assert failed(words_of(spoken(MUSEUM)), other) == {"early_words", "word_level"}


def test_words_that_are_all_said_at_once_do_not_fit():
    words = [
        word._replace(start=0.3 + 0.02 * n, end=0.32 + 0.02 * n) for n, word in enumerate(words_of(spoken(MUSEUM)))
    ]

    assert failed(words, spoken(MUSEUM).samples) == {"word_level"}


@pytest.mark.parametrize("gain", [0.001, 0.01, 2.0])
def test_the_voice_s_level_does_not_matter(gain):
    samples = np.rint(spoken(MUSEUM).samples * gain).astype(np.int16)

    assert failed(words_of(spoken(MUSEUM)), samples) == set()
    assert failed(moved(words_of(spoken(MUSEUM)), 0.3), samples) >= {"late_words"}


def test_hiss_beneath_a_voice_does_not_matter():
    """Some 30 dB below the speech, and a silence of seconds before it that is full of it."""
    samples = np.concatenate([np.zeros(3 * RATE, np.int16), spoken(MUSEUM).samples])
    samples = samples + noise(len(samples) / RATE, 60)

    assert failed(moved(words_of(spoken(MUSEUM)), 3), samples) == set()
    assert failed(moved(words_of(spoken(MUSEUM)), 3.3), samples) >= {"late_words"}


@pytest.mark.parametrize("before", [noise(0.4, 90), np.concatenate([noise(0.02, 9000), np.zeros(RATE // 2, np.int16)])])
def test_a_breath_or_a_click_before_speech_is_not_its_beginning(before):
    samples = np.concatenate([before, spoken(MUSEUM).samples])

    assert failed(moved(words_of(spoken(MUSEUM)), len(before) / RATE), samples) == set()


def test_silence_contradicts_nothing():
    """There is another check for it."""
    assert failed(words_of(spoken(MUSEUM)), np.zeros(RATE, np.int16)) == set()


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.ones(100, np.int16)])
def test_the_shortest_sounds_are_no_error(samples):
    assert isinstance(failed([Word("a", 0.0, 0.004)], samples), set)


def test_a_message_tells_times_of_the_recording():
    words, samples = moved(words_of(spoken("Thank you.")), -0.3), spoken("Thank you.").samples

    early, *_ = misfits(words, frame_power(samples, RATE), begin=10.0)

    at = 10 + words[0].start
    assert early.message.startswith(f"'Thank' begins at {at:.2f} s, 0.") and early.message.endswith(
        "before anything is heard"
    )


def test_a_word_that_begins_in_silence_loses_it():
    words = words_of(spoken(MUSEUM))
    early = [words[0]._replace(start=words[0].start - 0.3), *words[1:]]

    (first, *rest) = fitted(early, spoken(MUSEUM).frame_power)

    assert first.start == pytest.approx(words[0].start, abs=0.1) and rest == words[1:]


def test_times_that_do_not_fit_are_an_error_with_the_reason():
    with pytest.raises(AlignmentError, match="do not fit the sound: speech begins at 0"):
        fitted(moved(words_of(spoken(MUSEUM)), 0.3), spoken(MUSEUM).frame_power)


def test_an_aligner_that_contradicts_the_sound_is_passed_over():
    """An engine whose word times are late: the next by the rule listens."""
    right = spoken(MUSEUM)
    late = Utterance.of(MUSEUM, right.samples, RATE, right.known_times + 0.3)

    (alignment,) = WordTimes().align([late])

    assert alignment.method == "acoustic" and "engine: its times do not fit the sound" in alignment.failures[0]
    assert failed(alignment.words, right.samples) == set()


def test_a_word_that_pocketsphinx_puts_elsewhere_is_where_the_sound_is():
    utterance = Utterance.of("Ugh.", spoken("Ugh.").samples, RATE)
    assert "late_words" in failed(words_of(utterance, AcousticAligner), utterance.samples)

    (alignment,) = WordTimes().align([utterance])

    assert alignment.method == "proportional" and failed(alignment.words, utterance.samples) == set()
