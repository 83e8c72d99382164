"""What chats and forums write that CommonMark does not know: tags of forums, citations, spoilers, bullets."""

from __future__ import annotations

import re

_BB_CODE = re.compile(
    r"\[/?(?:b|i|u|s|url|img|quote|size|color|center|spoiler|list|sup|sub)(?:=[^\[\]\n]{0,200})?\](?!\()", re.IGNORECASE
)
_TASK = re.compile(r"^([^\S\n]*[-*+]\s+)\[[ xX]\]\s+", re.MULTILINE)
_BULLET = re.compile("^[^\\S\n]*[\u2022\u2023\u25e6\u25aa\u00b7]\\s+", re.MULTILINE)
_DEFINITION = re.compile(
    r"^[^\S\n]*\[(?:\^[^\[\]\n]{1,40}\]:\s*\S[^\n]*|[^\[\]\n]{1,40}\]:\s*(?:https?://|www\.|mailto:|[</#])[^\n]*)$",
    re.MULTILINE,
)
_REFERENCE = re.compile(r"\[(?!\^?\d{1,3}[\],])([^\[\]\n]+)\]\[[^\[\]\n]{0,40}\]")
_NUMBERS = r"\[\d{1,3}(?:(?:, ?|[-\u2013])\d{1,3})*\]"
_CITATION = re.compile(rf"\[\^[\w-]{{1,20}}\]|(?<=[\w.,;:!?)\"'\u2019\u201d]) ?{_NUMBERS}(?: ?{_NUMBERS})*(?![\w(\[])")
_INDEX = re.compile(r"\w\[0\]|(?<![^\W\d_])[a-z]\[\d+\]|\]\s?=\s")
""""array[0]", "x[1]": there brackets are no citations."""
_NEEDS_NUMBER = re.compile(
    r"\b(?:see|in|by|from|of|refs?|reference|references|and|or|with|to|at|for|source|sources|paper|citing|is|are|cf)\.?$",
    re.IGNORECASE,
)
""""See [1] for it": the sentence needs the number."""
_MARKED = re.compile(r"==(?=\S)([^=\n]+)(?<=\S)==(?!=)|\|\|(?=\S)([^|\n]+)(?<=\S)\|\|(?!\|)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)>")
_SIGNS = ("[", "==", "||", "<http", "<mailto", "@", "\u2022", "\u2023", "\u25e6", "\u25aa", "\u00b7 ")


def has_dialect(text: str) -> bool:
    """Whether a text may hold what CommonMark does not know: see `without_dialect`."""
    return any(sign in text for sign in _SIGNS)


def without_dialect(text: str) -> str:
    """Without tags of forums, boxes of tasks, bullets, footnotes, citations, marks of highlights and spoilers, and the
    brackets of addresses and of references, of which CommonMark knows nothing or too little.
    """
    text = _AUTOLINK.sub(lambda match: match[1].removeprefix("mailto:"), text)
    text = _BULLET.sub("- ", _TASK.sub(r"\1", _BB_CODE.sub("", text)))
    text = _REFERENCE.sub(r"\1", _DEFINITION.sub("", text))
    if not _INDEX.search(text):
        text = _CITATION.sub(_cited, text)
    return _MARKED.sub(lambda match: match[1] or match[2], text)


def _cited(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 20) : match.start()]
    return match.group() if match.group().startswith(" ") and _NEEDS_NUMBER.search(before) else ""
