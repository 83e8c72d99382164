"""Detection of a dialogue's language by its letters and its most frequent words, to recognise what a voice can
speak.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .language_words import ENGLISH_TOO, WORDS

_SCRIPTS = {
    "ja": "\u3040-\u30ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "ru": "\u0400-\u052f",
    "ar": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "hi": "\u0900-\u097f",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "th": "\u0e00-\u0e7f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
}
_NAMES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Cyrillic",
    "ar": "Arabic",
    "hi": "Hindi",
    "el": "Greek",
    "he": "Hebrew",
    "th": "Thai",
    "bn": "Bengali",
    "ta": "Tamil",
    "ka": "Georgian",
    "hy": "Armenian",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "sv": "Swedish",
    "da": "Danish",
    "pl": "Polish",
    "tr": "Turkish",
    "id": "Indonesian",
    "vi": "Vietnamese",
    "cs": "Czech",
    "ro": "Romanian",
    "fi": "Finnish",
    "no": "Norwegian",
    "hu": "Hungarian",
    "hr": "Croatian",
    "sk": "Slovak",
    "ca": "Catalan",
    "tl": "Tagalog",
    "sw": "Swahili",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "et": "Estonian",
    "is": "Icelandic",
    "sq": "Albanian",
    "af": "Afrikaans",
    "eo": "Esperanto",
    "la": "Latin",
}
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_LETTERS = {
    language: re.compile(f"[{letters}]") for language, letters in {**_SCRIPTS, "zh": _HAN, "en": _LATIN}.items()
}
_KNOWN = {language: frozenset(words.split()) for language, words in WORDS.items()}
ENGLISH_WORDS = _KNOWN["en"]
_ENGLISH = ENGLISH_WORDS | frozenset(ENGLISH_TOO.split())
FOREIGN_WORDS = frozenset[str]().union(*_KNOWN.values()) - _ENGLISH
"""Words whose absence marks a text in Latin letters as English."""
_ENGLISH_ALONE = ENGLISH_WORDS - frozenset[str]().union(
    *(words for language, words in _KNOWN.items() if language != "en")
)
"""English words that no other language has."""
_LETTERS_OF = {
    "es": "\u00f1",
    "pt": "\u00e3\u00f5",
    "de": "\u00df",
    "pl": "\u0105\u0119\u0142\u0144\u015b\u017a\u017c",
    "hu": "\u0151\u0171",
    "tr": "\u011f\u0131",
    "ro": "\u0103\u0219\u021b\u0163",
    "vi": "\u0111\u01a1\u01b0\u1ea0-\u1ef9",
    "cs": "\u011b\u0159\u016f",
    "da": "\u00f8",
    "sv": "\u00e5",
    "is": "\u00f0\u00fe",
    "lv": "\u0101\u0113\u012b\u0123\u0137\u013c\u0146",
    "lt": "\u0117\u012f\u0173",
}
"""Letters that tell a language in a word written small; in names they tell nothing."""
_LETTERED = {language: re.compile(f"[{letters}]") for language, letters in _LETTERS_OF.items()}
_ENGLISH_TURN = 2
"""English words that make a turn of a Chinese dialogue English."""
_HAN_WEIGHT = 3
"""A Chinese character says about as much as three letters."""


def language_name(language: str) -> str:
    """`zh` -> "Chinese"."""
    return _NAMES.get(language, language)


def detect_language(texts: Iterable[str], default: str = "en") -> str:
    """Language of a dialogue, over all its turns; `default` where it holds no letter ("$3.50.").

    Only what a voice's reader must know is told apart: scripts, and among those in Latin letters, the language of
    whose smallest words the most are there. English wins a tie.
    """
    text = "\n".join(texts)
    if text.isascii():
        letters = Counter({"en": sum(map(str.isalpha, text))})
    else:
        letters = Counter({language: len(pattern.findall(text)) for language, pattern in _LETTERS.items()})
        letters["zh"] *= _HAN_WEIGHT
        if letters["ja"] and letters["ja"] * 10 >= letters["zh"] / _HAN_WEIGHT:  # kana among Chinese characters
            letters["ja"] += letters.pop("zh")
    language, count = letters.most_common(1)[0]
    if not count:
        return default
    return _latin_language(text) if language == "en" else language


_SMALL = "".join(filter(str.islower, map(chr, (*range(0x250), *range(0x1E00, 0x1F00)))))
_WORD = re.compile(
    rf"(?<![\w.@/'\u2019-])(?:(?<=[\n\u00a1\u00bf])|(?<=[.!?\u2026\u00a1\u00bf\"\u201c] )|^|\b(?=[{_SMALL}]))"
    rf"[{_LATIN}'\u2019]+(?![@/-]|\.\w)",
    re.MULTILINE,
)
"""A word that is written small or begins a sentence: "Los Angeles", "example.com" and "e-mail" say nothing."""


_I = re.compile(r"(?<=[a-z,;:'\"] )I\b(?!\.)|\bI['\u2019](?:m|d|ll|ve)\b")
_NAMES_HAVE = (
    "los las el la le les de des du da san don di del ella kim dan han mai lima sam uma ada otto ole che mina mimi tu "
    "yang ama bo cho kun jo mo vi hai sana prima como op ste sept sen et al lo est min mi deg nos pro sat fri mon"
)
_OF_NAMES = frozenset(_NAMES_HAVE.split())
"""They tell nothing by themselves: "Los Angeles or Las Vegas?" is no Spanish."""
_NOTHING = _ENGLISH | _OF_NAMES | frozenset("abcdefghijklmnopqrstuvwxyz")
"""Nor do letters: "x = y"."""
_SPEAK = 3
"""Words of another language that outweigh English ones beside them."""


class _Words(NamedTuple):
    """What the words of a text tell."""

    best: str
    """The language other than English that knows the most of them."""
    words: int
    """The number of different words, names left out."""
    known: int
    """The number of different ones that it knows."""
    alone: int
    """Those of them that are no English words, nor parts of names."""
    english: int
    english_alone: int
    """Those that no other language has."""


def _by_words(text: str) -> _Words:
    """Count the different words of a text: "die, die" is no German."""
    found = _WORD.findall(text.casefold() if text.isupper() else text)
    words = {word.casefold().replace("\u2019", "'") for word in found}
    foreign = words & FOREIGN_WORDS
    lettered = {word for word in words if not word.isascii()}
    english, english_alone = len(words & _ENGLISH), len(words & _ENGLISH_ALONE)
    if not text.isupper() and _I.search(text):
        english_alone += 1
    if not foreign and not lettered:
        return _Words("", len(words), 0, 0, english, english_alone)
    told = {
        language: (words & known)
        | {word for word in lettered if language in _LETTERED and _LETTERED[language].search(word)}
        for language, known in _KNOWN.items()
        if language != "en"
    }
    alone = {language: len(foreign - _NOTHING) for language, foreign in told.items()}
    best = max(told, key=lambda language: (alone[language], len(told[language])))
    return _Words(best, len(words), len(told[best]), alone[best], english, english_alone)


def _latin_language(text: str) -> str:
    """The language of a text in Latin letters: another one than English by some of its words where no word is English
    alone, else by twice as many as there are English ones.
    """
    words = _by_words(text)
    if not words.english_alone:
        told = words.known > 1 or 4 * words.alone >= words.words  # of many words, one may be a name
        return words.best if words.alone and told and words.known >= words.english else "en"
    clear = words.alone >= 2 * words.english_alone and words.known > words.english
    return words.best if clear else "en"


def turn_language(text: str, language: str) -> str:
    """Language of one turn of an English or Chinese dialogue.

    It is the dialogue's, unless all that the turn says is clearly in another one, as in a lesson ("Muy
    bien, vamos a hablar de tu familia").
    """
    if language == "zh":
        if _LETTERS["zh"].search(text):
            return language
        words = _by_words(text)
        return "en" if words.english_alone >= _ENGLISH_TURN and words.english > words.known else language
    if language != "en":
        return language
    if not text.isascii():
        han = len(_LETTERS["zh"].findall(text))
        if han and not _LETTERS["ja"].search(text) and han * _HAN_WEIGHT > len(_LETTERS["en"].findall(text)):
            return "zh"
    words = _by_words(text)
    clear = words.alone >= _SPEAK and words.alone >= _SPEAK * words.english_alone and words.known > words.english
    return words.best if clear else language


def foreign_words(text: str) -> str:
    """The other language of which an English turn holds some words (it means 'muchas gracias por todo'), or ""."""
    words = _by_words(text)
    few = words.alone > 1 or (words.alone and not words.english and len(text.split()) > 1)
    enough = words.alone >= _SPEAK or (few and not words.english_alone)
    return words.best if enough else ""


def may_be_foreign(text: str) -> bool:
    """Whether a text of ASCII characters holds a word that only other languages have."""
    return not FOREIGN_WORDS.isdisjoint(_ASCII_WORD.findall(text.lower()))


_ASCII_WORD = re.compile("[a-z']+")
