"""Detection of program code in a turn without a fence around it."""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"\w\(\)|\w\([^()\n]*\)\s*[:;{]|[{}];?|;[^\S\n]*$|[=!<>]==?\s?\w|\w\s?=\s?[\w\"'\[({]|->|=>|::|\+\+|\+=|&&|\|\||</?\w+>|\b__\w+__|\b\w+\.\w+\(|"
    r"\w\[\w*\]|\"\w+\"\s?:|^[^\S\n]*(?://|/\*|#include|#define|@\w+$|import \w|from \w+ import|def \w|class "
    r"\w+[:({]|function\b|return\b|print\b|if .*:$|for .*:$|"
    r"else:|while .*:$|public |private |static |void |int |const |let |var |SELECT |>>> )|\bself\b|\\w|\\d|\$\w",
    re.MULTILINE,
)
_STRONG = re.compile(
    r"\b__\w+__|^[^\S\n]*(?:def \w+\(|class \w+[:(]|from [\w.]+ import \w|#include\s*<|>>> "
    r")|\bfunction\s*\w*\(|\b\w+\([^()]*\)\s*\{|;\s*\}|\bSELECT\b(?:(?!\b(?:SELECT|FROM)\b).)++\bFROM\b|"
    r"\bprint\s*\(\s*[\"']|\bself\.\w|\bconsole\.log\(|System\.out\.|/\*\*",
    re.MULTILINE,
)
_PAIRED = re.compile(r"[(){}\[\]]")


def is_code(text: str) -> bool:
    """Whether a text is program code rather than words, or has lines of it; guessed from signs that prose does not
    have.
    """
    if not _PAIRED.search(text) and "__" not in text and ">>>" not in text and ";" not in text and "import" not in text:
        return False
    strong = len(_STRONG.findall(text))
    weak = len(_SIGNS.findall(text))
    words = len(text.split())
    return strong >= 2 or (strong >= 1 and weak >= 1) or (weak >= 4 and 4 * weak >= words)
