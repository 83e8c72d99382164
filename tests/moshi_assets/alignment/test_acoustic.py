"""Forced alignment with pocketsphinx, and how words are pronounced for it."""

import numpy as np
import pytest

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.arpabet import to_arpabet
from moshi_assets.alignment.base import AlignmentError, Utterance
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


@pytest.mark.parametrize("text", ["This was never said by anybody here today.", "???"])
def test_an_utterance_that_cannot_be_aligned_does_not_lose_the_others(aligner, text):
    outcomes = aligner.align([tone(text, 0.3), spoken(MUSEUM)])

    assert isinstance(outcomes[0], AlignmentError) and not isinstance(outcomes[1], AlignmentError)


def test_phonemes_become_arpabet():
    assert to_arpabet("wˈɔTəɹ, ʧˈIld") == ["W", "AO", "T", "ER", "CH", "AY", "L", "D"]
