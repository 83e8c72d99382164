"""The English and the Chinese text grammar: numbers, dates, money, units and abbreviations become words.

Both are finite-state grammars of WeTextProcessing; where that is not installed (it needs pynini, which has wheels for
Linux only) its twin `wetext` takes over. Chinese has remove_interjections=False and remove_erhua=False, English the
defaults. Source: docs/indextts2.md §4.

Nothing is ever written: WeTextProcessing would compile the Chinese graphs with those two options into its own package
folder or a cache. Their tagger, however, is the one in the wheel, byte for byte, and the small verbalizer is put
together in memory in about half a second, so there is no cache that two processes could damage.
"""

from __future__ import annotations

import logging
import string
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

Grammar = Callable[[str], str]

logger = logging.getLogger(__name__)
_INSTALL_HINT = "text normalisation needs `pip install WeTextProcessing==1.2.0` (Linux) or `pip install wetext`"


@cache
def english() -> Grammar:
    """Load the English grammar once (about a second).

    Returns:
        A function text -> text, e.g. "$12.50" -> "twelve point five dollars".

    Raises:
        ImportError: there is no grammar library; the message says what to install.
    """
    package = _wetextprocessing()
    if package is None:
        return _wetext("en")
    from pynini import Fst
    from tn.processor import Processor

    files = package / "en_tn_tagger.fst", package / "en_tn_verbalizer.fst"
    if not all(file.is_file() for file in files):
        return _compiled("english", {})
    whole = Processor("en_normalizer", ordertype="en_tn")
    whole.tagger, whole.verbalizer = (Fst.read(str(file)).optimize() for file in files)
    words = Processor("en_normalizer", ordertype="en_tn")
    words.tagger, words.verbalizer = _restricted(whole.tagger, _WORD_CHARACTERS), whole.verbalizer

    def normalize(text: str) -> str:
        return (words if _WORD_CHARACTERS.issuperset(text) else whole).normalize(text)

    return normalize


# A text of these has no digits and no symbols. The private characters are the first placeholders of protection.py.
_WORD_CHARACTERS = frozenset(string.ascii_letters + " ,.?!'-\u2019\u201c\u201d\u2014\u2026\":;()<>") | {
    chr(0xF0000 + index) for index in range(16)
}


def _restricted(tagger: Any, characters: frozenset[str]) -> Any:
    """The part of a tagger that can read texts of these characters only.

    For such a text it has exactly the same paths. With 3 000 states instead of 133 000 it reads a sentence about five
    times faster, because it does not try numbers, units or dates that such a text cannot contain.
    """
    from pynini import accep, escape, union

    return (union(*(accep(escape(character)) for character in sorted(characters))).star.optimize() @ tagger).optimize()


@cache
def chinese() -> Grammar:
    """Load the Chinese grammar once (about a second). It keeps interjections and the final 儿.

    Returns:
        A function text -> text, e.g. "2.5平方" -> "二点五平方".

    Raises:
        ImportError: there is no grammar library; the message says what to install.
    """
    package = _wetextprocessing()
    if package is None:
        return _wetext("zh")
    from tn.processor import Processor

    grammar = Processor("zh_normalizer")
    tagger = package / "zh_tn_tagger.fst"
    if not tagger.is_file():
        return _compiled("chinese", {"remove_interjections": False, "remove_erhua": False})
    from pynini import Fst

    grammar.tagger = Fst.read(str(tagger)).optimize()
    grammar.verbalizer = _chinese_verbalizer().optimize()
    return grammar.normalize


def _wetextprocessing() -> Path | None:
    """Folder of the installed WeTextProcessing package, or None."""
    try:
        import pynini  # noqa: F401
        import tn
    except ImportError:
        return None
    return Path(tn.__file__).parent


def _chinese_verbalizer() -> Any:
    """The verbalizer of WeTextProcessing's Chinese grammar with remove_interjections=False, remove_erhua=False."""
    from tn.chinese.rules.cardinal import Cardinal
    from tn.chinese.rules.char import Char
    from tn.chinese.rules.date import Date
    from tn.chinese.rules.fraction import Fraction
    from tn.chinese.rules.math import Math
    from tn.chinese.rules.measure import Measure
    from tn.chinese.rules.money import Money
    from tn.chinese.rules.postprocessor import PostProcessor
    from tn.chinese.rules.sport import Sport
    from tn.chinese.rules.time import Time
    from tn.chinese.rules.whitelist import Whitelist

    class MeasureVerbalizer(Measure):
        def build_tagger(self) -> None:
            """Left out: composing it takes longer than all the rest together, and the tagger is read from its file."""

    cardinal = Cardinal()
    rules = (
        cardinal,
        Char(),
        Date(),
        Fraction(cardinal=cardinal),
        Math(cardinal=cardinal),
        MeasureVerbalizer(cardinal=cardinal),
        Money(cardinal=cardinal),
        Sport(cardinal=cardinal),
        Time(),
        Whitelist(remove_erhua=False),
    )
    union = rules[0].verbalizer
    for rule in rules[1:]:
        union = union | rule.verbalizer
    return (union.optimize() @ PostProcessor(remove_interjections=False).processor).star


def _compiled(language: str, options: dict[str, bool]) -> Grammar:
    """Compile a whole grammar in a temporary folder (20 s; only where the library came without its graphs)."""
    import importlib

    logger.warning("WeTextProcessing came without its %s graphs: compiling them, which takes about 20 s", language)
    normalizer = importlib.import_module(f"tn.{language}.normalizer").Normalizer
    with tempfile.TemporaryDirectory() as folder:
        return normalizer(cache_dir=folder, overwrite_cache=True, **options).normalize


def _wetext(language: str) -> Grammar:
    try:
        from wetext import Normalizer
    except ImportError as error:
        raise ImportError(_INSTALL_HINT) from error
    # WeTextProcessing's Chinese defaults; wetext has them off.
    options = {"traditional_to_simple": True, "full_to_half": True} if language == "zh" else {}
    return Normalizer(lang=language, operator="tn", **options).normalize
