"""The reading of a single text, for `IndexTTS2(normalizer="spoken")`: an entry point of `indextts.normalizers`."""

from __future__ import annotations

from .language import detect_language
from .read import read


def spoken(text: str) -> str:
    """The spoken form of a text that belongs to no dialogue; its language is detected from the text alone."""
    return read(text, detect_language([text])).spoken
