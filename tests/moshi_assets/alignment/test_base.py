"""What every aligner promises, kept in one place."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.alignment.base import AlignmentError, timed_words
from moshi_assets.alignment.words import is_english
from moshi_assets.reading import words_of

_second = st.floats(-5, 30) | st.just(float("nan"))


@given(st.lists(st.tuples(_second, _second), min_size=1, max_size=30), st.floats(0.05, 20))
def test_words_are_in_order_apart_and_inside_the_audio_whatever_an_aligner_finds(times, duration):
    found = np.array(times)
    if not np.isfinite(found).any():
        return

    words = timed_words(["word"] * len(times), found, duration)

    assert all(word.start < word.end for word in words)
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert words[0].start >= 0 and words[-1].end <= duration


def test_good_times_are_kept():
    words = timed_words(["so", "what"], np.array([[0.1, 0.3], [0.4, 0.95]]), 1.0)

    assert words == [("so", 0.1, 0.3), ("what", 0.4, 0.95)]


def test_a_word_without_a_sound_is_given_the_pause_it_marks():
    words = timed_words(["well", "-", "yes"], np.array([[0.1, 0.4], [np.nan, np.nan], [0.7, 0.9]]), 1.0)

    assert words[1] == ("-", 0.4, 0.7)


def test_a_silent_word_where_there_is_no_pause_takes_the_end_of_the_word_before():
    words = timed_words(["well", "-", "yes"], np.array([[0.1, 0.4], [np.nan, np.nan], [0.4, 0.9]]), 1.0)

    assert [word.start for word in words] == [0.1, 0.38, 0.4]


def test_words_that_were_never_found_are_an_error():
    with pytest.raises(AlignmentError, match="no word has a time"):
        timed_words(["a"], np.full((1, 2), np.nan), 1.0)


def test_more_words_than_milliseconds_are_an_error():
    with pytest.raises(AlignmentError, match="5 words do not fit into 3 ms"):
        timed_words(["a"] * 5, np.zeros((5, 2)), 0.003)


def test_the_spelling_of_the_text_is_kept():
    assert words_of("It’s “late”, \n isn't it -- 9:30?") == ["It’s", "“late”,", "isn't", "it --", "9:30?"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Well - yes.", ["Well -", "yes."]),
        ("\u2014 And then ?", ["\u2014 And", "then ?"]),
        ("It costs $ 5 or # 3.", ["It", "costs", "$ 5", "or", "# 3."]),
        ("hello , world", ["hello ,", "world"]),
        ("\u4f60\u597d \u2014 \u4e16\u754c", ["\u4f60", "\u597d \u2014", "\u4e16", "\u754c"]),
        ("- - -", ["- - -"]),
        ("a-b is 5", ["a-b", "is", "5"]),
    ],
)
def test_a_sign_that_stands_alone_is_no_word(text: str, words: list[str]):
    assert words_of(text) == words


def test_chinese_is_cut_by_character_and_keeps_its_punctuation():
    assert words_of("你好，世界。 OK") == ["你", "好，", "世", "界。", "OK"]


@pytest.mark.parametrize(
    ("text", "english"), [("Café au lait at 9?", True), ("你好，世界。", False), ("Привет", False)]
)
def test_what_counts_as_english(text, english):
    assert is_english(text) is english
