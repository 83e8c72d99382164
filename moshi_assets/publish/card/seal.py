"""Marks a card as written by this program, with a checksum that reveals damage."""

from __future__ import annotations

import re

import xxhash

MARK = "<!-- Written by moshi-assets with every build. To keep a text of your own, delete this line. -->"
_SEAL = re.compile(r"<!-- xxh3 of the text above: ([0-9a-f]{16}) -->\n\Z")


def sealed(text: str) -> str:
    """Add a last line with the checksum of the text."""
    return f"{text}\n<!-- xxh3 of the text above: {_checksum(text)} -->\n"


def damage(card: str) -> str | None:
    """The damage of a sealed card, or None."""
    seal = _SEAL.search(card)
    if seal is None:
        return "does not end in its checksum: it was cut"
    return None if _checksum(card[: seal.start() - 1]) == seal[1] else "is not as it was written"


def _checksum(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
