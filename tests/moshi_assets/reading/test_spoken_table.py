"""The table of written and spoken pairs: made from the rules of the two languages, not from what any tool says."""

import re

import pytest

from benchmarks.reading_table import Pair, kinds, read_table, score, words_alone
from moshi_assets.reading import read

TABLE = read_table()
LANGUAGES = {"en": (0.98, 300), "zh": (0.95, 120)}
LEAST_OF_A_KIND = 0.75


def wrong(pairs: list[Pair]) -> str:
    return "\n".join(f"{pair.written!r} -> {reading!r}" for pair, reading in pairs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nearly_all_of_the_table_is_read_rightly(language):
    least, pairs = LANGUAGES[language]
    result = score([pair for pair in TABLE if pair.language == language], lambda text: read(text, language).spoken)
    assert result.total >= pairs
    assert result.share >= least, wrong(result.wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_kind_is_read_badly(language):
    for kind, pairs in kinds(TABLE, language).items():
        result = score(pairs, lambda text: read(text, language).spoken)
        assert result.share >= LEAST_OF_A_KIND, f"{kind}\n{wrong(result.wrong)}"


def test_a_wrong_reading_is_not_accepted():
    days = next(pair for pair in TABLE if pair.written == "It takes 3-5 days.")
    assert days.accepts("it takes three to five days")
    assert not days.accepts("It takes three to five daltons ys.")


def test_no_english_text_is_read_in_chinese():
    for pair in TABLE:
        if pair.language == "en":
            assert not re.search("[\u4e00-\u9fff]", read(pair.written, "en").spoken), pair.written


def test_no_chinese_text_is_read_in_english():
    for pair in TABLE:
        if pair.language == "zh":
            said = set(re.findall("[a-z]+", words_alone(read(pair.written, "zh").spoken)))
            assert said <= set(re.findall("[a-z]+", words_alone(pair.written))), pair.written


def test_no_word_is_cut():
    for pair in TABLE:
        spoken = set(re.findall(r"[a-z]+", read(pair.written, pair.language).spoken.casefold()))
        for word in re.findall(r"(?<![\w.'/@#-])[a-z]{4,}(?![\w./@':-])", pair.written):
            assert word in spoken, f"{word!r} of {pair.written!r}"


def test_nothing_is_left_that_only_eyes_can_read():
    for pair in TABLE:
        assert not re.search(r"[0-9$%@#&+=<>\u20ac\u00a3\u00b0*_^~\\|{}]", read(pair.written, pair.language).spoken), (
            pair.written
        )


def test_what_is_spoken_already_is_read_as_it_stands():
    for pair in TABLE:
        spoken = read(pair.written, pair.language).spoken
        again = read(spoken, pair.language).spoken
        assert words_alone(again) == words_alone(spoken), pair.written
