"""A turn's written words, its spoken words, and which belongs to which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reading_table import read_table
from moshi_assets.reading import (
    CleanRules,
    Pause,
    SpokenText,
    detect_language,
    read,
    read_dialogue,
    read_dialogues,
)
from moshi_assets.reading.english.terms import AFTER_NAMES, BEFORE_NAMES, BEFORE_NUMBERS, SHORT_FORMS, WEEKDAYS
from moshi_assets.reading.plain import is_plain, plain_turns

PIECES = (
    "a", "The", "cat", "No.", "Dr.", "it's", "U.S.", "NASA", "OK", "$3.50", "3-5", "10%", "1999", "24/7", ("5 "
                                                                                                          "kg"), "10:30", "1/2", "-5", "3.14",  # noqa: E501
    "e.g.", "**bold**", "*laughs*", "[pause]", "<b>", "</b>", "&amp;", "&amp;amp;amp;", "_x_", "`code`", "# ", ("- "
                                                                                                   ""), "\n", "\n\n", "1. ", "> ", ":)", "😀", "❤️",  # noqa: E501
    "\u200b", "<think>", "</think>", "User: ", "<|im_end|>", "[INST]", "你好", "10个", "，", "привет", "$", "(", ")", "\\", "\\n", "|", "~~", "'", '"', "...",  # noqa: E501
    "&", "x^2", "https://a.com/b", "@bob", "#tag", "<break time=\"1s\"/>", "\U000f0000", "²", "½", "http", "/", "=", "+", "\ud800", "٣", "Ⅳ", "①",  # noqa: E501
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12).map(" ".join) | st.lists(
    st.sampled_from(PIECES) | st.text(max_size=3), max_size=12
).map("".join)
LANGUAGES = st.sampled_from(["en", "zh", "ru"])


def tied(text: str, language: str = "en") -> list[tuple[str, str]]:
    """Each spoken word with the written words that it stands for."""
    spoken = read(text, language)
    written = spoken.written_words
    return [
        (word, " ".join(written[first:end]))
        for word, (first, end) in zip(spoken.spoken_words, spoken.word_spans, strict=True)
    ]


def test_a_spoken_word_is_tied_to_the_written_one_it_comes_from():
    assert tied("You pay $3.50, now.") == [
        ("You", "You"),
        ("pay", "pay"),
        ("three", "$3.50,"),
        ("dollars", "$3.50,"),
        ("and", "$3.50,"),
        ("fifty", "$3.50,"),
        ("cents,", "$3.50,"),
        ("now.", "now."),
    ]


def test_each_part_of_a_date_keeps_its_own_word():
    assert tied("On July 4, 1776.")[1:] == [
        ("July", "July"),
        ("fourth,", "4,"),
        ("seventeen", "1776."),
        ("seventy", "1776."),
        ("six.", "1776."),
    ]


def test_one_reading_may_stand_for_several_words():
    assert ("five", "+1 (555) 123-4567") in tied("Call +1 (555) 123-4567 now.")


def test_a_part_is_spoken_as_in_the_whole_and_its_words_are_counted_from_its_own_beginning():
    whole = read("On 3 May, about 5 km.")
    part = whole.part(10, 21)
    assert part is not None and (part.text, part.spoken) == ("about 5 km.", "about five kilometers.")
    assert [*part.word_spans] == [(0, 1), (1, 2), (2, 3)]
    assert [*whole.word_spans][-3:] == [(3, 4), (4, 5), (5, 6)]


@pytest.mark.parametrize(
    ("begin", "end"), [(0, 8), (1, 6), (4, 4), (100, 200)], ids=["through-a-number", "in-a-word", "empty", "outside"]
)
def test_no_part_ends_within_a_word_written_or_spoken(begin: int, end: int):
    whole = read("We pay 1 000 000 now.")
    assert whole.part(begin, end) is None


@given(st.sampled_from([row.written for row in read_table()]), st.integers(0, 40), st.integers(0, 80))
def test_parts_have_the_words_of_the_whole(written: str, begin: int, end: int):
    whole = read(written)
    part = whole.part(begin, end)
    if part is not None:
        assert part.text in whole.text and part.spoken in whole.spoken
        assert max(span.end for span in part.word_spans) <= len(part.written_words)
        assert len([*part.word_spans]) == len(part.spoken_words)


def test_chinese_words_are_characters():
    assert tied("有2个。", "zh") == [("有", "有"), ("两", "2"), ("个。", "个。")]


def test_a_plain_text_comes_back_as_it_is():
    text = "Well, that's a well-known story - isn't it?"
    assert read(text) == SpokenText(text, text)


@pytest.mark.parametrize("short", [*AFTER_NAMES, *BEFORE_NAMES, *BEFORE_NUMBERS, *SHORT_FORMS, *WEEKDAYS])
def test_a_short_form_is_never_passed_over_as_plain(short):
    assert not is_plain(f"The house {short.rstrip('.')}. Bob", "en")


def test_a_lexicon_comes_before_all_rules():
    spoken = read("Ask SQL about 42 GIFs.", lexicon={"SQL": "sequel", "42": "the answer", "gifs": "jifs"})
    assert spoken.spoken == "Ask sequel about the answer jifs."


def test_a_lexicon_reaches_plain_words_too():
    assert read("Hello Siobhan.", lexicon={"siobhan": "shi vawn"}).spoken == "Hello shi vawn."


def test_a_lexicon_takes_whole_words_only():
    assert read("A cat in a catalog.", lexicon={"cat": "dog"}).spoken == "A dog in a catalog."


def test_a_pause_of_a_stated_length_is_kept_as_a_value():
    assert read('No more <break time="500ms"/> for today.').pauses == (Pause(2, 0.5),)


def test_another_language_is_cleaned_and_left_as_it_stands():
    spoken = read("**Привет**, мне 5 лет.", "ru")
    assert (spoken.text, spoken.spoken) == ("Привет, мне 5 лет.", "Привет, мне 5 лет.")


def test_signs_that_no_rule_knows_are_told():
    assert [(f.kind, f.written) for f in read("Press ^ here.").findings] == [("symbol", "^")]


def test_a_decimal_comma_is_told_in_english():
    assert [(f.kind, f.written) for f in read("Pay €1.000,50 now.").findings if f.outcome == "suspicious"] == [
        ("decimal comma", "1.000,50")
    ]
    assert not [f for f in read("Pay 1,000 now.").findings if f.outcome == "suspicious"]


def test_words_that_the_voice_has_no_sound_for_are_told():
    def strange(text, language):
        return [f.written for f in read(text, language).findings if f.kind == "another script"]

    assert strange("What does 你好 mean, or привет?", "en") == ["你好", "привет"]
    assert strange("Zoë's naïve café.", "en") == []
    assert strange("他说hello。", "zh") == []
    assert strange("ありがとう是谢谢。", "zh") == ["ありがとう"]


@given(TEXTS, LANGUAGES)
def test_cleaning_what_is_clean_changes_nothing(text, language):
    clean = read(text, language)
    if not clean.rejected:
        assert read(clean.text, language).text == clean.text


@given(TEXTS, LANGUAGES)
def test_every_spoken_word_has_a_written_origin(text, language):
    spoken = read(text, language)
    spans, written = list(spoken.word_spans), spoken.written_words
    assert len(spans) == len(spoken.spoken_words)
    assert all(0 <= first < end <= len(written) for first, end in spans)
    assert [first for first, _ in spans] == sorted(first for first, _ in spans)


@given(TEXTS, LANGUAGES)
def test_a_written_word_with_a_sound_is_spoken_or_named(text, language):
    """Words may lose their sound only by a rule that says so."""
    spoken = read(text, language)
    covered = {number for first, end in spoken.word_spans for number in range(first, end)}
    unspoken = [word for number, word in enumerate(spoken.written_words) if number not in covered]
    assert not any(character.isalnum() for word in unspoken for character in word)


@given(
    st.lists(st.sampled_from(["a", "cat", "sat", "on", "the", "mat", "it's", "well-known"]), min_size=1).map(" ".join)
)
def test_what_is_plain_passes_unchanged(text):
    assert read(text) == SpokenText(text, text)


@given(TEXTS)
def test_with_every_rule_off_nothing_is_taken_off(text):
    off = CleanRules(**{name: False for name in CleanRules.model_fields if name != "blocks"})
    assert (
        read(text, "en", off).text.split() == "".join(c for c in text if not "\U000f0000" <= c <= "\U000f00ff").split()
    )


@pytest.mark.parametrize("pair", read_table()[::7], ids=lambda pair: pair.written[:30])
def test_the_words_of_the_table_are_all_tied(pair):
    spoken = read(pair.written, pair.language)
    covered = {number for first, end in spoken.word_spans for number in range(first, end)}
    silent = {number for number, word in enumerate(spoken.written_words) if word == "/"}  # "win-win / lose-lose"
    assert covered | silent == set(range(len(spoken.written_words)))


@given(st.lists(TEXTS.filter(lambda text: text.isprintable()), min_size=1, max_size=8))
def test_what_many_texts_at_once_call_plain_is_plain_english(texts):
    for text, plain in zip(texts, plain_turns(texts), strict=True):
        if plain:
            assert is_plain(text, "en") and detect_language([text]) == "en"


@pytest.mark.parametrize("short", [*AFTER_NAMES, *BEFORE_NAMES, *BEFORE_NUMBERS, *SHORT_FORMS, *WEEKDAYS])
def test_a_short_form_is_never_passed_over_among_many_texts(short):
    assert plain_turns(["The house is red.", f"The house {short.rstrip('.')}. Bob"]) == [True, False]


@pytest.mark.parametrize("pair", read_table()[::3], ids=lambda pair: pair.written[:30])
def test_many_dialogues_at_once_are_read_as_each_alone(pair):
    texts = [pair.written, "Well, that is that."]
    language, turns = read_dialogue(texts)
    several = list(read_dialogues([["Hello there."], texts, ["Das ist nicht gut, oder?"]]))

    assert several[0] == ("en", None)
    assert several[1][0] == language
    assert (several[1][1] or [SpokenText(text, text) for text in texts]) == turns
    assert several[2][0] == "de"
