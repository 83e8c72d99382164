"""Which language a dialogue is in, by its letters and its smallest words; for telling apart what a voice can speak."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

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
}
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_LETTERS = {
    language: re.compile(f"[{letters}]") for language, letters in {**_SCRIPTS, "zh": _HAN, "en": _LATIN}.items()
}
_WORDS = {
    "en": "the a an and is are was it you i to of in that this do does what how not my your we have be can for on "
    "with at me no yes",
    "de": "der die das und ist nicht ein eine ich du wie was es wir sie mit auf für zu den dem von auch ja nein sind "
    "bin habe kann uhr",
    "es": "el la los las y es son un una qué que de en no se por con para cómo estoy está hola gracias sí su mi tu "
    "pero muy cinco hora",
    "fr": "le la les et est un une des je tu vous il elle nous que qui ne pas de du en pour avec bonjour merci oui "
    "non c'est j'ai dans",
    "it": "il lo gli e è un una che di non sono per con come ciao grazie sì mi ti ho hai questo della nel ma anche",
    "pt": "o os as e é um uma que de não em para com como você eu obrigado sim está isso meu minha mas muito bom dia",
}
_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
FOREIGN_WORDS = frozenset[str]().union(*_FUNCTION_WORDS.values()) - _FUNCTION_WORDS["en"]
"""Words without which a text in Latin letters is taken for English."""
_HAN_WEIGHT = 3
"""A Chinese character says about as much as three letters."""


def language_name(language: str) -> str:
    """`zh` -> "Chinese"."""
    return _NAMES.get(language, language)


def detect_language(texts: Iterable[str], default: str = "en") -> str:
    """Language of a dialogue, over all its turns; `default` where it holds no letter ("$3.50.").

    Only what a voice's reader must know is told apart: scripts, and among those in Latin letters, the language whose
    smallest words are the most. English wins a tie.
    """
    text = " ".join(texts)
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
    return _by_words(text) if language == "en" else language


def _by_words(text: str) -> str:
    words = re.findall(rf"[{_LATIN}']+", text.casefold())
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] >= 2 and counts[best] > counts["en"] else "en"
