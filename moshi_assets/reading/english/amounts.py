"""English sums of money, percent, temperatures and units; every unit ends where its word ends."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .dates import counts_seconds
from .dimensions import one_of_a_kind
from .numbers import cardinal, number, ungrouped
from .patterns import DASH, DIGITS, NUMBER, ONE_OR_TWO, SIGNED, START, alternatives, amount, is_one
from .terms import AMBIGUOUS_UNITS, CURRENCIES, CURRENCY_CODES, MAGNITUDES, RATES, UNITS

# Money


def _currency(symbol: str) -> tuple[str, str, str, str]:
    return CURRENCIES[CURRENCY_CODES.get(symbol, symbol)]


def _sum_of(text: str, symbol: str, single: bool = False) -> str:
    """Words of an amount: "$3.50", "$0.99"; `single` as it stands before a noun: "a ten dollar bill"."""
    one, many, cent, cents = _currency(symbol)
    many, cents = (one, cent) if single else (many, cents)
    text = ungrouped(text)
    whole, _, part = text.partition(".")
    if part and (len(part) != 2 or not cents):
        return f"{number(text)} {many}"
    if not int(part or 0):
        return f"{number(whole)} {one if int(whole) == 1 else many}"
    small = f"{cardinal(int(part))} {cent if int(part) == 1 else cents}"
    return f"{number(whole)} {one if int(whole) == 1 else many} and {small}" if int(whole or 0) else small


_EUROPEAN = frozenset(["\u20ac", "EUR", "SEK", "NOK", "DKK", "kr", "PLN", "z\u0142"])
_A_BEFORE = re.compile(r"\ban?\s+$", re.IGNORECASE)
_NOUN_AFTER = re.compile(r"\s+(?!(?:each|an?|per|and|or|is|was|for|to|in|on|at|from|off|less|more)\b)[a-z]")


_FUEL = re.compile(r"\s?(?:/|per\s|an?\s)\s?(?:l|L|lit(?:er|re)|kWh|kg)\b")


def _whole_in_europe(match: re.Match[str], text: str, symbol: str) -> str:
    """\u20ac1.000 is a thousand, but for the price of a liter of fuel: \u20ac1.799/l."""
    thousands = symbol in _EUROPEAN and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", text)
    return text.replace(".", "") if thousands and not _FUEL.match(after(match)) else text


def _money(match: re.Match[str]) -> Reading:
    symbol, big = match["symbol"], match["big"]
    low, high = (each and _whole_in_europe(match, each, symbol) for each in (match["low"], match["high"]))
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
    low = _whole_in_europe(match, match["low"], match["code"])
    if low != match["low"] and not match["high"]:
        return [group(match, "low", number(low)), group(match, "code", many)]
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
    rule(
        "money",
        rf"{START}{ONE_OR_TWO}\s?(?P<code>{alternatives(CURRENCY_CODES)})(?!\w)",
        _money_after,
        "DEFHKNPRYBk\u0142",
    ),
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


def _degrees(match: re.Match[str]) -> Reading:
    scale = {"C": " Celsius", "F": " Fahrenheit", "\u2103": " Celsius", "\u2109": " Fahrenheit"}.get(
        match["unit"][-1], ""
    )
    one = f"degree{scale}"
    return _with_unit(match, one, one if one_of_a_kind(match) else f"degrees{scale}")


_WARMTH = re.compile(
    r"\b(?:temp|weather|fever|oven|outside|today|tonight|hot|cold|warm|cool|freez|boil|bake|preheat|heat|degrees|winter|summer)",
    re.IGNORECASE,
)


def _bare_degrees(match: re.Match[str]) -> Reading:
    """72F without its sign, where the words around it are of the weather or of warmth."""
    around = match.string[max(0, match.start() - 40) : match.end() + 25]
    return _degrees(match) if _WARMTH.search(around) else None


_NOT_UNIT_BEFORE = re.compile(
    r"\b(?:gate|room|seat|row|section|level|size|class|flight|unit|apt|apartment|bus|platform)\s+$", re.IGNORECASE
)


_THOUSANDS_AFTER = re.compile(r"\s+(?:[a-z]+s|people|per|a)\b")
_AMPERE = re.compile(r"\s+(?:fuse|circuit|breaker|charger|socket|plug|supply|current|adapter|power)s?\b")


def _is_unit(match: re.Match[str]) -> bool:
    """Whether letters after a number are a unit here: not in "seat 5 A", "iPhone 5s", "the 2s"."""
    unit, following = match["unit"], after(match)
    if _NOT_UNIT_BEFORE.search(before(match)):
        return False
    if unit in AMBIGUOUS_UNITS and match["space"] and re.match(r"\s+[A-Z]", following):
        return False
    if unit == "W" and re.match(r"\.\s+\d", following):  # "123 W. 45th St."
        return False
    if unit == "A":
        return bool(_AMPERE.match(following))
    if unit == "K":
        return bool(match["space"] and not match["low"].startswith("-")) and not _THOUSANDS_AFTER.match(following)
    if unit == "s" and not match["space"] and "." not in match["low"]:
        return counts_seconds(match)
    return True


_PRINTED = re.compile(
    r"\b(?:font|type|text|heading|title|size|print|bold|Times|Arial|Helvetica|line|margin)\b", re.IGNORECASE
)


def _names_of(match: re.Match[str]) -> tuple[str, str]:
    """One and many; "pt" is a point where letters are measured."""
    if match["unit"] == "pt" and (not match["space"] or _PRINTED.search(before(match) + after(match))):
        return UNITS["pts"]
    return UNITS[match["unit"]]


def _hyphened(match: re.Match[str]) -> Reading:
    """A 5-kg bag, a 6-ft-tall man: the kind of a thing, so that its unit is singular."""
    return [group(match, "low", number(match["low"])), Part(match.end("low"), match.end(), UNITS[match["unit"]][0])]


def _unit(match: re.Match[str]) -> Reading:
    if not _is_unit(match):
        return None
    one, many = _names_of(match)
    end = match.end()
    if re.match(r"\.\s+[a-z0-9]|\.,", after(match)):
        end += 1
    words = one if is_one(match) or one_of_a_kind(match) else many
    if per := match["per"]:
        words += f" per {UNITS[per][0]}"
    return [*amount(match), Part(match.start("unit"), end, words)]


def _in_all(match: re.Match[str]) -> Reading:
    """5 L/100 km: so much for so much; not "16GB/512GB"."""
    one, many = UNITS[match["unit"]]
    if match["unit"] == match["per"] or match["per"] in ("A", "V", "W", "GB", "MB", "TB"):
        return [
            *amount(match),
            Part(match.start("unit"), match.start("size"), one if is_one(match) else many),
            group(match, "size", number(match["size"])),
            group(match, "per", UNITS[match["per"]][match["size"] != "1"]),
        ]
    return [
        *amount(match),
        Part(match.start("unit"), match.start("size"), f"{one if is_one(match) else many} per"),
        group(match, "size", number(match["size"])),
        group(match, "per", UNITS[match["per"]][1]),
    ]


_UNIT = alternatives(UNITS)
_WRITTEN_UNITS = alternatives(set(UNITS) - {"in"})
"""All but the inch, which needs its full stop: "1 in 5"."""
_HYPHENED = alternatives(
    {unit for unit in UNITS if len(unit) > 1 and unit.isalpha()} - {"in", "pt", "yo"} | set("mgLVW")
)
_PER = alternatives({unit for unit in UNITS if "/" not in unit} - set("AKNJVWx"))
MEASURE_RULES = [
    rule("unit", rf"{START}(?P<low>{NUMBER})-(?P<unit>{_HYPHENED})(?=\s[a-z]|-[a-z]|[.,!?]?(?:\s|$))", _hyphened, "-"),
    rule("unit", r"(?<=\d)/ea\b\.?", lambda m: "each", "/"),
    rule("unit", rf"(?<=\d)/(?P<unit>{_PER})(?![\w/])", lambda m: f"per {UNITS[m['unit']][0]}", "/"),
    rule("unit", r"(?<=\d)/(?P<word>[a-z]{3,})(?![\w/])", lambda m: f"per {m['word']}", "/"),
    rule(
        "unit",
        rf"\^[-\u2212]?\d{{1,3}}\s?(?P<unit>{_HYPHENED}|m/s|km/s|km/h)(?![\w/])",
        lambda m: [group(m, "unit", UNITS[m["unit"]][1])],
        "^",
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
        rf"{START}{ONE_OR_TWO}(?P<unit>\s?(?:[\u00b0\u00ba]\s?[CF]\b|[\u00b0\u00ba]|\u2103|\u2109))",
        _degrees,
        "\u00b0\u00ba\u2103\u2109",
    ),
    rule("temperature", rf"{START}{ONE_OR_TWO}(?P<unit>\s?[CF])(?!\w)", _bare_degrees, "CF"),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}\s?(?P<unit>{_WRITTEN_UNITS})/(?P<size>\d+)\s?(?P<per>{_UNIT})(?!\w)",
        _in_all,
        "/",
    ),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}(?:(?P<space>\s?)(?P<unit>in)(?=\.(?!\w))|(?P<glued>in)(?!\w))(?P<per>(?!))?",
        lambda m: _unit(m) if m["unit"] else [*amount(m), group(m, "glued", "inch" if one_of_a_kind(m) else "inches")],
        "i",
    ),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}(?P<space>\s?)(?P<unit>{_WRITTEN_UNITS})(?:/(?P<per>{_UNIT}))?"
        rf"(?![\w\u00b2\u00b3'\u2019&])(?!/(?!(?:{alternatives(RATES)})\b))",
        _unit,
        DIGITS,
    ),
]
