"""Forced alignment with pocketsphinx, and how words are pronounced for it."""

from dataclasses import replace

import numpy as np
import pytest

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import AlignmentError, Utterance
from moshi_assets.alignment.pronunciation import to_arpabet
from moshi_assets.audio.silence import audible_stretches
from tests.moshi_assets.support.spoken import MUSEUM, RATE, assert_promises, good, spoken, start_differences, tone

pytest.importorskip("pocketsphinx", reason="there is no wheel for this Python")
OTHER = "Kubernetes and PyTorch cost $3.2 billion — says NASA's twenty-one X-Files."


@pytest.fixture(scope="module")
def aligner():
    return AcousticAligner()


@pytest.mark.parametrize("text", [MUSEUM, OTHER, "No.", "It’s 9:30, isn’t it?"])
def test_every_word_has_a_time(aligner, text):
    (words,) = aligner.align([spoken(text)])

    assert_promises(good(words), spoken(text))


def test_sound_that_is_moved_moves_its_words(aligner):
    utterance = spoken(MUSEUM)
    silence = np.zeros(24000, np.int16)
    (words,) = aligner.align([utterance])

    (later,) = aligner.align([Utterance.of(utterance.text, np.concatenate([silence, utterance.samples]), RATE)])

    assert start_differences(good(later), good(words)) == pytest.approx(1.0, abs=0.035)


def test_what_was_aligned_before_changes_nothing(aligner):
    alone = AcousticAligner().align([spoken(OTHER)])

    (_, after_another) = aligner.align([spoken(MUSEUM), spoken(OTHER)])

    assert after_another == alone[0]


def test_another_rate_gives_the_same_times(aligner):
    utterance = spoken(MUSEUM)
    (words,) = aligner.align([utterance])

    (same,) = aligner.align([Utterance.of(utterance.text, np.repeat(utterance.samples, 2), 48000)])

    assert abs(start_differences(good(same), good(words))).mean() < 0.01


def test_a_word_outside_the_dictionary_is_found_where_it_is_said(aligner):
    (words,) = aligner.align([spoken(OTHER)])

    known = spoken(OTHER).known_times
    assert known is not None
    for number in (0, 2, 4, 9):  # Kubernetes, PyTorch, $3.2, twenty-one
        assert good(words)[number].start == pytest.approx(known[number, 0], abs=0.08)


def heard_as(aligner, text: str, sound: str) -> np.ndarray:
    """Seconds by which the words of a text are found off from where the voice said those of another one."""
    (words,) = aligner.align([replace(spoken(sound), text=text)])
    known = spoken(sound).known_times
    assert known is not None
    return np.array([word.start for word in good(words)]) - known[:, 0]


SUN = "Come to the sun. It is warm."


def test_a_sentence_begins_after_the_pause_before_it(aligner):
    assert abs(heard_as(aligner, SUN, SUN)).max() < 0.12

    assert abs(heard_as(aligner, SUN.replace(".", ""), SUN)).max() > 0.5  # nothing told of the pause


def test_a_full_stop_at_which_nobody_pauses_moves_no_word(aligner):
    off = heard_as(aligner, "It is five feet. six inches. tall.", "It is five feet six inches tall.")

    assert abs(off).max() < 0.12


@pytest.mark.parametrize("text", [SUN, "See figure three.", "No. No. No.", MUSEUM])
def test_the_first_word_begins_with_the_first_sound(aligner, text):
    (words,) = aligner.align([spoken(text)])

    onset = audible_stretches(spoken(text).samples, RATE)[0, 0]
    assert good(words)[0].start == pytest.approx(onset, abs=0.001)


@pytest.mark.parametrize(
    "text", ["She is a U S A fan, A B C.", "Kubernetes and gnocchi, Xochitl.", "Mm-hm, y'all've a café."]
)
def test_letters_and_words_of_no_dictionary_are_found_where_they_are_said(aligner, text):
    assert abs(heard_as(aligner, text, text)).mean() < 0.05


@pytest.mark.parametrize("text", ["This was never said by anybody here today.", "???"])
def test_an_utterance_that_cannot_be_aligned_does_not_lose_the_others(aligner, text):
    outcomes = aligner.align([tone(text, 0.3), spoken(MUSEUM)])

    assert isinstance(outcomes[0], AlignmentError) and not isinstance(outcomes[1], AlignmentError)


def test_phonemes_become_arpabet():
    assert to_arpabet("wˈɔTəɹ, ʧˈIld") == ["W", "AO", "T", "ER", "CH", "AY", "L", "D"]
