"""Times of written words, from those of the words that were spoken for them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from benchmarks.reading_table import read_table
from moshi_assets.alignment.base import Word, timed_words
from moshi_assets.alignment.written import written_words
from moshi_assets.reading import SpokenText, read
from tests.moshi_assets.reading.test_spoken_text import TEXTS


def second_by_second(said: SpokenText) -> list[Word]:
    """The spoken words, one a second."""
    starts = np.arange(len(said.spoken_words), dtype=float)
    return timed_words(said.spoken_words, np.column_stack([starts, starts + 1]), len(starts))


def written(text: str, language: str = "en") -> list[Word]:
    said = read(text, language)
    words = second_by_second(said)
    return written_words(said, words, len(words))


def test_a_written_word_lasts_as_long_as_all_that_is_spoken_for_it():
    assert written("You pay $3.50, now.") == [
        ("You", 0.0, 1.0),
        ("pay", 1.0, 2.0),
        ("$3.50,", 2.0, 7.0),  # three dollars and fifty cents
        ("now.", 7.0, 8.0),
    ]


def test_a_plain_text_keeps_its_times():
    said = read("Hello there, you.")

    assert written_words(said, second_by_second(said), 3) == second_by_second(said)


def test_written_words_with_one_reading_share_its_time_by_their_letters():
    words = written("Call +1 (555) 123-4567 now.")

    assert [word.text for word in words] == ["Call", "+1", "(555)", "123-4567", "now."]
    assert words[1].start == 1.0 and words[3].end == words[4].start
    assert all(a.end == b.start for a, b in pairwise(words))


def test_a_written_word_begins_with_its_own_spoken_one():
    words = {word.text: word for word in written("On July 4, 1776.")}

    assert (words["4,"].start, words["1776."].start, words["1776."].end) == (2.0, 3.0, 6.0)


def test_a_sign_without_a_sound_is_given_the_pause_it_marks():
    said = read("Him/her — yes, 5.")
    spoken = [*second_by_second(said)]
    words = written_words(said, [word._replace(end=word.end - 0.5) for word in spoken], len(spoken))

    assert [word.text for word in words] == said.written_words


def test_chinese_words_are_characters():
    assert [word.text for word in written("有25个。", "zh")] == ["有", "25", "个。"]


@given(TEXTS)
def test_written_words_are_in_order_and_apart_whatever_is_written(text):
    said = read(text)
    if said.rejected or not said.spoken_words:
        return
    words = written(text)

    assert [word.text for word in words] == said.written_words
    assert all(word.start < word.end for word in words)
    assert all(a.end <= b.start for a, b in pairwise(words))


@pytest.mark.parametrize("pair", read_table()[::5], ids=lambda pair: pair.written[:30])
def test_the_written_words_of_the_table_fill_the_time_of_the_spoken_ones(pair):
    words = written(pair.written, pair.language)

    assert words[0].start == 0 and words[-1].end == len(read(pair.written, pair.language).spoken_words)
    assert all(a.end == b.start for a, b in pairwise(words))
