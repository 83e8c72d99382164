"""Chinese: what is not written as it is spoken, rule by rule."""

from __future__ import annotations

from ..rules import Rule
from .amounts import AMOUNTS
from .figures import ADDRESSES, NUMBERS, PAIRS, WORDS
from .times import DATES, PHONES

RULES: list[Rule] = [*ADDRESSES, *DATES, *PHONES, *PAIRS, *AMOUNTS, *NUMBERS, *WORDS]
"""The first rule that knows a thing decides."""
