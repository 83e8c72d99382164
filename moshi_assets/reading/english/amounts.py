"""English sums of money, percent, temperatures and units; every unit ends where its word ends."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .numbers import cardinal, number
from .patterns import DASH, DIGITS, NUMBER, ONE_OR_TWO, SIGNED, START, alternatives, amount, is_one
from .terms import AMBIGUOUS_UNITS, CURRENCIES, CURRENCY_CODES, MAGNITUDES, RATES, UNITS

# Money


def _currency(symbol: str) -> tuple[str, str, str, str]:
    return CURRENCIES[CURRENCY_CODES.get(symbol, symbol)]


def _sum_of(text: str, symbol: str, single: bool = False) -> str:
    """Words of an amount: "$3.50", "$0.99"; `single` as it stands before a noun: "a ten dollar bill"."""
    one, many, cent, cents = _currency(symbol)
    many, cents = (one, cent) if single else (many, cents)
    text = text.replace(",", "")
    whole, _, part = text.partition(".")
    if part and (len(part) != 2 or not cents):
        return f"{number(text)} {many}"
    if not int(part or 0):
        return f"{number(whole)} {one if int(whole) == 1 else many}"
    small = f"{cardinal(int(part))} {cent if int(part) == 1 else cents}"
    return f"{number(whole)} {one if int(whole) == 1 else many} and {small}" if int(whole or 0) else small


_A_BEFORE = re.compile(r"\ban?\s+$", re.IGNORECASE)
_NOUN_AFTER = re.compile(r"\s+(?!(?:each|an?|per|and|or|is|was|for|to|in|on|at|from|off|less|more)\b)[a-z]")


def _money(match: re.Match[str]) -> Reading:
    symbol, low, high, big = match["symbol"], match["low"], match["high"], match["big"]
    one, many, _, _ = _currency(symbol)
    sign = "minus " if match["sign"] or match["inner"] else ""
    single = bool(_A_BEFORE.search(before(match)) and _NOUN_AFTER.match(after(match)))
    # "$" is spoken after the amount, so words and signs are one part, but for what follows a space.
    first = f" {MAGNITUDES[match['first']]}" if match["first"] else ""
    end = match.end("first" if first else "low")
    if not big and not high:
        return f"{sign}{_sum_of(low, symbol, single)}"
    if not big:
        return [
            Part(match.start(), end, sign + number(low) + first),
            group(match, "to", "to"),
            Part(match.start("second"), match.end(), _sum_of(high, symbol)),
        ]
    before_noun = re.match(r"\s+[a-z]", after(match)) and re.search(r"\ba\s+$", before(match), re.IGNORECASE)
    unit = one if before_noun else many
    amount = [Part(match.start(), end, sign + number(low) + first)]
    if high:
        amount += [group(match, "to", "to"), Part(match.start("second"), match.end("high"), number(high))]
    return [*amount, group(match, "big", f"{MAGNITUDES[big]} {unit}")]


def _money_after(match: re.Match[str]) -> Reading:
    one, many, _, _ = _currency(match["code"])
    if match["code"] in ("$", "\u20ac", "\u00a3") and not match["high"] and re.fullmatch(r"[\d,]+\.\d\d", match["low"]):
        return _sum_of(match["low"], match["code"])
    return [*amount(match), group(match, "code", one if is_one(match) else many)]


def _comma_money(match: re.Match[str]) -> Reading:
    """3,50 \u20ac: cents after a comma, as they are written in Europe."""
    return _sum_of(f"{match['whole']}.{match['cents']}", match["symbol"] or match["after"])


_SYMBOL = alternatives({*CURRENCIES, *CURRENCY_CODES})
_BIG = alternatives(MAGNITUDES)
MONEY_RULES = [
    rule(
        "money",
        r"(?<![\w.,])(?P<symbol>[\u20ac\u00a3])\s?(?P<whole>\d{1,6}),(?P<cents>\d\d)(?P<after>(?!))?(?![\w,.]*\d)",
        _comma_money,
        "\u20ac\u00a3",
    ),
    rule(
        "money",
        r"(?<![\w.,])(?P<whole>\d{1,6}),(?P<cents>\d\d)\s?(?P<symbol>(?!))?(?P<after>[\u20ac\u00a3$])(?!\w)",
        _comma_money,
        "\u20ac\u00a3$",
    ),
    rule(
        "money", rf"{START}(\d{{1,2}})p(?!\w)", lambda m: "one penny" if m[1] == "1" else f"{number(m[1])} pence", "p"
    ),
    rule(
        "money",
        rf"(?<![\w.])(?P<sign>[-\u2212])?(?P<symbol>{_SYMBOL})\s?(?P<inner>[-\u2212])?(?P<low>{NUMBER})"
        rf"(?:(?:\s?(?P<first>{_BIG}))?(?P<to>\s?{DASH}\s?)(?P<second>(?:{_SYMBOL})?(?P<high>{NUMBER})))?(?:\s?(?P<big>{_BIG})\b)?(?![\w])",
        _money,
        "".join(CURRENCIES),
    ),
    rule("money", rf"{START}{ONE_OR_TWO}\s?(?P<code>{alternatives(CURRENCY_CODES)})\b", _money_after, "DEFHKNPRYB"),
    rule("money", rf"{START}{ONE_OR_TWO}\s?(?P<code>[$\u20ac\u00a3])(?![\w\d])", _money_after, "$\u20ac\u00a3"),
    rule(
        "money",
        rf"{START}(?P<low>{NUMBER})\s?(?P<code>\u00a2)",
        lambda m: [group(m, "low", number(m["low"])), group(m, "code", "cent" if m["low"] == "1" else "cents")],
        "\u00a2",
    ),
]

# Percent, temperature, units


def _with_unit(match: re.Match[str], one: str, many: str) -> list[Part]:
    return [*amount(match), group(match, "unit", one if is_one(match) else many)]


def _two_times(match: re.Match[str]) -> Reading:
    """2h 15m, 1m30s."""
    units = {"hm": ("hour", "minute"), "ms": ("minute", "second")}.get(match["large"] + match["small"])
    if units is None:
        return None

    def of(count: str, unit: str) -> str:
        return f"{number(count)} {unit}{'' if int(count) == 1 else 's'}"

    return [
        Part(match.start(), match.end("large"), of(match["first"], units[0])),
        Part(match.start("second"), match.end(), of(match["second"], units[1])),
    ]


def _degrees(match: re.Match[str]) -> Reading:
    scale = {"C": " Celsius", "F": " Fahrenheit", "\u2103": " Celsius", "\u2109": " Fahrenheit"}.get(
        match["unit"][-1], ""
    )
    return _with_unit(match, f"degree{scale}", f"degrees{scale}")


_NOT_UNIT_BEFORE = re.compile(
    r"\b(?:gate|room|seat|row|section|level|size|class|flight|unit|apt|apartment|bus|platform)\s+$", re.IGNORECASE
)


def _unit(match: re.Match[str]) -> Reading:
    unit = match["unit"]
    if unit in AMBIGUOUS_UNITS and match["space"] and re.match(r"\s+[A-Z]", after(match)):
        return None
    if unit == "W" and re.match(r"\.\s+\d", after(match)):  # "123 W. 45th St."
        return None
    if _NOT_UNIT_BEFORE.search(before(match)):
        return None
    one, many = UNITS[unit]
    following = after(match)
    # "a 60 W bulb": one of a kind.
    single = re.search(r"\ban?\s+$", before(match), re.IGNORECASE) and re.match(r"\s+[a-z]", following)
    end = match.end()
    if re.match(r"\.\s+[a-z0-9]|\.,", following):
        end += 1
    return [*amount(match), Part(match.start("unit"), end, one if is_one(match) or single else many)]


def _mark_of_length(match: re.Match[str]) -> Reading:
    """5' and 10": feet and inches, unless the mark closes a quotation."""
    sign = match["unit"]
    if sign in "\"'" and re.search(rf"(?:^|[\s(]){sign}", before(match)):
        return None
    one, many = ("inch", "inches") if sign in '"\u2033' else ("foot", "feet")
    single = re.match(r"\s+[a-z]+", after(match)) and re.search(r"\ban?\s+$", before(match), re.IGNORECASE)
    return _with_unit(match, one, one if single else many)


def _feet(match: re.Match[str]) -> Reading:
    feet, inches = int(match[1]), int(match[2])
    return f"{cardinal(feet)} foot {cardinal(inches)}" if inches < 12 else None


def _feet_and_inches(match: re.Match[str]) -> Reading:
    feet, inches = match["feet"], match["inches"]
    return [
        Part(match.start(), match.end("foot"), f"{number(feet)} {'foot' if feet == '1' else 'feet'}"),
        Part(match.start("inches"), match.end("inch"), f"{number(inches)} {'inch' if inches == '1' else 'inches'}"),
    ]


_WRITTEN_UNITS = alternatives(set(UNITS) - {"in"})
"""All but the inch, which needs its full stop: "1 in 5"."""
MEASURE_RULES = [
    rule(
        "unit",
        rf"{START}(?P<first>\d+)\s?(?P<large>h|m)(?:in|rs?)?\s?(?P<second>\d{{1,2}})\s?(?P<small>m|s)(?:ins?|ecs?)?(?!\w)",
        _two_times,
        "hm",
    ),
    rule(
        "unit",
        r"(?<=\d[x\u00d7]\d\d)\s?(?P<unit>cm|mm|km|px|ft|in)\b|(?<=[x\u00d7] \d)\s?(?P<same>cm|mm|km|px|ft|m)\b",
        lambda m: [Part(*m.span(), UNITS[m["unit"] or m["same"]][1])],
        "x\u00d7",
    ),
    rule("percent", rf"{START}{ONE_OR_TWO}(?P<unit>\s?%)(?!\w)", lambda m: _with_unit(m, "percent", "percent"), "%"),
    rule(
        "percent",
        rf"{START}(?P<low>{SIGNED})\s?%(?P<to>\s?{DASH}\s?)(?P<high>{NUMBER})(?P<unit>\s?%)",
        lambda m: [
            Part(m.start(), m.start("to"), f"{number(m['low'])} percent"),
            *_with_unit(m, "percent", "percent")[1:],
        ],
        "%",
    ),
    rule(
        "temperature",
        rf"{START}{ONE_OR_TWO}(?P<unit>\s?(?:\u00b0\s?[CF]\b|\u00b0|\u2103|\u2109))",
        _degrees,
        "\u00b0\u2103\u2109",
    ),
    rule("unit", r"(?<![\w.])([3-8])['\u2019](\d{1,2})(?![\w\"'\u2033\u201d\u2019])", _feet, "'\u2019"),
    rule("unit", r"(?<![\w.])(\d)['\u2032\u2019]\s?(\d{1,2})(?:[\"\u2033\u201d]|'')", _feet, "'\u2032\u2019"),
    rule(
        "unit",
        rf"{START}(?P<feet>\d+)\s?(?P<foot>ft)\b\.?\s?(?P<inches>\d{{1,2}})\s?(?P<inch>in\b(?:\.(?=\s[a-z]))?)",
        _feet_and_inches,
        "f",
    ),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}(?P<space>\s?)(?P<unit>in)(?=\.(?!\w))",
        _unit,
        "i",
    ),
    rule(
        "unit",
        rf"{START}(?P<low>{NUMBER})(?P<to>(?!))?(?P<high>(?!))?(?P<unit>[\"\u2033'\u2032])(?![\w\"'])",
        _mark_of_length,
        "\"\u2033'\u2032",
    ),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}(?P<space>\s?)(?P<unit>{_WRITTEN_UNITS})(?![\w\u00b2\u00b3'\u2019&])(?!/(?!(?:{alternatives(RATES)})\b))",
        _unit,
        DIGITS,
    ),
]
