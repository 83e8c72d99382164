"""Reading: a written turn becomes what is spoken, once, for engine, aligner, gates and transcript alike."""

from .language import detect_language, language_name
from .read import read
from .settings import CleanRules, TextSettings
from .spoken_text import Finding, Pause, Span, SpokenText

__all__ = [
    "CleanRules",
    "Finding",
    "Pause",
    "Span",
    "SpokenText",
    "TextSettings",
    "detect_language",
    "language_name",
    "read",
]
