"""Stretches between two marks: found in one pass, whatever is left open."""

import re

import pytest

from moshi_assets.reading import read
from moshi_assets.reading.cleaning.enclosed import enclosed, without_enclosed
from moshi_assets.reading.cleaning.formulas import without_formulas

TAG = re.compile(r"<(\w)>")


def closing(match: re.Match[str]) -> str:
    return f"</{match[1]}>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <b>x</b> c", "a  c"),
        ("a <b>x</B> c", "a  c"),
        ("<b>x</b><b>y</b>z", "z"),
        ("<b>x <i>y</b> z</i>", " z</i>"),
        ("<i>x <b>y</b> z", "<i>x  z"),
        ("</b> x <b>", "</b> x <b>"),
        ("<b>\u0130</b> x", " x"),
    ],
)
def test_what_is_closed_goes_and_what_is_not_stays(text: str, left: str):
    assert without_enclosed(text, TAG, closing) == left


def test_a_mark_that_is_nowhere_is_looked_for_once():
    asked: list[int] = []

    class Text(str):
        def lower(self) -> "Text":
            return Text(super().lower())

        def find(self, *arguments) -> int:
            asked.append(1)
            return super().find(*arguments)

    assert list(enclosed(Text("<b>" * 1000), TAG, closing)) == []
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "left", "first"),
    [
        ("so $$x$$ and $y_1$ end", "so   and   end", "$$x$$"),
        (r"so \(x\) end", "so   end", r"\(x\)"),
        (r"so \begin{a}x\end{a} end", "so   end", r"\begin{a}x\end{a}"),
        ("so $y = 1$ end", "so   end", "$y = 1$"),
        ("it is $5 and $6", "it is $5 and $6", ""),
        ("it is $$$$", "it is $$$$", ""),
    ],
)
def test_formulas_go(text: str, left: str, first: str):
    assert without_formulas(text) == (left, first)


def test_marks_that_nothing_closes_cost_as_much_as_they_are_long():
    """Patterns that look to the end from each of them would take minutes over these."""
    for piece in ("<<SYS>>", "\\(", "\\begin{a}", "<![CDATA[", "SELECT ", "1-", "$a=", "what? No. 5 ", "=-"):
        read(piece * (20_000 // len(piece)))
