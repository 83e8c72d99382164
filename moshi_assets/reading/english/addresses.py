"""English: addresses of the net, files, handles and hashtags."""

from __future__ import annotations

import re

from ..rules import Reading, rule
from .numbers import cardinal, digits
from .terms import DOMAINS, FILE_ENDINGS

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


ADDRESS_RULES = [
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
    rule("hashtag", r"(?<![\w#&])#(?!s\b)((?=[A-Za-z]|\d+[A-Za-z]{2})\w+)", lambda m: f"hashtag {_camel(m[1])}", "#"),
]
