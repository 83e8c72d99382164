"""English: what is not written as it is spoken, rule by rule. American readings where English has two."""

from __future__ import annotations

from ..rules import Rule
from .addresses import ADDRESS_RULES
from .amounts import MEASURE_RULES, MONEY_RULES
from .capitals import CAPITAL_RULES
from .dates import DATE_RULES
from .dimensions import DIMENSION_RULES
from .figures import MODEL_RULES, NUMBER_RULES, SUM_RULES
from .fractions import PAIR_RULES
from .identifiers import IDENTIFIER_RULES
from .ranges import RANGE_RULES
from .roman import ROMAN_RULES
from .short_forms import SHORT_FORM_RULES
from .signs import SIGN_RULES
from .stars import CENSORED_RULES, PRODUCT_RULES
from .times import TIME_RULES

RULES: list[Rule] = [
    *CENSORED_RULES,
    *ADDRESS_RULES,
    *IDENTIFIER_RULES,
    *RANGE_RULES,
    *MODEL_RULES,
    *DATE_RULES,
    *TIME_RULES,
    *MONEY_RULES,
    *DIMENSION_RULES,
    *PAIR_RULES,
    *SUM_RULES,
    *MEASURE_RULES,
    *NUMBER_RULES,
    *SHORT_FORM_RULES,
    *ROMAN_RULES,
    *CAPITAL_RULES,
    *PRODUCT_RULES,
    *SIGN_RULES,
]
"""The first rule that knows a thing decides."""
