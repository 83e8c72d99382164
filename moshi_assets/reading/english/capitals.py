"""English: capitals: initialisms are spelled, shouted words are words."""

from __future__ import annotations

import re

from ..language import ENGLISH_WORDS
from ..rules import Part, Reading, after, before, rule, short_form_end
from .terms import ALSO_WORDS, CAPITAL_NAMES, INITIALISMS, SAID_AS_WORDS, SENTENCE_STARTERS, SPELLED_CAPITALS, STRESSED

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


_SOUND = re.compile(
    r"(?:[^AEIOUY]{0,2}|STR|THR|SCH|SPR|SCR|SHR|SPL|SQU)[AEIOUY]+"
    r"(?:[^AEIOUY]{1,4}[AEIOUY]+)*(?:[^AEIOUY]{0,2}|GHTS?|TCH|N[DTG]S|NCH|R[TDKM]S|R[TC]H|RST|NTH|[LN]GTH|CKS|STS|L[LDT]S|SHT)"
)
"""How an English word in capitals looks."""
_TECHNOLOGY = re.compile(
    r"\s+(?:department|support|guy|guys|team|staff|professional|manager|specialist|company|companies|job|jobs|consultant|"
    r"industry|person|people|sector|security|project|infrastructure|services?|systems?|skills?|help|desk|work|field)\b"
)


def _is_word(match: re.Match[str], word: str) -> bool:
    """Whether capitals are a word that is stressed: "STOP!", "it IS true", "NEVER"; no name, no initialism."""
    if word in CAPITAL_NAMES:
        return False
    if "'" in word or "\u2019" in word:
        return True
    if word == "IT":
        told = re.search(r"\b(?:in|an|the|our|your|my|his|her|their|of|for|and)\s+$", before(match))
        return not told and not _TECHNOLOGY.match(after(match))
    if word == "AM":
        return bool(re.search(r"\b(?:I|what|who|how|where|why)\s+$", before(match), re.IGNORECASE))
    if len(word) < 4:
        return word.lower() in ENGLISH_WORDS or word in STRESSED
    return bool(_SOUND.fullmatch(word))


def _capitals(match: re.Match[str]) -> Reading:
    word = match.group()
    if word in SPELLED_CAPITALS:
        return SPELLED_CAPITALS[word]
    if word in SAID_AS_WORDS:
        return None
    stem, many = (word[:-1], "s") if word.endswith("s") else (word, "")
    spelled = word in INITIALISMS or stem in INITIALISMS or not set(stem) & set("AEIOUY")
    shout = shouted(sentence_around(match)) and (not spelled or word in ALSO_WORDS)
    if shout or (not spelled and not many and _is_word(match, word)):
        return word.capitalize() if _begins(match) else word.lower()
    return " ".join(stem) + many if spelled or word == "IT" else None


def _begins(match: re.Match[str]) -> bool:
    """Whether a match is the first word of its sentence: voices see by the capital where one begins."""
    return bool(re.search(r"(?:^|[.!?\n])[^\w]*$", before(match)))


def _dotted(match: re.Match[str]) -> Reading:
    """U.S., J. R. R.: letters, without the full stops that would end a sentence."""
    following = re.match(r"\s+([A-Z][\w']*)", after(match))
    name = following is not None and following[1] not in SENTENCE_STARTERS
    end = match.end() if name else short_form_end(match, match.end())
    return [Part(match.start(), end, " ".join(re.findall("[A-Za-z]", match.group())))]


def _joined(match: re.Match[str]) -> Reading:
    """AT&T, R&D, PB&J: letters on both sides."""
    if len(match[1]) > 2 and set(match[1]) & set("AEIOUY"):
        return None
    return f"{' '.join(match[1])} and {' '.join(match[2])}{match[3]}"


CAPITAL_RULES = [
    rule("capitals", r"(?<![\w&])([A-Z]{1,3})&([A-Z]{1,2})(s?)(?![\w&])", _joined, "&"),
    rule("capitals", r"(?<![\w.])(?:[A-Za-z]\.){2,}(?!\w)", _dotted, "."),
    rule("capitals", r"(?<![\w'\u2019])(?:[A-Z]{2,}(?:s|['\u2019][A-Z]+)?|Ph[Dd]s?)(?!\w)", _capitals),
    rule("capitals", r"(?<=[A-Z] )A(?= [A-Z])", lambda m: "a" if shouted(sentence_around(m)) else None, "A"),
]
