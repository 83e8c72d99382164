"""Foreign text on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Put foreign text on one line without control characters that a terminal would obey."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
