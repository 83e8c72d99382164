"""Turns written text into spoken words, once, for engine, aligner, gates and transcript."""

from ..recipe.text import CleanRules, TextSettings
from .counts import ReadingCounts
from .language import detect_language, language_name
from .read import READ_LANGUAGES, Mapped, other_scripts, read, read_dialogue, read_dialogues
from .spoken_text import Finding, Pause, Span, SpokenText, located_words, words_of

__all__ = [
    "READ_LANGUAGES",
    "CleanRules",
    "Finding",
    "Mapped",
    "Pause",
    "ReadingCounts",
    "Span",
    "SpokenText",
    "TextSettings",
    "detect_language",
    "language_name",
    "located_words",
    "other_scripts",
    "read",
    "read_dialogue",
    "read_dialogues",
    "words_of",
]
