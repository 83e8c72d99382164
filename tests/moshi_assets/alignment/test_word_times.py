"""Which aligner is chosen, and what happens when it cannot."""

import subprocess
import sys
from dataclasses import replace

import pytest

from moshi_assets.alignment.base import AlignerError, Utterance
from moshi_assets.alignment.word_times import WordTimes, choose
from tests.moshi_assets.support.spoken import MUSEUM, needs_pocketsphinx, spoken, tone

HEARD = replace(spoken(MUSEUM), known_times=None)
CHINESE = tone("你好，世界。")


@pytest.mark.parametrize(
    ("setting", "utterance", "ctc_at_hand", "failed", "name"),
    [
        ("auto", spoken(MUSEUM), True, [], "engine"),
        ("auto", HEARD, True, [], "ctc"),
        ("auto", HEARD, False, [], "acoustic"),
        ("auto", CHINESE, False, [], "proportional"),
        ("auto", CHINESE, True, [], "ctc"),
        ("auto", spoken(MUSEUM), False, ["engine"], "acoustic"),
        ("auto", spoken(MUSEUM), False, ["engine", "acoustic"], "proportional"),
        ("acoustic", spoken(MUSEUM), True, [], "acoustic"),
        ("acoustic", spoken(MUSEUM), True, ["acoustic"], "proportional"),
    ],
)
def test_the_rule(setting, utterance: Utterance, ctc_at_hand, failed, name):
    assert choose(setting, utterance, ctc_at_hand, failed) == name


@needs_pocketsphinx
def test_a_mixed_lot_keeps_its_order():
    found = WordTimes().align([spoken(MUSEUM), CHINESE, HEARD])

    assert [alignment.method for alignment in found] == ["engine", "proportional", "acoustic"]
    assert [word.text for word in found[1].words] == ["你", "好，", "世", "界。"]


@needs_pocketsphinx
def test_what_cannot_be_aligned_falls_back_and_says_so():
    (alignment,) = WordTimes("acoustic").align([tone("This was never said at all.", 0.4)])

    assert alignment.method == "proportional"
    assert alignment.failures[0].startswith("acoustic: ")


def test_an_aligner_that_was_named_and_cannot_work_is_an_error():
    with pytest.raises(AlignerError, match="ctc_model is None"):
        WordTimes("ctc").align([HEARD])


def test_audio_without_room_for_its_words_has_none():
    (alignment,) = WordTimes("proportional").align([tone("a b c", 0.0001)])

    assert alignment.words == [] and "3 words do not fit" in alignment.failures[0]


WITHOUT_POCKETSPHINX = """
import sys
sys.modules["pocketsphinx"] = None  # what Python finds where the package is not installed, as on 3.14
import numpy as np
from moshi_assets.alignment.base import Utterance
from moshi_assets.alignment.word_times import WordTimes
utterance = Utterance.of("Good morning to you.", np.full(24000, 1000, np.int16), 24000)
print(WordTimes(sys.argv[1]).align([utterance])[0].method)
"""


@pytest.mark.parametrize(("aligner", "said"), [("auto", "proportional"), ("acoustic", "pip install pocketsphinx")])
def test_without_pocketsphinx_the_next_aligner_takes_over_unless_it_was_named(aligner, said):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POCKETSPHINX, aligner], check=False, capture_output=True, text=True
    )

    assert done.stdout.strip() == ("proportional" if aligner == "auto" else "")
    assert said in done.stdout + done.stderr
    assert "aligner 'acoustic' needs the package pocketsphinx" in done.stderr
