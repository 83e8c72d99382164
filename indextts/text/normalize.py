"""Written text becomes spoken text: numbers and symbols as words, one small set of punctuation marks.

This is the published front end, docs/indextts2.md §4. The order is: glossary, short forms ("what's" -> "what is"),
protection of parts that the grammars must not touch, the grammar of the language, the protected parts back in,
punctuation folded onto the marks that the model's vocabulary has.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from ..foreign_files import ForeignFileError, read_yaml, shown
from . import grammars
from .marks import drop_silent, fold_marks
from .protection import (
    ANNOTATION,
    DOTTED_NAME,
    HYPHENATED,
    PINYIN,
    PINYIN_IN_CHINESE,
    ProtectedParts,
)

logger = logging.getLogger(__name__)

GlossaryEntry = str | Mapping[str, str]
MAX_GLOSSARY_VALUES = 200_000

_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile("[a-zA-Z]")
_LATIN_WORD = "[a-zA-Z0-9_\u00c0-\u024f]"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)

# "'s" after these words is always "is"; elsewhere ("John's", "let's") it is not, and stays. They are words of their own
# also where Chinese characters, which Python counts as letters, touch them.
_IS_SHORTENED = re.compile(
    rf"(?<!{_LATIN_WORD})(what|where|who|which|how|it|he|she|that|this|there|here)['\u2019]s(?!{_LATIN_WORD})",
    re.IGNORECASE,
)


def is_chinese(text: str) -> bool:
    """Whether the Chinese grammar reads this text.

    It does for any Chinese character, no latin letter at all ("12345"), an e-mail address, or pinyin with a tone.
    """
    return bool(
        _IDEOGRAPH.search(text)
        or not _LATIN.search(text)
        or _EMAIL.fullmatch(text.strip())
        or PINYIN.search(re.sub(ANNOTATION, "", text))
    )


class TextNormalizer:
    """Makes spoken words of a text, by a glossary and the grammar of its language."""

    def __init__(self, glossary: Mapping[str, GlossaryEntry] | None = None):
        self.term_glossary: dict[str, GlossaryEntry] = {}
        """Term -> spoken form, or term -> {"en": spoken form, "zh": spoken form}. Terms are found as whole words and in
        either case of their ASCII letters; where two overlap the longer one wins. It may be changed at any time: the
        next text is read by its new content."""
        self.enable_glossary = True
        """False leaves the glossary unused."""
        self._indexed: dict[str, GlossaryEntry] = {}
        self._entries: dict[str, GlossaryEntry] = {}
        self._terms: re.Pattern | None = None
        self.load_glossary(glossary or {})

    def load(self) -> None:
        """Load both grammars now instead of with the first text of each language (about two seconds)."""
        grammars.english()
        grammars.chinese()

    def load_glossary(self, glossary: Mapping[str, GlossaryEntry] | str | Path) -> None:
        """Add the terms of a mapping or of a `glossary.yaml`; those that are there already are replaced.

        Raises:
            ValueError: an entry is of another kind.
            FileNotFoundError: there is no such file.
        """
        terms = load_glossary(glossary) if isinstance(glossary, str | Path) else glossary
        self.term_glossary.update({term: _check_entry(term, entry) for term, entry in terms.items()})

    def save_glossary_to_yaml(self, path: str | Path) -> None:
        """Write the glossary as a file that `load_glossary` reads; it is whole or absent."""
        terms = {term: entry if isinstance(entry, str) else dict(entry) for term, entry in self.term_glossary.items()}
        path = Path(path)
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_text(yaml.safe_dump(terms, allow_unicode=True, sort_keys=False), encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def normalize(self, text: str) -> str:
        """Return the spoken form of `text`; "" for a blank one.

        Words that a grammar cannot read (rare mixtures of symbols) are passed on as they stand, with a warning.

        Raises:
            ImportError: there is no grammar library; the message says what to install.
        """
        text = drop_silent(text)
        if not text:
            return ""
        chinese = is_chinese(text)
        parts = ProtectedParts("{}" if chinese else "<{}>")
        text = re.sub(ANNOTATION, parts.protect, text)
        annotations = len(parts)
        text = self.apply_glossary(text, chinese)
        text = _IS_SHORTENED.sub(r"\1 is", text)
        text = HYPHENATED.sub(lambda match: re.sub("-", parts.protect, match.group()), text)
        if chinese:
            text = re.sub(DOTTED_NAME, parts.protect, text)
            text = PINYIN_IN_CHINESE.sub(parts.protect, text)
        text = _read(grammars.chinese() if chinese else grammars.english(), text)
        text = parts.restore(text, range(annotations, len(parts)))
        text = fold_marks(text)
        # Annotations come back last: their brackets and colons are notation, not punctuation.
        return parts.restore(text, range(annotations))

    def apply_glossary(self, text: str, chinese: bool) -> str:
        """Replace the glossary's terms by their spoken forms for a Chinese or for an English text.

        A term without a form for that language stays as it is.
        """
        terms = self._current_terms()
        if terms is None or not self.enable_glossary:
            return text

        def spoken(match: re.Match) -> str:
            entry = self._entries[match.group().lower()]
            return entry if isinstance(entry, str) else entry.get("zh" if chinese else "en", match.group())

        return terms.sub(spoken, text)

    def _current_terms(self) -> re.Pattern | None:
        """Pattern of the glossary's terms; made anew when the glossary has changed since the last text."""
        if self._indexed != self.term_glossary:
            self._indexed = dict(self.term_glossary)
            self._entries = {term.lower(): _check_entry(term, entry) for term, entry in self._indexed.items()}
            # A latin term must not start or end inside a longer latin word or number.
            longest_first = sorted(self._entries, key=len, reverse=True)
            patterns = "|".join(rf"(?<![a-z0-9]){re.escape(term)}(?![a-z0-9])" for term in longest_first)
            self._terms = re.compile(patterns, re.IGNORECASE | re.ASCII) if patterns else None
        return self._terms


def _read(grammar: grammars.Grammar, text: str) -> str:
    """Apply a grammar; where it fails, apply it word by word and keep the words that it cannot read."""
    try:
        return grammar(text)
    except (RuntimeError, ValueError, LookupError, AssertionError) as error:
        words = text.split()
        if len(words) > 1:
            return " ".join(_read(grammar, word) for word in words)
        logger.warning("text normalisation cannot read %r and passes it on as it is (%s)", text, error)
        return text


def load_glossary(path: str | Path) -> dict[str, GlossaryEntry]:
    """Read a `glossary.yaml`: a mapping of term to spoken form, or to {"en": …, "zh": …}.

    Raises:
        ForeignFileError: it holds anything else; the message names the file and the entry.
        FileNotFoundError: there is no such file.
    """
    content = read_yaml(path, MAX_GLOSSARY_VALUES)
    if content is None:
        return {}
    try:
        if not isinstance(content, dict):
            raise TypeError(f"expected a mapping of terms to their spoken forms, found {type(content).__name__}")
        return {str(term): _check_entry(str(term), entry) for term, entry in content.items()}
    except (TypeError, ValueError) as error:
        raise ForeignFileError(f"{path}: {error}; correct the entry") from error


def _check_entry(term: str, entry: GlossaryEntry) -> GlossaryEntry:
    if not term.strip():
        raise ValueError("glossary: a term is empty")
    if isinstance(entry, str):
        return entry
    by_language = isinstance(entry, Mapping) and entry and set(entry) <= {"en", "zh"}
    if by_language and all(isinstance(spoken, str) for spoken in entry.values()):
        return entry
    raise ValueError(f'glossary: {shown(term)} needs a text or {{"en": text, "zh": text}}, found {shown(entry)}')
