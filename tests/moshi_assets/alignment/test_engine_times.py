"""Word times that the built-in voice knows: its sound, its durations, and the words they belong to."""

from dataclasses import replace

import numpy as np
import pytest
from hibari import Hibari

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import AlignmentError, Utterance
from moshi_assets.alignment.engine_times import EngineAligner
from moshi_assets.audio.silence import audible_stretches
from moshi_assets.engines.hibari_times import WordReader
from moshi_assets.reading import words_of
from tests.moshi_assets.support.spoken import (
    MUSEUM,
    RATE,
    assert_promises,
    good,
    needs_pocketsphinx,
    spoken,
    start_differences,
    tone,
    voice,
)

HARD = "On the 3rd of March 2024, 1,250 people paid $9.99 each — to hear Dr. Smith’s “talk.” Then we left at 7:30 pm!"


def aligned(utterance):
    return good(EngineAligner().align([utterance])[0])


@pytest.mark.parametrize("speed", [1.0, 1 / 0.82])
def test_the_sound_is_hibari_s_own_bit_for_bit(speed):
    audio, _ = voice().speak(MUSEUM, speed, 7)

    assert np.array_equal(audio, Hibari(threads=1)(MUSEUM, speed=speed, seed=7))


@pytest.mark.parametrize("text", [MUSEUM, HARD, "Yes.", "Wait. Why? Because!", "I said (twice) no; really, no."])
def test_every_written_word_has_its_time(text):
    assert_promises(aligned(spoken(text)), spoken(text))


@needs_pocketsphinx
def test_times_agree_with_the_sound():
    (heard,) = AcousticAligner().align([spoken(MUSEUM)])

    differences = start_differences(aligned(spoken(MUSEUM)), good(heard))

    assert abs(differences).mean() < 0.025 and abs(differences.mean()) < 0.015


@needs_pocketsphinx
def test_numbers_agree_with_the_sound():
    (heard,) = AcousticAligner().align([spoken(HARD)])

    assert np.quantile(abs(start_differences(aligned(spoken(HARD)), good(heard))), 0.9) < 0.08


def test_a_word_begins_when_its_sound_does_and_ends_before_the_pause():
    words = aligned(spoken(MUSEUM))
    stretches = audible_stretches(spoken(MUSEUM).samples, RATE)

    after_pause = words[MUSEUM.split().index("The")]
    before_pause = words[MUSEUM.split().index("evening.")]
    assert after_pause.start == pytest.approx(stretches[1][0], abs=0.06)
    assert before_pause.end == pytest.approx(stretches[0][1], abs=0.06)


def test_sentences_that_are_split_at_clauses_keep_their_words():
    clause = "and then we walked along the river until the sun went down behind the old stone bridge, "
    text = "First we had a long breakfast, " + 6 * clause + "and that was the end."

    assert len(voice().phonemize(text)) > 1
    assert_promises(aligned(spoken(text)), spoken(text))


def test_a_pause_is_not_part_of_a_word():
    words = aligned(spoken("No. It is all gone."))

    assert words[1].start - words[0].end > 0.3


def test_the_reader_tells_the_phonemes_of_each_word():
    read = WordReader().phonemes("Hello — five cats.")

    assert [len(phonemes) > 2 for phonemes in read] == [True, False, True, True]


def test_an_engine_that_told_nothing_is_an_error_of_that_utterance_alone():
    outcomes = EngineAligner().align([tone("hm"), spoken("Yes.")])

    assert isinstance(outcomes[0], AlignmentError) and not isinstance(outcomes[1], AlignmentError)


def test_times_past_the_end_of_the_audio_are_not_believed():
    utterance = spoken(MUSEUM)

    (outcome,) = EngineAligner().align(
        [Utterance.of(utterance.text, utterance.samples[: RATE * 3], RATE, utterance.known_times)]
    )

    assert "end after the audio" in str(outcome)


def test_times_of_another_text_are_not_believed():
    (outcome,) = EngineAligner().align([replace(spoken("Yes."), text="Yes it is.")])

    assert "1 times were found for 3 words" in str(outcome)


@needs_pocketsphinx
@pytest.mark.parametrize("text", ["What does 你好 mean?", "Say 你好 to them!"])
def test_words_that_the_voice_passes_over_leave_the_others_where_they_are_said(text):
    words, (heard,) = aligned(spoken(text)), AcousticAligner().align([spoken(text)])

    assert [word.text for word in words] == words_of(text)
    assert abs(start_differences(words, good(heard))[[word.text.isascii() for word in words]]).max() < 0.1
