"""Sentences in capitals: words of them are words, short forms are spelled."""

import json

import numpy as np
import pytest

from moshi_assets.engines.hibari_times import TimedHibari, WordReader
from moshi_assets.reading import read
from tests.moshi_assets.support.plain_dataset import PlainDataset

SHOUTED = ["WHY IS IT SO LOUD IN HERE?", "I DO NOT KNOW, PLEASE CALM DOWN."]
SPELLED = ("dˌiˌO", "ˌIˈɛn", "dˌʌbᵊlju")
"""How "DO(WN)", "IN" and "W" begin when they are spelled."""


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        (SHOUTED[0], "Why is it so loud in here?"),
        (SHOUTED[1], "I do not know, please calm down."),
        ("STOP! GO AWAY. I said so.", "Stop! Go away. I said so."),
        ("THE DOORS OPENED, DON'T ASK.", "The doors opened, don't ask."),
        ("OH NO. NO.", "Oh no. No."),
        ("GIVE US THE LED LAMP!", "Give us the led lamp!"),
        ("CALL THE FBI OR XKCD NOW!", "Call the F B I or X K C D now!"),
    ],
)
def test_a_shouted_sentence_is_read_in_small_letters(written: str, spoken: str):
    assert read(written).spoken == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("NASA is on TV in the USA.", "NASA is on T V in the U S A."),
        ("USA!", "U S A!"),
        ("DOWN.", "Down."),
        ("I work in IT, and it IS fun.", "I work in I T, and it is fun."),
        ("Is it OK? LOL!", "Is it OK? LOL!"),
        ("He shouted STOP IT NOW at the TV.", "He shouted stop it now at the T V."),
        ("It is 5 PM.", "It is five P M."),
    ],
)
def test_capitals_of_other_sentences_stay(written: str, spoken: str):
    assert read(written).spoken == spoken


def test_what_is_quoted_in_an_ordinary_sentence_is_not_taken_for_a_sentence():
    assert read("I said GO HOME NOW! twice. GO HOME NOW!").spoken == "I said go home now! twice. Go home now!"


@pytest.mark.parametrize("text", SHOUTED)
def test_nothing_is_spelled_and_every_word_has_its_time(text: str):
    spoken = read(text).spoken
    phonemes = WordReader().phonemes(spoken)
    speech = TimedHibari().speak(spoken, speed=1.0, seed=1)

    assert phonemes is not None and not any(word.startswith(SPELLED) for word in phonemes)
    assert speech.word_samples is not None and len(speech.word_samples) == len(text.split())
    assert not np.isnan(speech.word_samples).any()


def test_the_transcript_keeps_the_written_spelling(tmp_path):
    record = {"id": "caps", "user_text": SHOUTED[0], "assistant_text": SHOUTED[1]}
    dataset = PlainDataset(tmp_path, [record], engine="builtin", transcripts=True)
    dataset.build()
    dataset.transcribe()

    words = json.loads(dataset.wav("caps").with_suffix(".json").read_text())["alignments"]

    assert [word for word, *_ in words] == " ".join(SHOUTED).split()
