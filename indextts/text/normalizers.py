"""Which reading a text gets before it meets the vocabulary: a `normalizer`, by name or as a function.

`published` is the model's own front end. `verbatim` changes no word: it is for texts that have been read already. All
others read a text and leave the rest to `verbatim`: a function, or a name that an installed package has registered in
the entry-point group `indextts.normalizers`. docs/indextts2.md §4.
"""

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
    """Gives a written text the form in which the vocabulary knows it, upper case aside."""

    def normalize(self, text: str) -> str:
        """Returns "" for a blank text."""


class VerbatimNormalizer:
    """Changes no word of a text, only what the vocabulary has no other sign for.

    Punctuation is folded onto its few marks, invisible characters are dropped, pinyin with tones is spelled as the
    vocabulary spells it, and `<word|pronunciation>` stays.

    Args:
        reading: what turns written into spoken words first; by default the text is taken for spoken.
    """

    def __init__(self, reading: Reading | None = None) -> None:
        self._reading = reading

    def normalize(self, text: str) -> str:
        """Gives the text the marks of the vocabulary.

        Raises:
            TypeError: the reading returned no text.
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
    """The normalizer of a name, or of a function.

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
