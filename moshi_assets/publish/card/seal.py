"""How a card of ours is told from somebody's own, and from a damaged one."""

from __future__ import annotations

import re

import xxhash

MARK = "<!-- Written by moshi-assets with every build. To keep a text of your own, delete this line. -->"
_SEAL = re.compile(r"<!-- xxh3 of the text above: ([0-9a-f]{16}) -->\n\Z")


def sealed(text: str) -> str:
    """The text of a card with a last line that tells its checksum."""
    return f"{text}\n<!-- xxh3 of the text above: {_checksum(text)} -->\n"


def damage(card: str) -> str | None:
    """What is wrong with a card that was sealed; None where nothing is."""
    seal = _SEAL.search(card)
    if seal is None:
        return "does not end in its checksum: it was cut, or an earlier version wrote it"
    return None if _checksum(card[: seal.start() - 1]) == seal[1] else "is not as it was written"


def _checksum(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "replace"))
