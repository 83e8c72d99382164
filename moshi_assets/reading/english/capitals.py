"""English: capitals: initialisms are spelled, shouted words are words."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, rule, short_form_end
from .terms import ALSO_WORDS, INITIALISMS, SAID_AS_WORDS, SENTENCE_STARTERS, SPELLED_CAPITALS

_CAPITALS = re.compile(r"[A-Z]{2,}")


def shouted(sentence: str) -> bool:
    """Whether all of a sentence is in capitals: two words or more, which are no initialisms."""
    if any(map(str.islower, sentence)):
        return False
    words = [
        word for word in re.findall(r"[A-Z]{2,}", sentence) if word not in INITIALISMS and set(word) & set("AEIOUY")
    ]
    return len(words) >= 2


_FAR = 200


def sentence_around(match: re.Match[str]) -> str:
    """The sentence that a match stands in, by its marks."""
    text, (start, end) = match.string, match.span()
    first, last = max(0, start - _FAR), min(len(text), end + _FAR)
    begins = max(text.rfind(mark, first, start) for mark in ".!?\n") + 1
    found = [place for mark in ".!?\n" if (place := text.find(mark, end, last)) >= 0]
    return text[max(begins, first) : min(found, default=last)]


def _capitals(match: re.Match[str]) -> Reading:
    word = match.group()
    if word in SPELLED_CAPITALS:
        return SPELLED_CAPITALS[word]
    if word in SAID_AS_WORDS:
        return None
    stem, many = (word[:-1], "s") if word.endswith("s") else (word, "")
    spelled = word in INITIALISMS or stem in INITIALISMS or not set(stem) & set("AEIOUY")
    sentence = sentence_around(match)
    if shouted(sentence) and (not spelled or word in ALSO_WORDS):
        return word.capitalize() if _begins(match) else word.lower()
    return " ".join(stem) + many if spelled else None


def _begins(match: re.Match[str]) -> bool:
    """Whether a match is the first word of its sentence: voices see by the capital where one begins."""
    return bool(re.search(r"(?:^|[.!?\n])[^\w]*$", before(match)))


def _dotted(match: re.Match[str]) -> Reading:
    """U.S., J. R. R.: letters, without the full stops that would end a sentence."""
    following = re.match(r"\s+([A-Z][\w']*)", after(match))
    name = following is not None and following[1] not in SENTENCE_STARTERS
    end = match.end() if name else short_form_end(match, match.end())
    return [Part(match.start(), end, " ".join(re.findall("[A-Za-z]", match.group())))]


CAPITAL_RULES = [
    rule("capitals", r"(?<![\w.])(?:[A-Za-z]\.){2,}(?!\w)", _dotted, "."),
    rule("capitals", r"(?<![\w'\u2019])(?:[A-Z]{2,}(?:s|['\u2019][A-Z]+)?|Ph[Dd]s?)(?!\w)", _capitals),
    rule("capitals", r"(?<=[A-Z] )A(?= [A-Z])", lambda m: "a" if shouted(sentence_around(m)) else None, "A"),
]
