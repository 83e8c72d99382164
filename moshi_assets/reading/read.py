"""The one function from a written turn to its spoken form, which everything else uses."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any

from ..recipe.text import CleanRules, TextSettings
from . import chinese, english
from .cleaning.clean import clean
from .cleaning.tags import BRACKETED
from .english.stars import CENSORED
from .language import detect_language, foreign_words, language_name, turn_language
from .lexicon import lexicon_rules
from .plain import is_plain, plain_turns
from .rules import Part, Rule, apply
from .spoken_text import Finding, Span, SpokenText, located_words

_RULES = {"en": english.RULES, "zh": chinese.RULES}
READ_LANGUAGES = tuple(_RULES)
"""Languages for which numbers and signs become words."""
_KEPT_SIGNS = re.compile(
    "[\\w\\s.,!?'\"\u2018-\u201f;:()\u2014\u2013\u2026/\u3001-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\u00b7-]+"
)
_LATIN = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u1e00-\u1eff"
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_STRANGE = {"en": re.compile(rf"[^\W\d_{_LATIN}]+"), "zh": re.compile(rf"[^\W\d_{_LATIN}{_HAN}]+")}
"""Letters that a voice of the language has no sound for."""
_NO_THOUSANDS = re.compile(r"(?<![\d,.])[\d.]*\d,\d{1,2}(?![\d,])")
_CACHED = 8192
_PIECE = 64
"""Dialogues that a process is given at once."""
_FEWEST_PIECES = 8
Mapped = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""The built-in `map`, or a parallel one."""
_ALL_RULES = CleanRules()
_DEFAULTS = TextSettings()


def read(
    text: str, language: str = "en", rules: CleanRules = _ALL_RULES, lexicon: Mapping[str, str] | None = None
) -> SpokenText:
    """How a turn is spoken.

    Args:
        text: as it was written.
        language: of its dialogue, `en` or `zh` (see `detect_language`); what is in another is only cleaned.
        rules: what is taken off first.
        lexicon: word -> spoken form, before all other rules.

    Returns:
        Written and spoken words, and what was found. A plain text comes back as it is.
    """
    if is_plain(text, language) and not (lexicon and any(rule.pattern.search(text) for rule in lexicon_rules(lexicon))):
        return SpokenText(text, text)
    return _read(text, language, rules, tuple(sorted(lexicon.items())) if lexicon else ())


def read_dialogues(
    dialogues: Sequence[Sequence[str]], settings: TextSettings = _DEFAULTS, mapped: Mapped = map
) -> Iterator[tuple[str, list[SpokenText] | None]]:
    """As `read_dialogue`, for each of many dialogues in order; None if each turn is spoken as it is written.

    Args:
        dialogues: the texts of the turns of each.
        settings: of the dataset.
        mapped: what reads those that are not plain, `map` or that of a pool of processes.
    """
    if settings.lexicon or settings.language not in ("auto", "en"):
        plain = [False] * len(dialogues)
    else:
        turns = iter(plain_turns([text for texts in dialogues for text in texts]))
        plain = [all(list(islice(turns, len(texts)))) for texts in dialogues]
    rest = [texts for texts, known in zip(dialogues, plain, strict=True) if not known]
    pieces = [rest[begin : begin + _PIECE] for begin in range(0, len(rest), _PIECE)]
    work = mapped if len(pieces) >= _FEWEST_PIECES else map  # for little, a process is not worth its start
    read = chain.from_iterable(work(partial(_read_each, settings), pieces))
    return (("en", None) if known else next(read) for known in plain)


def _read_each(settings: TextSettings, dialogues: Sequence[Sequence[str]]) -> list[tuple[str, list[SpokenText]]]:
    return [read_dialogue(texts, settings) for texts in dialogues]


def read_dialogue(texts: Sequence[str], settings: TextSettings = _DEFAULTS) -> tuple[str, list[SpokenText]]:
    """The language of a dialogue, and the reading of each of its turns in that language."""
    language = detect_language(texts) if settings.language == "auto" else settings.language
    return language, [read(text, language, settings.clean, settings.lexicon) for text in texts]


@lru_cache(maxsize=_CACHED)
def _read(text: str, language: str, rules: CleanRules, lexicon: tuple[tuple[str, str], ...]) -> SpokenText:
    cleaned = clean(text, rules)
    dialogues, language = language, turn_language(cleaned.text, language)
    grammar: Sequence[Rule] = (*lexicon_rules(dict(lexicon)), *_RULES.get(language, ()))
    parts = apply(grammar, cleaned.text)
    spoken, spans = _spoken(cleaned.text, parts)
    findings = [
        *cleaned.findings,
        *_verbalised(cleaned.text, parts),
        *_suspicious(spoken, language),
        *_strange_numbers(cleaned.text, language),
        *_half_read(cleaned.text, parts),
        *_unsayable(cleaned.text),
        *_foreign(cleaned.text, language, dialogues),
    ]
    if not any(map(str.isalnum, spoken)) and not any(finding.outcome == "rejected" for finding in findings):
        findings.append(Finding("rejected", "nothing to say", text[:60]))
    other = "" if language == dialogues else language
    return SpokenText(cleaned.text, spoken, spans, tuple(findings), cleaned.pauses, other)


def _foreign(text: str, language: str, dialogues: str) -> Iterator[Finding]:
    """What is said in another language than the dialogue's, a whole turn or words of it."""
    other = language if language != dialogues else foreign_words(text) if language == "en" else ""
    if other and other not in _RULES:
        yield Finding("suspicious", "another language", text[:60], language_name(other))


def _verbalised(text: str, parts: Sequence[Part]) -> Iterator[Finding]:
    """What the rules read; parts of one kind that touch, or with one space between them, are one: "5 km"."""
    groups: list[list[Part]] = []
    for part in parts:
        if groups and groups[-1][-1].kind == part.kind and part.start - groups[-1][-1].end <= 1:
            groups[-1].append(part)
        else:
            groups.append([part])
    for group in groups:
        if spoken := " ".join(part.spoken for part in group if part.spoken):
            yield Finding("verbalised", group[0].kind, text[group[0].start : group[-1].end], spoken)


def forget() -> None:
    """Clear the cache of texts that were read; for benchmarks."""
    _read.cache_clear()


def other_scripts(text: str, language: str) -> list[str]:
    """Stretches of letters that a voice of the language has no sound for: \u4f60\u597d in an English text."""
    if language not in _STRANGE or text.isascii():
        return []
    return list(dict.fromkeys(_STRANGE[language].findall(text)))


def _suspicious(spoken: str, language: str) -> list[Finding]:
    """What may not be spoken as it is meant: signs that no rule knows, digits, words of another script."""
    if spoken.isascii() and spoken.replace(" ", "").isalpha():
        return []
    signs = [sign for sign in dict.fromkeys(_KEPT_SIGNS.sub("", spoken)) if unicodedata.category(sign)[0] != "M"]
    found = [Finding("suspicious", "symbol", sign) for sign in signs]
    found += [Finding("suspicious", "another script", word) for word in other_scripts(spoken, language)]
    if match := re.search(r"\d+", spoken):
        found.append(Finding("suspicious", "digits", match.group()))
    return found


def _strange_numbers(text: str, language: str) -> list[Finding]:
    """Numbers whose commas are no English ones: 1,5 and 1.000,50."""
    if language != "en" or not (match := _NO_THOUSANDS.search(text)):
        return []
    return [Finding("suspicious", "decimal comma", match.group())]


_GLUED_AFTER = re.compile(r"(?![\u3400-\u9fff])(?:[/^*$]?[^\W_]|[-\u2013\u2212.,:][0-9]|['\u2019](?!s\b)[^\W_])")
_GLUED_BEFORE = re.compile(r"(?![\u3400-\u9fff])[^\W_][/^*$'\u2019]?$")


def _half_read(text: str, parts: Sequence[Part]) -> Iterator[Finding]:
    """Numbers of which a piece was left as it is: what stands beside them, without a space, no rule has read."""
    starts, ends = {part.start for part in parts}, {part.end for part in parts}
    for start, end, spoken, kind in parts:
        if kind == "lexicon" or not spoken or not any(map(str.isdecimal, text[start:end])):
            continue
        after = end not in starts and text[end - 1].isalnum() and _GLUED_AFTER.match(text, end)
        before = start not in ends and text[start].isdecimal() and _GLUED_BEFORE.search(text, max(0, start - 2), start)
        if after or (before and before.end() == start):
            yield Finding("suspicious", "half read", " ".join(text[max(0, start - 2) : end + 8].split()), spoken)


def _unsayable(text: str) -> Iterator[Finding]:
    """Words that their writer does not show, and brackets that stand for no words."""
    for kind, pattern, signs in (("censored word", CENSORED, "*-#@$%&!"), ("angle brackets", BRACKETED, "<")):
        if any(sign in text for sign in signs) and (match := pattern.search(text)):
            yield Finding("suspicious", kind, match.group())


def _spoken(text: str, parts: Sequence[Part]) -> tuple[str, tuple[Span, ...] | None]:
    """The spoken text and the written words of each of its words.

    A spoken word stands for every written word that it has a character of, or of whose characters it was made.
    """
    if not parts:
        return text, None
    pieces: list[tuple[str, int, int, bool]] = []
    at = 0
    for part in parts:
        if part.start > at:
            pieces.append((text[at : part.start], at, part.start, False))
        pieces.append((part.spoken, part.start, part.end, True))
        at = part.end
    if at < len(text):
        pieces.append((text[at:], at, len(text), False))
    spoken, starts, ends = "", list[int](), list[int]()
    apart = False
    for words, start, end, made in pieces:
        if made and not words:  # "him/her": what has no sound parts what has
            apart = True
            continue
        if spoken and words and (made or apart or pieces) and _would_join(spoken[-1], words[0]):
            spoken += " "
            starts.append(start)
            ends.append(start)
        apart = False
        spoken += words
        starts += [start] * len(words) if made else range(start, end)
        ends += [end] * len(words) if made else range(start + 1, end + 1)
    written = list(located_words(text))
    begins = [start for start, _ in written]
    spans = []
    for begin, stop in located_words(spoken):
        spans.append(_covering(written, begins, min(starts[begin:stop]), max(ends[begin:stop])))
    return spoken, tuple(spans)


def _would_join(before: str, after: str) -> bool:
    """Whether two pieces would run into one word."""
    return _is_latin(before) and _is_latin(after)


def _is_latin(character: str) -> bool:
    return character.isalnum() and not "\u2e80" <= character <= "\uffef"


def _covering(written: Sequence[tuple[int, int]], begins: Sequence[int], start: int, end: int) -> Span:
    last = bisect_left(begins, end) - 1
    first = bisect_right(begins, start) - 1
    if first < 0 or written[first][1] <= start:  # it begins in the space before a word
        first += 1
    return Span(min(first, last), max(first, last) + 1)
