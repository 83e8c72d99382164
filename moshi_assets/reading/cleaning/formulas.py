"""Formulas in LaTeX, which nobody can say."""

from __future__ import annotations

import re

from .enclosed import enclosed

_OPENING = re.compile(r"\$\$|\\[\[(]|\\begin\{(\w+\*?)\}")
_CLOSES = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}
_IN_A_LINE = re.compile(r"(?<![\w$\\])\$(?=[^\s$])[^$\n\\^_{}=]*[\\^_{}=][^$\n]*\$(?![\d$])")
"""Between two single dollars, with a sign in it that no price has."""


def without_formulas(text: str) -> tuple[str, str]:
    """Without LaTeX formulas, and the first of them, else ""."""
    if "$" not in text and "\\" not in text:
        return text, ""
    spans = list(enclosed(text, _OPENING, lambda match: _CLOSES.get(match.group(), f"\\end{{{match[1]}}}"), least=1))
    kept, at = [], 0
    for start, end in (*spans, (len(text), len(text))):
        kept.append(_IN_A_LINE.sub(" ", text[at:start]))
        at = end
    if spans:
        return " ".join(kept), text[slice(*spans[0])]
    line = _IN_A_LINE.search(text)
    return "".join(kept), line.group() if line else ""
