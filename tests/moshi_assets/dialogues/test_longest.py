"""A text that is too long for one turn, in pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.dialogues.longest import pieces


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("One two. Three four. Five.", 15, ["One two.", "Three four.", "Five."]),
        ("One two. Three four. Five.", 20, ["One two. Three four.", "Five."]),
        ("One two. Three four. Five.", 26, ["One two. Three four. Five."]),
        ('He said "Go!" She went. Why?', 15, ['He said "Go!"', "She went. Why?"]),
        ("Ask Dr. Miller. He knows J. S. Bach.", 22, ["Ask Dr. Miller.", "He knows J. S. Bach."]),
        ("It costs 3.50 now. Buy it.", 20, ["It costs 3.50 now.", "Buy it."]),
        ("First, we boil it, then, in the end, we eat.", 20, ["First, we boil it,", "then, in the end,", "we eat."]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("Short. " + "x" * 25, 10, ["Short.", "x" * 10, "x" * 10, "x" * 5]),
        ("今天天气很好。我们去公园吧！你来吗？", 8, ["今天天气很好。", "我们去公园吧！", "你来吗？"]),
        ("今天天气很好，我们去公园", 8, ["今天天气很好，", "我们去公园"]),
        ("Line one\nLine two", 10, ["Line one", "Line two"]),
        ("Yes. ---- ---- ---- ---- No.", 8, ["Yes.", "---- No."]),
    ],
)
def test_a_text_is_split_where_it_may_end(text: str, limit: int, expected: list[str]):
    assert pieces(text, limit) == expected


@given(text=st.text(st.sampled_from("ab12 .,!?\n。，é—'\"(") | st.characters(), max_size=300), limit=st.integers(1, 80))
def test_no_piece_is_too_long_and_no_word_is_lost(text: str, limit: int):
    found = pieces(text, limit)
    assert all(0 < len(piece) <= limit for piece in found)
    assert re.sub(r"[\W_]", "", "".join(found)) == re.sub(r"[\W_]", "", text)


def test_a_long_text_takes_no_long_time():
    assert len(pieces("a, " * 33_000, 100)) > 900 and len(pieces("x" * 100_000, 100)) == 1000
