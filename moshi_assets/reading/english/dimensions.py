"""English measures of several parts: 3 x 5 cm, 2 hr 30 min, 5'10", 3/4 tsp."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .numbers import cardinal, number
from .patterns import END, NUMBER, START, alternatives
from .terms import UNITS

# One length by another

_LENGTHS = {unit: UNITS[unit] for unit in ("mm", "cm", "m", "km", "in", "ft", "px")} | {
    **dict.fromkeys(('"', "\u2033", "in."), ("inch", "inches")),
    **dict.fromkeys(("'", "\u2032", "ft."), ("foot", "feet")),
}
_LENGTH = rf"(?:\s?(?:{alternatives(_LENGTHS)})(?!\w))"
_SIDE = re.compile(rf"(?P<number>{NUMBER})(?:\s?(?P<unit>{alternatives(_LENGTHS)})(?!\w))?|(?P<by>[x\u00d7*])")
_PICTURE_SIDE = 300


def _by(match: re.Match[str]) -> Reading:
    """Lengths with a unit, three sides, or those of a picture; two numbers alone may be a sum."""
    sides = list(_SIDE.finditer(match.group()))
    numbers = [side for side in sides if side["number"]]
    picture = "." not in match.group() and all(int(re.sub(r"\D", "", side[0])) >= _PICTURE_SIDE for side in numbers)
    glued = len(numbers) > 2 and not re.search(r"\s", match.group())
    if not any(side["unit"] for side in sides) and not picture and not glued:
        return None
    if re.match(r"\s?=", after(match)):
        return None
    parts = []
    for side in sides:
        at = match.start()
        if side["by"]:
            parts.append(Part(at + side.start(), at + side.end(), "by"))
            continue
        parts.append(Part(at + side.start("number"), at + side.end("number"), number(side["number"])))
        if side["unit"]:
            one, many = _LENGTHS[side["unit"]]
            parts.append(Part(at + side.start("unit"), at + side.end("unit"), one if side["number"] == "1" else many))
    return parts


# Hours, minutes and seconds

_TIMES = {"d": "day", "h": "hour", "hr": "hour", "m": "minute", "min": "minute", "s": "second", "sec": "second"}
_TIME = r"(?:d|hrs?|h|mins?|m|secs?|s)"
_ONE_TIME = re.compile(rf"(?P<count>\d+(?:\.\d+)?)\s?(?P<unit>{_TIME})\b\.?|(?P<glued>\d+)(?P<letter>[dhms])(?=\d)")


def _times(match: re.Match[str]) -> Reading:
    """2h 15m, 1m30s, 2 hr 30 min: from the large to the small."""
    found = list(_ONE_TIME.finditer(match.group()))
    units = [_TIMES[unit if len(unit) == 1 else unit.rstrip("s")] for each in found if (unit := each[2] or each[4])]
    order = [("day", "hour", "minute", "second").index(unit) for unit in units]
    if order != sorted(set(order)) or len(units) != len(found):
        return None
    parts = []
    for each, unit in zip(found, units, strict=True):
        count = each[1] or each[3]
        end = each.end()
        if each is found[-1] and each.group().endswith(".") and not re.match(r"\s+[a-z]", after(match)):
            end -= 1
        words = f"{number(count)} {unit}{'' if count == '1' else 's'}"
        parts.append(Part(match.start() + each.start(), match.start() + end, words))
    return parts


# Feet and inches


def _mark_of_length(match: re.Match[str]) -> Reading:
    """5' and 10": feet and inches, unless the mark closes a quotation."""
    sign = match["unit"]
    if sign in "\"'" and re.search(rf"(?:^|[\s(]){sign}", before(match)):
        return None
    one, many = ("inch", "inches") if sign in '"\u2033' else ("foot", "feet")
    single = match["low"] == "1" or one_of_a_kind(match)
    return [group(match, "low", number(match["low"])), group(match, "unit", one if single else many)]


_ARTICLE = re.compile(r"\ban?\s+$", re.IGNORECASE)
_NOUN = re.compile(
    r"\s+(?:can|bottle|jar|box|bag|pack|package|packet|cup|glass|steak|burger|baby|laptop|screen|monitor|tv|display|battery|"
    r"batteries|bulb|drive|disk|race|run|walk|hike|pizza|pipe|nail|rope|ladder|engine|motor|charger|timeout|timer|pause|"
    r"video|process|font|type|text|print|heading|chip|dash|hurdles|sprint|relay|freestyle|lens|weight|pool|fuse|clip|delay|break|window|rule|limit|radius|wall|board|tank)s?\b",
    re.IGNORECASE,
)


def one_of_a_kind(match: re.Match[str]) -> bool:
    """Whether a measure tells the kind of a thing, so that its unit is singular: "a 60 W bulb", "12 oz. cans"."""
    if match.groupdict().get("unit") in ("yo", "y/o") and _ARTICLE.search(before(match)):
        return True
    following = re.sub(r"^\.(?=\s+[a-z])", "", after(match))
    if _ARTICLE.search(before(match)) and re.match(r"\s+[a-z]", following):
        return True
    return bool(_NOUN.match(following))


def _feet(match: re.Match[str]) -> Reading:
    feet, inches = int(match[1]), int(match[2])
    return f"{cardinal(feet)} foot {cardinal(inches)}" if inches < 12 else None


def _feet_and_inches(match: re.Match[str]) -> Reading:
    feet, inches = match["feet"], match["inches"]
    return [
        Part(match.start(), match.end("foot"), f"{number(feet)} {'foot' if feet == '1' else 'feet'}"),
        Part(match.start("inches"), match.end("inch"), f"{number(inches)} {'inch' if inches == '1' else 'inches'}"),
    ]


DIMENSION_RULES = [
    rule(
        "unit",
        rf"{START}{NUMBER}{_LENGTH}?(?:\s?[x\u00d7]\s?{NUMBER}{_LENGTH}?)+(?![\w])(?!\.\d)",
        _by,
        "x\u00d7",
    ),
    rule(
        "unit",
        rf"{START}\d+(?:\.\d+)?\s?{_TIME}\.?(?:(?:,?\s|,?\sand\s)?\d{{1,2}}(?:\.\d+)?\s?{_TIME}){{1,3}}(?!\w)(?:\.(?=\s[a-z]))?",
        _times,
        "dhm",
    ),
    rule("unit", r"(?<![\w.])([3-8])['\u2019](\d{1,2})(?![\w\"'\u2033\u201d\u2019])", _feet, "'\u2019"),
    rule("unit", r"(?<![\w.])(\d)['\u2032\u2019]\s?(\d{1,2})(?:[\"\u2033\u201d]|'')", _feet, "'\u2032\u2019"),
    rule(
        "unit",
        rf"{START}(?P<feet>\d+)\s?(?P<foot>ft\b\.?)\s?(?P<inches>\d{{1,2}})\s?(?P<inch>in\b(?:\.(?=\s[a-z]))?)",
        _feet_and_inches,
        "f",
    ),
    rule(
        "unit",
        rf"{START}(\d{{2,3}})(/)(\d{{2,3}})\s?(mmHg){END}",
        lambda m: [
            group(m, 1, number(m[1])),
            group(m, 2, "over"),
            group(m, 3, number(m[3])),
            group(m, 4, UNITS[m[4]][1]),
        ],
        "H",
    ),
    rule(
        "unit",
        rf"{START}(?P<low>{NUMBER})(?P<to>(?!))?(?P<high>(?!))?(?P<unit>[\"\u2033'\u2032])(?![\w\"'])",
        _mark_of_length,
        "\"\u2033'\u2032",
    ),
]
