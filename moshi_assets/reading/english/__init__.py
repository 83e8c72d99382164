"""English: what is not written as it is spoken, rule by rule. American readings where English has two."""

from __future__ import annotations

from ..rules import Rule
from .amounts import MEASURE_RULES, MONEY_RULES
from .figures import NUMBER_RULES, PAIR_RULES, SUM_RULES
from .times import DATE_RULES, PHONE_RULES, TIME_RULES
from .words import WORD_RULES

RULES: list[Rule] = [
    *WORD_RULES.addresses,
    *PHONE_RULES,
    *DATE_RULES,
    *TIME_RULES,
    *MONEY_RULES,
    *PAIR_RULES,
    *SUM_RULES,
    *MEASURE_RULES,
    *NUMBER_RULES,
    *WORD_RULES.words,
]
"""The first rule that knows a thing decides."""
