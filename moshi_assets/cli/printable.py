"""Text of strangers on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """A stranger's text on a terminal: on one line, nothing in it that the terminal would obey."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
