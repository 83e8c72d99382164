"""English: stars within words. Letters that are kept back ("f***ing") are read as "bleep"; "a*b" is a product."""

from __future__ import annotations

import re

from ..rules import rule

_STARS = (
    r"(?<![\w*@#])(?![A-Za-z](?:\*[A-Za-z])+(?![\w*]))[A-Za-z]+"
    r"(?:\*+[A-Za-z]+(?:\*+[A-Za-z]+)*\**|\*{2,})(?![\w*])"
)
_DASHES = r"(?<![\w@#-])(?![aAiI]-)(?P<first>[A-Za-z])-{2,}(?:(?!(?P=first))[a-z]{1,2}\b|(?![\w-]))"
_DIFFERENT = r"(?=(?P<{0}>[#@$%&!*])(?P={0})*(?!(?P={0}))[#@$%&*])"
_GRAWLIX = (
    rf"(?<![\w.@#$])(?:[A-Za-z]{{1,4}}{_DIFFERENT.format('sign')}[#@$%&!*]{{2,}}[A-Za-z]{{0,4}}"
    rf"|(?<![%&!*]){_DIFFERENT.format('other')}[#@$%&!*]{{3,}})(?![\w#@$%&*])"
)
"""Two different signs at least: "$#@!", "sh#@t"."""
CENSORED = re.compile(f"{_STARS}|{_DASHES}|{_GRAWLIX}")
"""Words of which the writer shows some letters only."""
_ENDINGS = re.compile(r"(?:ing|in'?|ed|er|ers|e?s|y)$")


def _bleep(match: re.Match[str]) -> str:
    last = re.split(r"[^A-Za-z']+", match.group())[-1]
    ending = _ENDINGS.search(last) if len(last) > 1 or last == "s" else None
    return "bleep" + ({"es": "s", "in": "ing"}.get(ending.group(), ending.group()) if ending else "")


CENSORED_RULES = [
    rule("censored word", _STARS, _bleep, "*"),
    rule("censored word", _DASHES, _bleep, "-"),
    rule("censored word", _GRAWLIX, _bleep, "#@$%&*"),
]
PRODUCT_RULES = [rule("sign", r"(?<=[A-Za-z0-9)])\*(?=[A-Za-z0-9(])", lambda m: "times", "*")]
