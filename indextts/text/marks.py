"""The few punctuation marks that the model's vocabulary has, and all others folded onto them.

Source: docs/indextts2.md §4.
"""

from __future__ import annotations

import re

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
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff\ud800-\uf8ff\U000f0000-\U0010ffff]")


def fold_marks(text: str) -> str:
    """Fold the punctuation of `text` onto the marks of the vocabulary, e.g. "(a): b。" -> "'a', b."."""
    return _PAUSE.sub("\u2026", text.translate(_FOLD))


def drop_silent(text: str) -> str:
    """Remove control, private-use and invisible characters, and blanks at both ends."""
    return _UNSPEAKABLE.sub("", text).strip()
