"""Rules, each of which reads one kind of thing that is not written as it is spoken; a grammar applies its rules one
after another.

What one rule has read is closed to those after it, so the first rule that knows a thing decides, and nothing is ever
read twice or mended afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """A stretch of the written text and its spoken form."""

    start: int
    end: int
    """One past the last character."""
    spoken: str
    """Words; "" for a stretch without a sound of its own."""
    kind: str = ""
    """Name of the rule that read it."""


Reading = str | Sequence[Part] | None
"""The result of a rule for a match: its words, or its parts, each with its own stretch, or None if the rule does not
apply.
"""


class Rule(NamedTuple):
    """How one kind of thing is found and spoken."""

    kind: str
    pattern: re.Pattern[str]
    speak: Callable[[re.Match[str]], Reading]
    needs: frozenset[str] = frozenset()
    """The rule is tried only on texts with one of these characters; if empty, on every text."""


def rule(kind: str, pattern: str, speak: Callable[[re.Match[str]], Reading], needs: str = "", flags: int = 0) -> Rule:
    """Make a rule from the text of its pattern."""
    return Rule(kind, re.compile(pattern, flags), speak, frozenset(needs))


def group(match: re.Match[str], name: str | int, spoken: str) -> Part:
    """The part for a group of a match."""
    return Part(*match.span(name), spoken)


_CONTEXT = 40


def before(match: re.Match[str], most: int = _CONTEXT) -> str:
    """The characters before a match, the last few."""
    return match.string[max(0, match.start() - most) : match.start()]


def after(match: re.Match[str]) -> str:
    """The characters after a match, the first few."""
    return match.string[match.end() : match.end() + _CONTEXT]


def ends_sentence(text: str, end: int) -> bool:
    """Whether a full stop before this place ends a sentence: nothing follows, or a capital letter."""
    rest = text[end : end + _CONTEXT]
    return not rest.strip() or bool(re.match(r"[\"'\u201d)]*\s+[A-Z\"'\u201c(]", rest))


def short_form_end(match: re.Match[str], end: int) -> int:
    """Where a short form ends: before its full stop where that ends the sentence too, so that it stays."""
    return end - 1 if match.string[end - 1] == "." and ends_sentence(match.string, end) else end


def apply(rules: Iterable[Rule], text: str) -> list[Part]:
    """Apply the rules to a text: parts in order, without overlaps."""
    found: list[Part] = []
    taken = bytearray(len(text))
    characters = set(text)
    for kind, pattern, speak, needs in rules:
        if needs and characters.isdisjoint(needs):
            continue
        for match in pattern.finditer(text):
            reading = speak(match)
            if reading is None:
                continue
            parts = [Part(*match.span(), reading)] if isinstance(reading, str) else reading
            if any(part.start == part.end or any(taken[part.start : part.end]) for part in parts):
                continue
            for part in parts:
                taken[part.start : part.end] = b"\1" * (part.end - part.start)
                found.append(part._replace(kind=kind))
    found.sort()
    return found
