"""English arithmetic, versions, letters with digits, and numbers that are nothing else."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .dates import lone_year
from .numbers import digits, in_pairs, number, ordinal, plural, ungrouped, year
from .patterns import DASH, DIGITS, END, NUMBER, RANGE, START
from .terms import MAGNITUDES

# Arithmetic

_OPERATORS = {
    "+": "plus",
    "-": "minus",
    "\u2212": "minus",
    "\u2013": "minus",
    "\u00d7": "times",
    "*": "times",
    "\u00b7": "times",
    "x": "times",
    "\u00f7": "divided by",
    "/": "divided by",
    "=": "equals",
    "\u2248": "is about",
    "\u2260": "is not",
    "<": "is less than",
    ">": "is greater than",
    "\u2264": "is at most",
    "\u2265": "is at least",
}


def _sum(match: re.Match[str]) -> Reading:
    text = match.group()
    if not re.search(r"[+\u00d7\u00f7=*\u2248\u2264\u2265]|\sx\s|\s/\s", text):
        return None
    parts = []
    pattern = rf"(?P<number>(?:(?<![\w)\s])[-\u2212]|(?<=[=(+*/\u00d7] )[-\u2212](?=\d)|^[-\u2212])?{NUMBER})|(?P<operator>\S)"  # noqa: E501
    for each in re.finditer(pattern, text):
        spoken = number(each["number"]) if each["number"] else _OPERATORS[each["operator"]]
        parts.append(Part(match.start() + each.start(), match.start() + each.end(), spoken))
    return parts


_OPERATOR = "[" + re.escape("".join(_OPERATORS)) + "]"
SUM_RULES = [
    rule(
        "sign",
        rf"(?<![\w.^]){NUMBER}(?:\s?{_OPERATOR}\s?[-\u2212]?{NUMBER})+{END}",
        _sum,
        "+\u00d7\u00f7=*x/\u2248\u2264\u2265",
    ),
    rule(
        "sign",
        rf"{START}({NUMBER})\s?[x\u00d7]\s?({NUMBER}){END}",
        lambda m: [group(m, 1, number(m[1])), Part(m.end(1), m.start(2), "by"), group(m, 2, number(m[2]))],
        "x\u00d7",
    ),
]

# Other numbers


def _flight(match: re.Match[str]) -> Reading:
    return [group(match, 1, " ".join(match[1])), group(match, 2, digits(match[2], "zero"))]


_BOUNDS = {"<": "less than", ">": "more than", "\u2264": "at most", "\u2265": "at least"}


def _bound(match: re.Match[str]) -> Reading:
    """A bound such as "costs <$10", which compares no two sides as "x < 5" does."""
    return None if re.search(r"(?:(?:^|\s)[A-Za-z]|[\d)])\s*$", before(match)) else _BOUNDS[match.group()]


def _code(match: re.Match[str]) -> Reading:
    """4-7-9, 12-34-56: group by group."""
    return ", ".join(digits(each, "zero") for each in match.group().split("-"))


def _version(match: re.Match[str]) -> Reading:
    parts = match["numbers"].split(".")
    if len(parts) == 4:  # an address
        words = " dot ".join(digits(part, "zero") for part in parts)
    else:
        words = " point ".join(number(part) for part in parts)
    return f"version {words}" if match["v"] else words


def _ordinal(match: re.Match[str]) -> Reading:
    return ordinal(int(match[1].replace(",", "")))


def _plain(match: re.Match[str]) -> Reading:
    return number(match["number"])


_RUN_BEFORE = re.compile(r"\b(?:run|ran|running|runs|jog|jogged)\s+(?:an?\s+)?$", re.IGNORECASE)
_RUN_AFTER = re.compile(r"\s+(?:runs?|race|races|jog|walk)\b", re.IGNORECASE)


def _magnitude(match: re.Match[str]) -> Reading:
    if match[2] in "kK" and (_RUN_BEFORE.search(before(match)) or _RUN_AFTER.match(after(match))):
        return f"{number(match[1])} K"  # a distance
    return None if match[2] == "K" and len(match[1]) < 2 else f"{number(match[1])} {MAGNITUDES[match[2]]}"


_ASKED = re.compile(
    r"\b(?:what(?:['\u2019]s|\s+is|\s+are|\s+does)|calculate|compute|solve|evaluate|how much is|equals?|"
    r"result of|answer to)\s+$",
    re.IGNORECASE,
)


def _range(match: re.Match[str]) -> Reading:
    """From one to another; but a difference where one is asked for, or where the larger stands first, apart."""
    low, to, high = match["low"], match["to"], match["high"]
    sign = to.strip()
    apart = to[0].isspace() and to[-1].isspace()
    larger_first = float(ungrouped(low).replace("\u2212", "-")) >= float(ungrouped(high))
    minus = sign == "\u2212" or (sign in "-\u2013" and (_ASKED.search(before(match)) or (apart and larger_first)))
    word = "minus" if minus else "to"
    return [group(match, "low", number(low)), group(match, "to", word), group(match, "high", number(high))]


_LETTERS_DIGITS = re.compile(r"\d+(?:\.\d+)+|\d+|[^\W\d_]+")


_SECRET = re.compile(r"\b(?:password|passcode|pass\s?phrase|username|user name|login|serial)\b[^.!?]*$", re.IGNORECASE)


def _mixed(match: re.Match[str]) -> Reading:
    """Letters and digits in one word: "B12", "14C", "X7-9Q", "MP3", "iPhone12", "B-52s", "llama-3.1-8b"."""
    words: list[str] = []
    spelled_out = bool(_SECRET.search(before(match)))
    pieces = _LETTERS_DIGITS.findall(match.group())
    for place, piece in enumerate(pieces):
        if "." in piece:
            whole, *rest = piece.split(".")
            words.append(" point ".join([number(whole), *(digits(each, "zero") for each in rest)]))
        elif piece.isdecimal():
            spelled = len(piece) > 4 or (piece[0] == "0" and len(piece) > 1) or spelled_out
            words.append(digits(piece, "zero") if spelled else year(int(piece)))
        elif piece == "s" and place == len(pieces) - 1 and place and pieces[place - 1].isdecimal():
            words[-1] = plural(words[-1])
        elif piece.isupper() and (len(piece) <= 3 or not set(piece) & set("AEIOUY")):
            words.append(" ".join(piece))
        else:
            words.append(piece)
    return " ".join(words)


_MODEL = re.compile(r"\b(?:iPhone|Galaxy|Nexus|Pixel|Redmi|Honor|Model|Note|Mi)\s+$")


def _plural(match: re.Match[str]) -> Reading:
    """The 2s, all 1s and 0s, two 747s; the letter where it is a model's."""
    name = in_pairs(match[1]) if len(match[1]) in (3, 4) else number(match[1])
    return f"{name} S" if _MODEL.search(before(match)) else plural(name)


MODEL_RULES = [
    rule(
        "mixed",
        r"(?<![\w.])(?:[A-Z]{1,4}|[a-z]\d+|[A-Z][a-z]*\d+)-\d+[A-Za-z]{0,2}(?:-[A-Za-z0-9]+)*(?!\w)(?![.,]\d)",
        _mixed,
        "-",
    ),
    rule(
        "mixed",
        r"(?<![\w.@/-])(?![vV]\.?\d)[A-Za-z][A-Za-z-]*\d*-?\d+\.\d+(?:-?[A-Za-z0-9]+)*(?!\w)(?!\.\w)",
        _mixed,
        ".",
    ),
    rule("mixed", r"(?<![\w.])([A-Z])\.(\d{3})(?!\w)", lambda m: f"{m[1]} {digits(m[2], 'zero')}", "."),
]
"""Names of models, before anything in them is taken for a number with a unit."""

NUMBER_RULES = [
    rule("number", rf"{START}\d{{1,3}}(?: \d{{3}}){{2,}}{END}", lambda m: number(m.group().replace(" ", "")), " "),
    rule(
        "number",
        rf"{START}(?:[A-Z]{{2}}\d\d )?\d{{4}}(?: \d{{4}}){{2,}}(?: \d{{1,3}})?{END}",
        lambda m: ", ".join(" ".join(digits(sign, "zero") or sign for sign in each) for each in m.group().split()),
        " ",
    ),
    rule("sign", r"(?<=[\d)])\^(?=[-\u2212]?\d)(?!2\b|3\b)", lambda m: "to the power of", "^"),
    rule("number", rf"\b[Ff]light\s+([A-Z]{{2}})\s?(\d{{1,4}}){END}", _flight),
    rule("version", r"(?<![\w.])(?P<v>[vV])\.?(?=\d)(?P<numbers>\d+(?:\.\d+)+)(?![\w.]*\w)", _version, "vV"),
    rule(
        "version",
        r"(?<![\w.])(?P<v>(?!))?(?!\d{1,3}(?:\.\d{3}){2}(?![\d.]))(?P<numbers>\d+(?:\.\d+){2,})(?!\w)",
        _version,
        ".",
    ),
    rule(
        "range",
        rf"{START}(\d+(?:st|nd|rd|th))(\s?{DASH}\s?)(\d+(?:st|nd|rd|th))\b",
        lambda m: [
            group(m, 1, ordinal(int(m[1][:-2]))),
            group(m, 2, "to"),
            group(m, 3, ordinal(int(m[3][:-2]))),
        ],
        "tdh",
    ),
    rule("number", rf"{START}(\d{{1,3}}(?:,\d{{3}})+|\d+)(?:st|nd|rd|th)\b", _ordinal, "tdh"),
    rule("number", rf"{START}(?<!\d-)\d{{1,4}}(?:-\d{{1,4}}){{2,}}+{END}(?!-)", _code, "-"),
    rule("range", rf"{START}{RANGE}{END}(?!{DASH}\d)", _range, DIGITS),
    rule("year", rf"{START}\d{{4}}{END}(?!-)", lone_year, DIGITS),
    rule("number", rf"{START}007{END}", lambda m: "double oh seven", "7"),
    rule(
        "number",
        r"(?<![\w,])#\s?(\d+)\b",
        lambda m: f"number {digits(m[1], 'zero') if len(m[1]) > 4 else number(m[1])}",
        "#",
    ),
    rule("number", r"(?<![\w,])#(\d+)([A-Z])\b", lambda m: f"number {number(m[1])} {m[2]}", "#"),
    rule("sign", rf"[<>\u2264\u2265](?=\s?[$\u00a3\u20ac]?{NUMBER})", _bound, "<>\u2264\u2265"),
    rule("number", rf"(?<![\w.,])\u00b1\s?(?={NUMBER})", lambda m: "plus or minus", "\u00b1"),
    rule("number", rf"(?<![\w.,])~\s?(?=[$\u00a3\u20ac]?{NUMBER})", lambda m: "about", "~"),
    rule("number", rf"(?<![\w.,])({NUMBER})\+(?!\w)", lambda m: f"{number(m[1])} plus", "+"),
    rule(
        "sign", r"(?<=[A-Za-z)])([\u00b2\u00b3])", lambda m: "squared" if m[1] == "\u00b2" else "cubed", "\u00b2\u00b3"
    ),
    rule("sign", r"(?<=[\w)])\^([23])(?!\w|\.\d)", lambda m: "squared" if m[1] == "2" else "cubed", "^"),
    rule("number", rf"(?<![\w.,])({NUMBER})\u00b2", lambda m: f"{number(m[1])} squared", "\u00b2"),
    rule("number", rf"(?<![\w.,])({NUMBER})\u00b3", lambda m: f"{number(m[1])} cubed", "\u00b3"),
    rule("number", rf"(?<![\w.,])({NUMBER})\s?(k|K|M(?=\s[a-z])|B(?=\s[a-z])|bn|mn)\b", _magnitude, "kKMBn"),
    rule("number", rf"{START}(\d+)ers\b", lambda m: f"{number(m[1])}{'rs' if m[1].endswith('9') else 'ers'}", "e"),
    rule(
        "number",
        rf"{START}(?P<number>(?:(?<![)\]])[-\u2212])?{NUMBER})(?:-(?=[A-Za-z])|{END})(?!-\d)",
        _plain,
        DIGITS,
    ),
    rule("number", r"(?<![\w.,])(\d+)['\u2019]?s\b", _plural, "s"),
    rule("mixed", r"(?<![\w.,])\d+\.\d+[A-Za-z]+\d*(?!\w)", _mixed, "."),
    rule("mixed", r"(?<![\w.])(?=[\w-]*\d)[^\W_]+(?:-[^\W_]+)*(?![\w])", _mixed, DIGITS),
    rule("number", r"\d+", lambda m: digits(m.group(), "zero"), DIGITS),
]
