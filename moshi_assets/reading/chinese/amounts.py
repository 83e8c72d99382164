"""Money, percent, degrees, units."""

from __future__ import annotations

import re

from ..rules import Part, Reading, group, rule
from .numbers import counted, number
from .patterns import DASH, DIGITS, END, ONE_OR_TWO, PLAIN_NUMBER, SIGNED, START, alternatives, amount
from .terms import CODES, CURRENCIES, UNITS

# Money, percent, degrees, units


def _money(match: re.Match[str]) -> Reading:
    unit, big = CURRENCIES[match["symbol"]], match["big"] or ""
    low = re.sub(r"\.00$", "", match["low"])
    sign = "负" if match["sign"] else ""
    parts = [Part(match.start(), match.end("low"), sign + counted(low))]
    if match["high"]:
        parts += [group(match, "to", "到"), Part(match.end("to"), match.end("high"), counted(match["high"]))]
    last = parts[-1]
    return [*parts[:-1], Part(last.start, match.end(), f"{last.spoken}{big}{unit}")]


def _percent(match: re.Match[str]) -> Reading:
    def of(text: str) -> str:
        size = text.lstrip("-\u2212")
        return f"{'' if size == text else '负'}百分之{'百' if size == '100' else number(size)}"

    if not match["high"]:
        return of(match["low"])
    return [
        Part(match.start(), match.start("to"), of(match["low"])),
        group(match, "to", "到"),
        Part(match.start("high"), match.end(), of(match["high"])),
    ]


def _degrees(match: re.Match[str]) -> Reading:
    scale = {"C": "摄氏度", "℃": "摄氏度", "F": "华氏度", "℉": "华氏度"}.get(match["unit"][-1], "度")
    parts = amount(match)
    if match["low"][0] in "-\u2212" and scale != "度":
        parts[0] = parts[0]._replace(spoken="零下" + number(match["low"][1:]))
    return [*parts, group(match, "unit", scale)]


AMOUNTS = [
    rule("number", rf"{START}(?P<low>{PLAIN_NUMBER})w(?![A-Za-z0-9])", lambda m: f"{number(m['low'])}万", "w"),
    rule(
        "unit",
        r"(?<=[\u4e00-\u9fff])/(?=(?:[小每]?[时時]|小时|小時|秒|分[钟鐘]|[天日月年人次斤升吨噸米件位份台台平周週晚夜]|[个個]|公[斤里]|千克))",
        lambda m: "每",
        "/",
    ),
    rule("sign", r"(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])", lambda m: "或", "/"),
    rule(
        "money",
        rf"(?<![A-Za-z0-9])(?P<sign>-)?(?P<symbol>{alternatives(CURRENCIES)})\s?(?P<low>{PLAIN_NUMBER})"
        rf"(?:(?P<to>\s?{DASH}\s?)(?:{alternatives(CURRENCIES)})?(?P<high>{PLAIN_NUMBER}))?(?P<big>[百千万亿萬億]+)?元?",
        _money,
        "".join(CURRENCIES),
    ),
    rule(
        "money",
        rf"{START}{ONE_OR_TWO}\s?(?P<unit>{alternatives(CODES)}){END}",
        lambda m: [*amount(m), group(m, "unit", CODES[m["unit"]])],
        "UREGJCH",
    ),
    rule(
        "percent",
        rf"{START}(?P<low>{SIGNED})%?(?:(?P<to>\s?{DASH}\s?)(?P<high>{PLAIN_NUMBER}))?\s?[%％]",
        _percent,
        "%％",
    ),
    rule("percent", rf"{START}(?P<low>{SIGNED})\s?‰", lambda m: f"千分之{number(m['low'])}", "‰"),
    rule("temperature", rf"{START}{ONE_OR_TWO}(?P<unit>\s?(?:°\s?[CF](?![A-Za-z])|°|℃|℉))", _degrees, "°℃℉"),
    rule(
        "unit",
        rf"{START}{ONE_OR_TWO}\s?(?P<unit>{alternatives(UNITS)})(?![A-Za-z0-9²³/])",
        lambda m: [*amount(m), group(m, "unit", UNITS[m["unit"]])],
        DIGITS,
    ),
]
