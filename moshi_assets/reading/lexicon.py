"""A dataset's own words: the spoken form of names and terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from .rules import Rule


def lexicon_rules(lexicon: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules of a lexicon: whole words in either case, the longest first."""
    return _rules(tuple(sorted(lexicon.items()))) if lexicon else ()


@lru_cache(maxsize=16)
def _rules(entries: tuple[tuple[str, str], ...]) -> tuple[Rule, ...]:
    spoken = {word.casefold(): form for word, form in entries}
    words = "|".join(
        (r"(?<![A-Za-z0-9])" if word[0].isascii() else "")
        + re.escape(word)
        + (r"(?![A-Za-z0-9])" if word[-1].isascii() else "")
        for word in sorted((word for word, _ in entries), key=len, reverse=True)
    )
    return (
        Rule(
            "lexicon",
            re.compile(words, re.IGNORECASE),
            lambda match: spoken.get(match.group().casefold(), match.group()),
        ),
    )
