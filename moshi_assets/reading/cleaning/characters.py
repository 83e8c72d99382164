"""Characters without a sound: invisible ones, controls, emoji and emoticons."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffd\ud800-\uf8ff\U000e0000-\U000effff\U000f0100-\U0010ffff]"
)
"""Zero width, direction marks, controls, lone surrogates, private use."""
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2028\u2029\x85]")
_LITERAL_BREAK = re.compile(r"\\(?:r\\n|n|r|t)(?![a-z])|\\n(?=[A-Z\s*#\d-])")
_APOSTROPHE = re.compile("(?<=[A-Za-z])[`\u00b4\u02bc\u2032\uff07](?=(?:s|t|d|m|re|ve|ll)\\b)")
_LOWERED = str.maketrans("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089", "0123456789")
_RAISED = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b\u207a", "0123456789-+")
_POWER = re.compile(
    "(?:(?<=[0-9)])|(?<=\\b[A-Za-z]))(?![\u00b2\u00b3](?![\u2070\u00b9\u00b2\u00b3\u2074-\u2079]))"
    "[\u207b\u207a]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+"
)
"""Raised numbers that are more than a square or a cube."""
_QUOTES = str.maketrans(
    {
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2039": "'",
        "\u203a": "'",
        "\u00b4": "'",
        "\u02bc": "'",
        "\uff07": "'",
        "\uff02": '"',
    }
)
"""Quotation marks and apostrophes of other typewriters."""
_NO_PICTURE = frozenset("\u00b0\u00a9\u00ae\u2103\u2109\u2116\u2117\u2122\u2126")
_PICTURE_PARTS = "\ufe00-\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_MAYBE_PICTURE = re.compile(f"[\u00a6-\u3030\ufffc\U00010000-\U0001ffff{_PICTURE_PARTS}]")
_EMOTICON = re.compile(
    r"(?<![\w:;=<>(])(?:[:;=]['\u2019]?[-~^o]?[)(\]\[DPpOo3*/|\\]{1,3}|<3+|</3|[xX]D+|\^_*\^|[oO]_[oO]|-_+-|>[_.]<|T_T|\(:|\(;|:'\()"
    r"(?![\w/])"
)
_FACES = re.compile(
    r"\u00af\\*_*\(\u30c4\)_*/\u00af|\([^()\w]{0,3}[\u00b0\u0ca0\u2022\u02d8\u25d5\u25b0\u256f\u00b4`\u30fb][^()]{0,6}\)[\u256f\u30ce\uff09)]?(?:\ufe35)?(?:\s*\u253b\u2501\u253b)?"
    r"|(?<!\S)\\o/(?!\S)|(?<!\S)D:(?!\S)"
)
"""Faces of more signs: the shrug, the table that is thrown."""
_SHORTCODE = re.compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,30}:(?![\w:])")


def visible(text: str) -> str:
    """Remove invisible characters; turn literal line breaks into real ones and every digit into an ASCII one."""
    text = _INVISIBLE.sub("", _SPACES.sub(" ", _LITERAL_BREAK.sub("\n", text)))
    text = _APOSTROPHE.sub("'", text)
    if not text.isascii():
        text = _POWER.sub(lambda match: "^" + match.group().translate(_RAISED), text).translate(_LOWERED)
    return text if text.isascii() else "".join(map(_plain, text.translate(_QUOTES)))


def _plain(character: str) -> str:
    if "\uff01" <= character <= "\uff5e" and character.isalnum():  # full-width letters and digits
        return chr(ord(character) - 0xFEE0)
    if (
        "\u2460" <= character <= "\u24ff" or "\u2160" <= character <= "\u217f"
    ):  # in circles; Roman numerals of one character
        return unicodedata.normalize("NFKC", character)
    value = unicodedata.decimal(character, None) if character > "\x7f" else None
    return character if value is None else str(value)


def is_picture(character: str) -> bool:
    """Whether a character is a pictograph or a part of one: emoji, dingbats, arrows and boxes drawn, skin tones."""
    if character in _NO_PICTURE or "\u3200" <= character <= "\u33ff":
        return False
    return unicodedata.category(character) == "So" or bool(re.match(f"[{_PICTURE_PARTS}]", character))


def without_pictures(text: str) -> str:
    """Remove emoji, emoticons and shortcodes."""
    text = _FACES.sub(" ", text)
    if not text.isascii():
        text = _MAYBE_PICTURE.sub(lambda match: " " if is_picture(match.group()) else match.group(), text)
    return _SHORTCODE.sub(" ", _EMOTICON.sub(" ", text))
