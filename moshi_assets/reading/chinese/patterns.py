"""What numbers look like in a Chinese text, alone and as a range."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..rules import Part, group
from .numbers import counted, number

DIGITS = "0123456789"
DASH = "[-\u2010-\u2015\u2212~\uff5e\u301c]+"
START = r"(?<![A-Za-z0-9_.])"
END = r"(?![0-9A-Za-z])(?![.,]\d)"
PLAIN_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
SIGNED = rf"(?:(?<![A-Za-z0-9)])[-\u2212])?{PLAIN_NUMBER}"
ONE_OR_TWO = rf"(?P<low>{SIGNED})(?:(?P<to>\s?{DASH}\s?)(?P<high>{PLAIN_NUMBER}))?"

MEASURES = (
    "个只张本条件位名次天年月小时分钟秒周星期米公里千克公斤斤克升吨元块杯瓶碗岁人种家台辆间座棵朵双对套部篇首句字门把架支枝根片顿遍场倍口头匹群"
    "层份封幅颗粒盒包袋箱桌批组队代点盘盆勺匙盏栋排串节课趟下声步男女百千万亿厘毫平立英美欧"
    "個隻張條時鐘裡裏塊歲種臺輛間雙對門遍場層顆盤盞棟節課聲萬億釐歐"
)
_ORDER_AFTER = re.compile("月|年[级級]|[楼樓]|[号號]|日|班|路|[维維]|进制|分之|[^\u4e00-\u9fff]|$")
"""After these, and at the end, a 2 is 二."""


def alternatives(words: Iterable[str]) -> str:
    """A pattern that matches any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def value(match: re.Match[str], name: str | int = 0) -> str:
    """A number with 两 where something is counted."""
    text, end = match[name], match.end(name)
    following = match.string[end : end + 2]
    return (
        counted(text) if following[:1] in MEASURES and following and not _ORDER_AFTER.match(following) else number(text)
    )


def amount(match: re.Match[str]) -> list[Part]:
    """The reading of a number, or of a range from `low` to `high`."""
    if not match["high"]:
        return [group(match, "low", counted(match["low"]))]
    return [
        group(match, "low", counted(match["low"])),
        group(match, "to", "到"),
        group(match, "high", counted(match["high"])),
    ]
