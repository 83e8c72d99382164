"""Word times from characters alone."""

import numpy as np
import pytest

from moshi_assets.alignment.base import AlignmentError, Utterance
from moshi_assets.alignment.proportional import ProportionalAligner
from moshi_assets.audio.silence import audible_stretches
from tests.moshi_assets.support.spoken import MUSEUM, RATE, assert_promises, good, spoken, tone


def aligned(utterance):
    return good(ProportionalAligner().align([utterance])[0])


@pytest.mark.parametrize("text", [MUSEUM, "a", "- - -"])
def test_every_word_has_a_time(text):
    assert_promises(aligned(tone(text)), tone(text))


def test_a_longer_word_lasts_longer():
    words = aligned(tone("a extraordinary", 1.7))

    assert [word.end - word.start for word in words] == pytest.approx([1.7 * 2 / 16, 1.7 * 14 / 16], abs=0.01)


def test_no_word_lies_in_the_silence_before_and_after():
    hum = tone("so it is").samples
    silence = np.zeros(RATE, np.int16)

    words = aligned(Utterance.of("so it is", np.concatenate([silence, hum, silence]), RATE))

    assert (words[0].start, words[-1].end) == (pytest.approx(1.0, abs=0.02), pytest.approx(3.0, abs=0.02))


def test_no_word_lies_in_a_pause():
    hum = tone("", 1.0).samples
    silence = np.zeros(RATE, np.int16)

    words = aligned(Utterance.of("here there", np.concatenate([hum, silence, hum]), RATE))

    assert words[0].end == pytest.approx(0.9, abs=0.1) and words[1].end == pytest.approx(3.0, abs=0.02)


def test_pauses_of_speech_are_found():
    assert len(audible_stretches(spoken(MUSEUM).samples, RATE)) == 2


def test_silence_is_shared_by_its_words():
    words = aligned(Utterance.of("so is", np.zeros(RATE, np.int16), RATE))

    assert words == [("so", 0.0, 0.5), ("is", 0.5, 1.0)]


def test_a_letter_that_is_spelled_lasts_as_long_as_its_name():
    words = aligned(tone("a w b", 1.6))

    assert [word.end - word.start for word in words] == pytest.approx([0.2, 1.0, 0.4], abs=0.01)


@pytest.mark.parametrize(
    ("text", "number", "begins"),
    [
        ("so it goes. there now", 3, 2.0),
        ("so it, goes there now", 2, 2.0),
        ("so, it goes there now", 1, 0.29),  # too far from the pause to be its cause
    ],
)
def test_a_clause_ends_at_a_pause_near_its_end(text, number, begins):
    hum = tone("", 1.0).samples

    words = aligned(Utterance.of(text, np.concatenate([hum, np.zeros(RATE, np.int16), hum]), RATE))

    assert words[number].start == pytest.approx(begins, abs=0.03)


def test_audio_without_room_for_its_words_is_an_error():
    (outcome,) = ProportionalAligner().align([Utterance.of("a b c", np.ones(10, np.int16), RATE)])

    assert isinstance(outcome, AlignmentError)
