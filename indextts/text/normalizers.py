"""Normalizers: how a written text becomes spoken words, chosen by name or given as a function.

`published` is the model's own front end. `verbatim` changes no word: it is for texts that are spelled out already. Any
other one reads the text first and leaves the rest to `verbatim`: a function, or a name that an installed package has
registered in the entry-point group `indextts.normalizers`. docs/indextts2.md §4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Protocol

from .marks import drop_silent, fold_marks
from .normalize import GlossaryEntry, TextNormalizer
from .protection import ANNOTATION, PINYIN, ProtectedParts

Reading = Callable[[str], str]
"""Written text -> the words as they are to be pronounced."""

ENTRY_POINTS = "indextts.normalizers"
"""Group in which packages register readings: a name, and the function `(text: str) -> str` behind it."""


class Normalizer(Protocol):
    """Makes of a written text the spoken one, with no other marks than those of the vocabulary."""

    def normalize(self, text: str) -> str:
        """The spoken form of `text` in its own case; "" for a blank one."""


class VerbatimNormalizer:
    """Changes no word of a text, only signs that the vocabulary lacks.

    Punctuation is folded onto its few marks, invisible characters are dropped, pinyin with tones is spelled as the
    vocabulary spells it, and `<word|pronunciation>` stays.

    Args:
        reading: a function that makes spoken words of the text first; by default the text is taken as spoken.
    """

    def __init__(self, reading: Reading | None = None) -> None:
        self._reading = reading

    def normalize(self, text: str) -> str:
        """Fold the signs of `text` onto those of the vocabulary; "" for a blank text.

        Raises:
            TypeError: the reading returned something else than a text.
        """
        if self._reading is not None:
            spoken = self._reading(text)
            if not isinstance(spoken, str):
                raise TypeError(
                    f"the normalizer {self._reading!r} returned {spoken!r} for {text!r}: it must return a str"
                )
            text = spoken
        parts = ProtectedParts("{}")
        text = re.sub(ANNOTATION, parts.protect, drop_silent(text))
        text = PINYIN.sub(parts.protect, text)
        return parts.restore(fold_marks(text), range(len(parts)))


def make_normalizer(normalizer: str | Reading, glossary: Mapping[str, GlossaryEntry] | None = None) -> Normalizer:
    """Make the normalizer with a name, or of a function.

    Args:
        normalizer: `published`, `verbatim`, the name of an installed one, or a function from written to spoken text.
        glossary: terms for `published`; the others have none.

    Raises:
        ValueError: nothing that is installed has this name.
        TypeError: it is neither a name nor a function.
    """
    if normalizer == "published":
        return TextNormalizer(glossary)
    if normalizer == "verbatim":
        return VerbatimNormalizer()
    if isinstance(normalizer, str):
        return VerbatimNormalizer(_installed_reading(normalizer))
    if not callable(normalizer):
        raise TypeError(f"normalizer must be a name or a function from text to text, not {normalizer!r}")
    return VerbatimNormalizer(normalizer)


def _installed_reading(name: str) -> Reading:
    installed = entry_points(group=ENTRY_POINTS)
    if name not in installed.names:
        known = ", ".join(["published", "verbatim", *sorted(installed.names)])
        raise ValueError(
            f"unknown normalizer {name!r}: known here are {known}; other packages add theirs as entry points of "
            f"the group {ENTRY_POINTS}, as moshi-assets does with 'spoken'"
        )
    return installed[name].load()
