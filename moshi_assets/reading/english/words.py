"""English: addresses of the net, short forms, capitals, Roman numerals and signs between words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..rules import Part, Reading, Rule, after, before, ends_sentence, group, rule
from .numbers import cardinal, digits, ordinal
from .terms import (
    AFTER_NAMES,
    ALSO_WORDS,
    BEFORE_NAMES,
    BEFORE_NUMBERS,
    DOMAINS,
    FILE_ENDINGS,
    INITIALISMS,
    NEVER_LAST,
    RATES,
    ROMAN_CARDINAL,
    ROMAN_ORDINAL,
    SAID_AS_WORDS,
    SENTENCE_STARTERS,
    SHORT_FORMS,
    SPELLED_CAPITALS,
    WEEKDAYS,
)


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


# Addresses

ADDRESS_SIGNS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    ":": "colon",
    "@": "at",
    "+": "plus",
    "~": "tilde",
}
_ADDRESS_PIECE = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")


def spell_address(text: str, signs: dict[str, str] = ADDRESS_SIGNS) -> str:
    """A web or mail address word by word: "docs.python.org/3" -> "docs dot python dot org slash three"."""
    words = []
    for piece in _ADDRESS_PIECE.findall(text):
        if piece in signs:
            words.append(signs[piece])
        elif piece.isdecimal():
            words.append(cardinal(int(piece)) if len(piece) < 3 and piece[0] != "0" else digits(piece, "zero"))
        elif piece.lower() == "www":
            words.append("w w w")
        elif piece.isalpha():
            words.append(piece)
    return " ".join(words)


def without_scheme(address: str) -> str:
    """Nobody says "https colon slash slash"; nor the slash at an address's end."""
    return re.sub(r"^[a-z]+://", "", address, flags=re.IGNORECASE).rstrip("/")


URL = (
    rf"(?:https?://|ftp://|www\.)[^\s<>\"'\u201d)\]]*[^\s<>\"'\u201d)\].,;:!?]"
    rf"|(?<![\w@.-])(?:[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?\.)+(?:{DOMAINS})(?![\w.]*\w)(?::\d+)?(?:/(?:[^\s<>\"')\]]*[^\s<>\"')\].,;:!?])?)?"
)
EMAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"


def _camel(name: str) -> str:
    """The words of a name without spaces: "summerVibes2024" -> "summer Vibes twenty twenty four"."""
    return " ".join(
        digits(piece, "zero")
        if piece.isdecimal() and len(piece) > 2
        else cardinal(int(piece))
        if piece.isdecimal()
        else piece
        for piece in re.findall(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|[^\W\d_]+", name)
    )


def _file(match: re.Match[str]) -> Reading:
    return f"{spell_address(match[1])} dot {' '.join(match[2].upper())}"


_ADDRESSES = [
    rule("url", URL, lambda m: spell_address(without_scheme(m.group())), ".:"),
    rule("e-mail", EMAIL, lambda m: spell_address(m.group()), "@"),
    rule("file", rf"(?<![\w.@/-])([\w-]+)\.({FILE_ENDINGS})(?!\w)", _file, "."),
    rule("handle", r"(?<![\w@])@([A-Za-z]\w*(?:\.\w+)*)", lambda m: f"at {spell_address(m[1])}", "@"),
    rule(
        "path",
        r"(?<![\w.])(?:[A-Za-z]:\\|~/|\.{1,2}/|/(?=[\w.-]+/))[\w.~-]+(?:[/\\][\w.~-]+)*/?(?<![.])",
        lambda m: spell_address(m.group(), ADDRESS_SIGNS | {"\\": "backslash"}),
        "/\\",
    ),
    rule("file", r"(?<![\w.@/-])([\w-]+)\.tar\.gz(?!\w)", lambda m: f"{spell_address(m[1])} dot tar dot G Z", "."),
    rule("hashtag", r"(?<![\w#&])#((?=\d*[A-Za-z])\w+)", lambda m: f"hashtag {_camel(m[1])}", "#"),
]

# Short forms


def _sentence_end(match: re.Match[str], end: int) -> int:
    """One less where the full stop of a short form ends the sentence too, so that it stays."""
    return end - 1 if match.string[end - 1] == "." and ends_sentence(match.string, end) else end


def _short_form(match: re.Match[str]) -> Reading:
    short = match.group()
    end = match.end() if short in NEVER_LAST else _sentence_end(match, match.end())
    return [Part(match.start(), end, SHORT_FORMS[short])]


def _after_name(match: re.Match[str]) -> Reading:
    following = re.match(r"\s+([A-Z][\w']*)", after(match))
    if match["short"] in BEFORE_NAMES and following and following[1] not in SENTENCE_STARTERS:
        return None  # "Is Dr. Lee in?"
    return [Part(match.start("short"), _sentence_end(match, match.end()), AFTER_NAMES[match["short"]])]


def _before_name(match: re.Match[str]) -> Reading:
    return BEFORE_NAMES[match[1]]


# Roman numerals

_ROMAN = r"(?=[IVXLC])(?:X{0,3})?(?:L?X{0,3})(?:IX|IV|V?I{0,3})"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def roman(text: str) -> int:
    """XIV -> 14."""
    values = [_VALUES[sign] for sign in text]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=False))


def _world_war(match: re.Match[str]) -> Reading:
    return f"World War {cardinal(int(match[1]) if match[1].isdecimal() else roman(match[1])).capitalize()}"


# Capitals

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
    end = match.end() if name else _sentence_end(match, match.end())
    return [Part(match.start(), end, " ".join(re.findall("[A-Za-z]", match.group())))]


# Signs

SLASHES = re.compile(r"(?<=[A-Za-z])/(?=[A-Za-z])")
_EITHER = frozenset(["him/her", "his/her", "he/she", "she/he", "his/hers", "her/his", "yes/no", "true/false", "on/off"])


def _slash(match: re.Match[str]) -> Reading:
    pair = match.group().lower()
    if pair == "and/or":
        joint = "or"
        return [group(match, 1, "and"), Part(match.end(1), match.end(), joint)]
    between = "or" if pair in _EITHER else ""
    return [Part(match.end(1), match.start(2), between)]


_DOUBLE_SIGNS = {
    "!=": "is not",
    "==": "equals",
    "<=": "is at most",
    ">=": "is at least",
    "<-": "from",
}
_GREEK = {
    "\u03b1": "alpha",
    "\u03b2": "beta",
    "\u03b3": "gamma",
    "\u03b4": "delta",
    "\u03b5": "epsilon",
    "\u03b6": "zeta",
    "\u03b7": "eta",
    "\u03b8": "theta",
    "\u03b9": "iota",
    "\u03ba": "kappa",
    "\u03bb": "lambda",
    "\u03bc": "mu",
    "\u03bd": "nu",
    "\u03be": "xi",
    "\u03bf": "omicron",
    "\u03c0": "pi",
    "\u03c1": "rho",
    "\u03c3": "sigma",
    "\u03c4": "tau",
    "\u03c5": "upsilon",
    "\u03c6": "phi",
    "\u03c7": "chi",
    "\u03c8": "psi",
    "\u03c9": "omega",
    "\u0393": "gamma",
    "\u0394": "delta",
    "\u0398": "theta",
    "\u039b": "lambda",
    "\u03a0": "pi",
    "\u03a3": "sigma",
    "\u03a6": "phi",
    "\u03a8": "psi",
    "\u03a9": "omega",
}
"""Letters of formulas."""
_SIGNS = {
    "\u221e": "infinity",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "<": "is less than",
    ">": "is greater than",
    "\u2264": "is at most",
    "\u2265": "is at least",
    "\u2260": "is not",
    "\u2248": "is about",
    "\u00d7": "times",
    "\u00f7": "divided by",
    "\u00b1": "plus or minus",
    "%": "percent",
    "\u2192": "to",
    "@": "at",
    "\u00a9": "copyright",
    "\u00b0": "degrees",
}


class WordRules(NamedTuple):
    """Rules before and after those of numbers."""

    addresses: list[Rule]
    words: list[Rule]


WORD_RULES = WordRules(
    _ADDRESSES,
    [
        rule("short form", rf"(?<![\w.])(?:{_alternatives(SHORT_FORMS)})(?!\w)", _short_form),
        rule(
            "short form",
            rf"(?:[A-Z][\w'\u2019]*|\d(?:st|nd|rd|th))\s(?P<short>{_alternatives(AFTER_NAMES)})\.",
            _after_name,
            ".",
        ),
        rule("short form", rf"(?<![\w.])({_alternatives(BEFORE_NAMES)})\.?(?=\s[A-Z])", _before_name),
        rule(
            "short form",
            rf"(?<![\w.])({_alternatives(BEFORE_NUMBERS)})\.(?=\s?\d)",
            lambda m: BEFORE_NUMBERS[m[1]],
            ".",
        ),
        rule(
            "roman numeral",
            rf"\b(?:{ROMAN_CARDINAL})\s(?P<roman>{_ROMAN})(?![\w'\u2019])",
            lambda m: [group(m, "roman", cardinal(roman(m["roman"])))],
            "IVXLC",
        ),
        rule(
            "roman numeral",
            rf"\b(?:{ROMAN_ORDINAL})\s(?P<roman>(?!I\b){_ROMAN})(?![\w'\u2019])",
            lambda m: [group(m, "roman", f"the {ordinal(roman(m['roman']))}")],
            "IVXLC",
        ),
        rule("roman numeral", r"\bWW(I{1,3}|[123])\b", _world_war, "W"),
        rule("capitals", r"(?<![\w.])(?:[A-Za-z]\.){2,}(?!\w)", _dotted, "."),
        rule("capitals", r"(?<![\w'\u2019])(?:[A-Z]{2,}(?:s|['\u2019][A-Z]+)?|Ph[Dd]s?)(?!\w)", _capitals),
        rule("capitals", r"(?<=[A-Z] )A(?= [A-Z])", lambda m: "a" if shouted(sentence_around(m)) else None, "A"),
        rule(
            "weekday",
            rf"\b({_alternatives(WEEKDAYS)})(\.?[-\u2013]\.?)({_alternatives(WEEKDAYS)})\b",
            lambda m: [group(m, 1, WEEKDAYS[m[1]]), group(m, 2, "to"), group(m, 3, WEEKDAYS[m[3]])],
            "-\u2013",
        ),
        rule("weekday", rf"\b({_alternatives(WEEKDAYS)})\.(?=,|\s\d)", lambda m: WEEKDAYS[m[1]], "."),
        rule(
            "weekday",
            rf"\b({_alternatives(set(WEEKDAYS) - {'Mon', 'Sat', 'Sun'})})\.",
            lambda m: [Part(m.start(), _sentence_end(m, m.end()), WEEKDAYS[m[1]])],
            ".",
        ),
        rule("sign", r"(?<=[\w)])\^(?=[\w(])", lambda m: "to the power of", "^"),
        rule("sign", r"\u221a\s?(?=[\w(])", lambda m: "the square root of", "\u221a"),
        rule("sign", r"\b([A-G])#", lambda m: f"{m[1]} sharp", "#"),
        rule("sign", r"[-=]>|\u21d2", lambda m: "to", "->=\u21d2"),
        rule("sign", r"[!<>=]=|<-", lambda m: _DOUBLE_SIGNS[m.group()], "=<"),
        rule("sign", r"_+", lambda m: [Part(*m.span(), "")], "_"),
        rule(
            "sign", rf"(?:[{''.join(_GREEK)}\u00b5])", lambda m: _GREEK.get(m.group(), "mu"), "".join(_GREEK) + "\u00b5"
        ),
        rule("sign", r"(?<!\w)\.(?=NET\b)", lambda m: "dot", "."),
        rule("sign", r"\u00a7\s?(?=\d)", lambda m: "section", "\u00a7"),
        rule("sign", r"[\u2122\u00ae]", lambda m: [Part(*m.span(), "")], "\u2122\u00ae"),
        rule("sign", r"\b(C|c)\+\+", lambda m: f"{m[1]} plus plus", "+"),
        rule("sign", rf"(?<=\w)/({_alternatives(RATES)})\b", lambda m: f"per {RATES[m[1]]}", "/"),
        rule("sign", r"(?<![\w/])([A-Za-z]+)/([A-Za-z]+)(?![\w/])", _slash, "/"),
        rule("sign", r"(?<=\S)\s+/(?=\s)", lambda m: [Part(*m.span(), "")], "/"),
        rule("sign", rf"[{re.escape(''.join(_SIGNS))}]", lambda m: _SIGNS[m.group()]),
    ],
)
