"""Sentences in capitals, as the built-in voice reads them."""

import json

import numpy as np
import pytest

from moshi_assets.engines.hibari_times import TimedHibari, WordG2P, WordReader
from moshi_assets.engines.shouting import without_shouting
from tests.moshi_assets.support.plain_dataset import PlainDataset

SHOUTED = ["WHY IS IT SO LOUD IN HERE?", "I DO NOT KNOW, PLEASE CALM DOWN."]
SPELLED = ("dˌiˌO", "ˌIˈɛn", "dˌʌbᵊlju")
"""How "DO(WN)", "IN" and "W" begin when they are spelled."""


@pytest.fixture(scope="module")
def g2p() -> WordG2P:
    return WordG2P()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (SHOUTED[0], "Why is it so loud in here?"),
        (SHOUTED[1], "I do not know, please calm down."),
        ("STOP! GO AWAY. I said so.", "STOP! Go away. I said so."),
        ("THE DOORS OPENED, DON'T ASK.", "The doors opened, don't ask."),
        ("OH NO. NO.", "Oh NO. NO."),  # "no." would be read as "number"
        ("CALL THE FBI OR XKCD NOW!", "Call the FBI or XKCD now!"),
    ],
)
def test_a_shouted_sentence_is_read_in_small_letters(g2p: WordG2P, written: str, read: str):
    assert without_shouting(written, g2p.is_word) == read


@pytest.mark.parametrize(
    "text",
    [
        "NASA is on TV in the USA.",
        "USA!",
        "DOWN.",
        "TV?",
        "He shouted STOP IT NOW at the TV.",
        "It is 5 PM.",
        "",
        "ок ДА",
    ],
)
def test_capitals_of_other_sentences_stay(g2p: WordG2P, text: str):
    assert without_shouting(text, g2p.is_word) == text


def test_what_is_quoted_in_an_ordinary_sentence_is_not_taken_for_a_sentence(g2p: WordG2P):
    assert without_shouting("I said GO HOME NOW! twice. GO HOME NOW!", g2p.is_word) == (
        "I said GO HOME NOW! twice. Go home now!"
    )


@pytest.mark.parametrize("text", SHOUTED)
def test_nothing_is_spelled_and_every_word_has_its_time(text: str):
    phonemes = WordReader().phonemes(text)
    speech = TimedHibari().speak(text, speed=1.0, seed=1)

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
