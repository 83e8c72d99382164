"""Written text becomes spoken text: numbers and symbols as words, one small set of punctuation marks.

Source: docs/indextts2.md §4, FACTS 2.3. The order is: glossary, short forms ("what's" -> "what is"), protection of what
the grammars must not touch, the grammar of the language, the protected parts back in, punctuation folded onto the marks
that the model's vocabulary has.

Protected parts are replaced where they stand, by one placeholder each, in a single pass from left to right. So the
result never depends on an order in which parts are looked up.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from indextts.foreign_files import ForeignFileError, read_yaml, shown
from indextts.text import grammars

_LOG = logging.getLogger(__name__)

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

# Mandarin syllables: initial -> finals.
_SYLLABLES = {
    "": "ai an ang ao ei en eng er ou ng",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e ei eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan ue un uo v ve ü üe",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan ue un uo v ve ü üe",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un v van ve vn ü üan üe ün",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing o ong ou u uan ue un",
    "w": "a ai an ang ei en eng o u",
}
_ALL_SYLLABLES = [initial + final for initial, finals in _SYLLABLES.items() for final in finals.split()]
_SYLLABLE = "|".join(sorted(_ALL_SYLLABLES, key=len, reverse=True))
# A syllable and its tone, e.g. "zhong4"; not the end of a longer word ("beta1") and not the start of a number.
_TONE_PINYIN = rf"(?<![a-zü])(?:{_SYLLABLE})[1-5](?!\d)"
_PINYIN = re.compile(_TONE_PINYIN, re.IGNORECASE)
# Single vowels with a tone are pinyin only next to Chinese: "A4" and "e5" in an English text are names.
_PINYIN_IN_CHINESE = re.compile(rf"{_TONE_PINYIN}|(?-i:(?<![a-zA-Zü])[aoe][1-5](?![a-zA-Z\d]))", re.IGNORECASE)

_ANNOTATION = r"<[^<>|\s][^<>|]*\|[^<>|]+>"
_NAME_PART = "[\u3400-\u9fff]+(?:[-\u2014][\u3400-\u9fff]+)*"
_DOTTED_NAME = f"(?<![\u3400-\u9fff]){_NAME_PART}(?:\u00b7{_NAME_PART})+"
_HYPHENATED = re.compile("(?<![a-zA-Z0-9])[a-zA-Z][a-zA-Z0-9]*(?:-[a-zA-Z0-9]+)+")

# A placeholder is one private character. The English grammar needs it in angle brackets, which it passes on unread; the
# Chinese one would join the bracket with a following "=" to "at least".
_PLACEHOLDER_BASE = 0xF0000
_PLACEHOLDER = "[\U000f0000-\U000ffffd]"
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff\ud800-\uf8ff\U000f0000-\U0010ffff]")

_MARKS = {
    "'": '"\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb(){}[]\uff08\uff09'
    "\u3008\u3009\u300a\u300b\u300c\u300d\u300e\u300f\u3010\u3011\u3014\u3015",
    ",": ":;\uff1a\uff1b\uff0c\u3001",
    ".": "\u3002",
    "!": "\uff01",
    "?": "\uff1f",
    "-": "~\uff5e\u301c\u2010\u2011\u2012\u2013\u2014\u2015\u00b7\u30fb",
    " ": "\n\r\t\u00a0\u3000",
}
_FOLD = str.maketrans({source: mark for mark, sources in _MARKS.items() for source in sources})
_PAUSE = re.compile(r"\.\.\.|\u2026\u2026|,,,")


def is_chinese(text: str) -> bool:
    """True if the Chinese grammar reads this text.

    That is: any Chinese character, no latin letter at all ("12345"), an e-mail address, or pinyin with a tone.
    """
    return bool(
        _IDEOGRAPH.search(text)
        or not _LATIN.search(text)
        or _EMAIL.fullmatch(text.strip())
        or _PINYIN.search(re.sub(_ANNOTATION, "", text))
    )


class TextNormalizer:
    """Spoken form of a text, after a glossary and the grammar of its language.

    term_glossary: term -> spoken form, or term -> {"en": spoken form, "zh": spoken form}. Terms are found as whole
    words and
        in either case of their ASCII letters; where two overlap the longer one wins. It may be changed at any time: the
        next text is read by what it then holds.
    enable_glossary: False leaves it unused.
    """

    def __init__(self, glossary: Mapping[str, GlossaryEntry] | None = None):
        self.term_glossary: dict[str, GlossaryEntry] = {}
        self.enable_glossary = True
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

        Raises: ValueError for an entry of another kind, FileNotFoundError.
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

        What a grammar cannot read (it happens with rare mixtures of symbols) is passed on as it stands, with a warning.
        Raises: ImportError, with what to install, if there is no grammar library.
        """
        text = _UNSPEAKABLE.sub("", text).strip()
        if not text:
            return ""
        chinese = is_chinese(text)
        parts = _ProtectedParts("{}" if chinese else "<{}>")
        text = re.sub(_ANNOTATION, parts.protect, text)
        annotations = len(parts)
        text = self.apply_glossary(text, chinese)
        text = _IS_SHORTENED.sub(r"\1 is", text)
        text = _HYPHENATED.sub(lambda match: re.sub("-", parts.protect, match.group()), text)
        if chinese:
            text = re.sub(_DOTTED_NAME, parts.protect, text)
            text = _PINYIN_IN_CHINESE.sub(parts.protect, text)
        text = _read(grammars.chinese() if chinese else grammars.english(), text)
        text = parts.restore(text, range(annotations, len(parts)))
        text = _PAUSE.sub("\u2026", text.translate(_FOLD))
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
        """Finds the terms of the glossary; made anew when terms have come, gone or been replaced since the last
        text.
        """
        if self._indexed != self.term_glossary:
            self._indexed = dict(self.term_glossary)
            self._entries = {term.lower(): _check_entry(term, entry) for term, entry in self._indexed.items()}
            # A latin term must not start or end inside a longer latin word or number.
            longest_first = sorted(self._entries, key=len, reverse=True)
            patterns = "|".join(rf"(?<![a-z0-9]){re.escape(term)}(?![a-z0-9])" for term in longest_first)
            self._terms = re.compile(patterns, re.IGNORECASE | re.ASCII) if patterns else None
        return self._terms


class _ProtectedParts:
    """Parts of one text, taken out of a grammar's way and put back afterwards.

    form: how a placeholder is written, "{}" standing for its private character.
    """

    def __init__(self, form: str):
        self._form = form
        self._index: dict[str, int] = {}
        self._placeholder = re.compile(form.format(f"({_PLACEHOLDER})"))

    def __len__(self) -> int:
        return len(self._index)

    def protect(self, match: re.Match) -> str:
        """The placeholder for a match; equal parts share one."""
        index = self._index.setdefault(match.group(), len(self._index))
        if index > 0xFFFD:
            raise ValueError(f"a text with more than {0xFFFE} different names and annotations: split it first")
        return self._form.format(chr(_PLACEHOLDER_BASE + index))

    def restore(self, text: str, which: range) -> str:
        """Put the parts with these indices back in, each as the vocabulary spells it."""
        parts = list(self._index)

        def part(match: re.Match) -> str:
            index = ord(match.group(1)) - _PLACEHOLDER_BASE
            return _spelled(parts[index]) if index in which else match.group()

        return self._placeholder.sub(part, text)


def _read(grammar: grammars.Grammar, text: str) -> str:
    """Apply a grammar; where it fails, apply it word by word and keep the words that it cannot read."""
    try:
        return grammar(text)
    except (RuntimeError, ValueError, LookupError, AssertionError) as error:
        words = text.split()
        if len(words) > 1:
            return " ".join(_read(grammar, word) for word in words)
        _LOG.warning("text normalisation cannot read %r and passes it on as it is (%s)", text, error)
        return text


def load_glossary(path: str | Path) -> dict[str, GlossaryEntry]:
    """Read a `glossary.yaml`: a mapping of term to spoken form, or to {"en": …, "zh": …}.

    Raises: ForeignFileError (a ValueError), naming the file and the entry, if it is anything else; FileNotFoundError.
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


def _spelled(part: str) -> str:
    """A protected part as the vocabulary spells it: pinyin writes ü as v after j, q and x ("xuan4" -> "XVAN4")."""
    match = re.fullmatch(r"([jqx])[uü]([a-z]*[1-5])", part, re.IGNORECASE)
    return f"{match[1]}v{match[2]}".upper() if match else part
