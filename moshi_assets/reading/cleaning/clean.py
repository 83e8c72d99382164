"""Cleaning: removes parts of a turn that are written but never said, rule by rule."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...recipe.text import CleanRules
from ..spoken_text import Finding, Pause, words_of
from .characters import visible, without_pictures
from .chat_format import without_label, without_reasoning, without_tokens
from .code import is_code
from .dialect import has_dialect, without_dialect
from .directions import without_directions
from .formulas import without_formulas
from .html import has_html, without_html
from .markdown import MARKDOWN, lone_dash, without_markdown
from .speakers import second_speaker
from .tags import without_placeholders
from .tokenised import put_together

_ROUNDS = 8
"""Cleaning is repeated until nothing changes: an entity may hold a tag, a tag emphasis."""
_EXCERPT = 60
_SILENCE = 0xF0000
"""The first of the private characters that stand for pauses while a text is cleaned."""
_MOST_SILENCES = 256
_SILENCES = re.compile(f"[{chr(_SILENCE)}-{chr(_SILENCE + _MOST_SILENCES - 1)}]")
_LOOSE = re.compile(r"(?<=\w) ([.,!?;:\u2026]+)(?=\s|$)")
LONGEST_PAUSE = 10.0
"""Longest pause in seconds; a longer one in the text is cut to this."""


class Cleaned(NamedTuple):
    """A turn without the parts that are not said."""

    text: str
    findings: tuple[Finding, ...]
    pauses: tuple[Pause, ...]


def clean(text: str, rules: CleanRules) -> Cleaned:
    """Remove the parts that are not said, and list them. Cleaning a clean text changes nothing."""
    return _Cleaning(rules).run(text)


class _Cleaning:
    def __init__(self, rules: CleanRules) -> None:
        self._rules = rules
        self._silences: list[float] = []
        self._findings: list[Finding] = []
        self._several = False
        """Whether what several speakers say was found; one line of it is enough."""

    def run(self, text: str) -> Cleaned:
        text, pauses = self._pauses(self._settled(_SILENCES.sub("", text)))
        if pauses:  # what followed a pause stands at the start now, where a heading or a label is one
            text = self._settled(text)
            pauses = tuple(Pause(min(before, len(words_of(text))), seconds) for before, seconds in pauses)
        return Cleaned(text, tuple(dict.fromkeys(self._findings)), pauses)

    def _settled(self, text: str) -> str:
        for _ in range(_ROUNDS):
            before, text = text, self._fixed(text)
            text = " ".join(text.split())
            if self._findings:
                text = _LOOSE.sub(r"\1", text)  # what stood before a comma is gone
            if text == before:
                break  # else: on one line, what is left of a quotation may begin it
        return text

    def _fixed(self, text: str) -> str:
        for _ in range(_ROUNDS):
            before, text = text, self._once(text)
            if text == before:
                break
        return text

    def _once(self, text: str) -> str:
        rules = self._rules
        if rules.characters:
            text = self._did("characters", text, visible(text))
        if rules.tokenised:
            text = self._did("tokens", text, put_together(text))
        if rules.reasoning:
            text = self._did("reasoning", text, without_reasoning(text))
        if rules.labels and not self._several and (second := second_speaker(text)):
            self._several = True
            self._findings.append(Finding("rejected", "several speakers", second[:_EXCERPT]))
        if rules.chat_tokens:
            text = self._did("chat tokens", text, without_tokens(text))
        if rules.labels:
            text = self._did("label", text, without_label(text))
        if rules.markdown and ("```" in text or "~~~" in text):  # before anything in a block of code is taken for a tag
            text = self._markdown(text)
        elif rules.markdown and has_dialect(text):
            text = self._did("markdown", text, without_dialect(text))
        if rules.directions:
            text = self._did("stage direction", text, without_directions(text, self._silence))
        if rules.html and has_html(text):
            words, block = without_html(text, self._silence)
            if block:
                words = self._block(block, text, words)
            text = self._did("html", text, words)
        if rules.html and any(sign in text for sign in "<[{"):
            words, gap = without_placeholders(text)
            if gap:
                text = self._block("placeholder", gap, words)
        if rules.markdown:
            text = self._markdown(text)
        if rules.emoji:
            text = self._did("emoji", text, without_pictures(text))
        return text

    def _markdown(self, text: str) -> str:
        words, formula = without_formulas(text)
        if formula:
            text = self._block("formula", formula, words)
        if MARKDOWN.search(text):
            if doubtful := lone_dash(text):
                self._findings.append(Finding("suspicious", "minus or list", doubtful[:_EXCERPT]))
            words, blocks = without_markdown(text)
            for block in blocks:
                words = self._block(block, text, words)
            text = self._did("markdown", text, words.replace("`", ""))  # those left over enclose nothing
        return self._block("code", text, "") if is_code(text) else text

    def _block(self, kind: str, written: str, left: str) -> str:
        self._findings.append(
            Finding("cleaned" if self._rules.blocks == "drop" else "rejected", kind, written[:_EXCERPT])
        )
        return left

    def _did(self, kind: str, before: str, after: str) -> str:
        if before != after and before.split() != after.split():
            self._findings.append(Finding("cleaned", kind, _difference(before, after)))
        return after

    def _silence(self, seconds: float) -> str:
        if len(self._silences) == _MOST_SILENCES:
            return " "
        self._silences.append(min(seconds, LONGEST_PAUSE))
        return f" {chr(_SILENCE + len(self._silences) - 1)} "

    def _pauses(self, text: str) -> tuple[str, tuple[Pause, ...]]:
        if not self._silences:
            return _SILENCES.sub("", text), ()
        kept, pauses, at = "", [], 0
        for match in _SILENCES.finditer(text):
            kept, at = kept + text[at : match.start()], match.end()
            number = ord(match.group()) - _SILENCE
            if number < len(self._silences):
                pauses.append(Pause(len(words_of(kept)), self._silences[number]))
        return " ".join((kept + text[at:]).split()), tuple(pauses)


def _difference(before: str, after: str) -> str:
    """The stretch of `before` that is not in `after`, about."""
    start, most = 0, min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    end = 0
    while end < most - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end].strip()[:_EXCERPT]
