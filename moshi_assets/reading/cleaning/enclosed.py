"""Stretches of a text between an opening and a closing mark, found in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


def enclosed(
    text: str, opening: re.Pattern[str], closing: Callable[[re.Match[str]], str], least: int = 0
) -> Iterator[tuple[int, int]]:
    """First and end position of each stretch, both marks included; they do not overlap.

    A regular expression for this looks to the end of the text from every opening mark that nothing closes. Here a
    closing mark that is not found once is not looked for again, so that the work grows as the text does.

    Args:
        text: any text.
        opening: what the first mark looks like.
        closing: the mark that closes it, in any case.
        least: the fewest characters between the two.
    """
    folded = text.lower()
    if len(folded) != len(text):  # a letter that is two in the other case
        folded = text
    at = 0
    missing = set[str]()
    for match in opening.finditer(text):
        mark = closing(match).lower()
        if match.start() < at or mark in missing:
            continue
        place = folded.find(mark, match.end() + least)
        if place < 0:
            missing.add(mark)
            continue
        at = place + len(mark)
        yield match.start(), at


def without_enclosed(
    text: str, opening: re.Pattern[str], closing: Callable[[re.Match[str]], str], instead: str = ""
) -> str:
    """The text without those stretches, with something else in the place of each."""
    kept, at = [], 0
    for start, end in enclosed(text, opening, closing):
        kept += [text[at:start], instead]
        at = end
    return "".join((*kept, text[at:]))
