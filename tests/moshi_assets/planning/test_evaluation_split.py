"""Which dialogues are kept for evaluation."""

import random
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import Dialogue, Turn
from moshi_assets.planning.evaluation_split import split_by_count, split_by_fraction, text_hash


def talk(*texts: str, name: str = "a", backchannel: str = "") -> Dialogue:
    turns = [Turn("user" if number % 2 else "assistant", text, None) for number, text in enumerate(texts)]
    if backchannel:
        turns.insert(1, Turn("user", backchannel, None, backchannel=True))
    return Dialogue(1, name, tuple(turns))


def talks(count: int) -> list[Dialogue]:
    return [talk(f"Question {number}?", "So.", name=str(number)) for number in range(count)]


@pytest.mark.parametrize(
    "same",
    [
        talk("WHERE is it?", "Here."),
        talk("Where  is\tit", "here"),
        talk("«Where» is — it?!", "Here…"),
        talk("Ｗｈｅｒｅ is it?", "Here."),
        talk("Where is it? Here."),
        talk("Where is", "it? Here."),
        talk("Where is it?", "Here.", name="b"),
        talk("Where is it?", "Here.", backchannel="Mm-hm."),
        talk("Where is\u200b it?", "Here."),
    ],
    ids=[
        "case",
        "white space",
        "punctuation",
        "full width",
        "one turn",
        "another cut",
        "id",
        "backchannel",
        "invisible",
    ],
)
def test_dialogues_that_say_the_same_have_one_hash(same: Dialogue):
    assert text_hash(same, 0) == text_hash(talk("Where is it?", "Here."), 0)


@pytest.mark.parametrize(
    "other", [talk("Where was it?", "Here."), talk("Where is it?"), talk("Where is it 2?", "Here.")]
)
def test_dialogues_that_say_something_else_have_another(other: Dialogue):
    assert text_hash(other, 0) != text_hash(talk("Where is it?", "Here."), 0)


def test_dialogues_without_words_are_told_apart():
    assert text_hash(talk("🎧"), 0) != text_hash(talk("?!"), 0) == text_hash(talk("? !"), 0)


def test_a_hash_depends_on_the_seed():
    assert text_hash(talk("Hi."), 0) != text_hash(talk("Hi."), 1)


@given(st.text())
@example("ǰ")  # casefold undoes what NFKC composed
@example("ΐ")
@example("Straße ﬁn İ")
def test_unicode_forms_and_case_do_not_matter(text: str):
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")), text.casefold()]
    if any(char.isalnum() for char in text):
        assert len({text_hash(talk(form), 0) for form in forms}) == 1
    assert all(0 <= text_hash(talk(form), 0) < 2**64 for form in forms)


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.9])
def test_a_fraction_keeps_about_that_share(fraction: float):
    split_of = split_by_fraction(fraction, 0)
    kept = sum(split_of(one) == "eval" for one in talks(5000))
    assert abs(kept - 5000 * fraction) < 4 * (5000 * fraction * (1 - fraction)) ** 0.5


def test_a_larger_fraction_only_adds():
    small, large = split_by_fraction(0.1, 0), split_by_fraction(0.2, 0)
    assert all(large(one) == "eval" for one in talks(1000) if small(one) == "eval")


@pytest.mark.parametrize("count", [1, 7, 499, 500])
def test_a_count_keeps_exactly_that_many(count: int):
    split_of = split_by_count(iter(talks(500)), count, 0)
    assert sum(split_of(one) == "eval" for one in talks(500)) == count


def test_a_count_takes_the_smallest_hashes_wherever_they_are():
    shuffled = talks(5000)
    random.Random(0).shuffle(shuffled)
    split_of = split_by_count(shuffled, 20, 3)
    smallest = sorted(talks(5000), key=lambda one: text_hash(one, 3))[:20]
    assert {one.id for one in talks(5000) if split_of(one) == "eval"} == {one.id for one in smallest}


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=30), count=st.integers(1, 40), seed=st.integers(0, 99))
def test_texts_are_never_on_both_sides_and_the_count_is_never_passed(sizes: list[int], count: int, seed: int):
    dialogues = [talk(f"Text {n}.", name=f"{n}/{copy}") for n, size in enumerate(sizes) for copy in range(size)]
    random.Random(seed).shuffle(dialogues)
    split_of = split_by_count(dialogues, count, seed)
    sides = Counter((one.turns[0].text, split_of(one)) for one in dialogues)
    assert len(sides) == len(sizes)
    kept = sum(number for (_, side), number in sides.items() if side == "eval")
    passed_over = [number for (_, side), number in sides.items() if side == "train"]
    assert kept <= count
    assert all(number > count - kept for number in passed_over)  # fewer only where nothing else fits


def test_dialogues_of_one_text_that_do_not_fit_are_passed_over():
    """Three of one text do not fit into two; two others do."""
    dialogues = [talk("Same.", name=str(number)) for number in range(3)] + talks(10)
    for seed in range(20):
        split_of = split_by_count(dialogues, 2, seed)
        assert [split_of(one) for one in dialogues[:3]] == ["train"] * 3
        assert sum(split_of(one) == "eval" for one in dialogues) == 2
