"""English: signs between words, Greek letters."""

from __future__ import annotations

import re

from ..rules import Part, Reading, after, before, group, rule
from .patterns import alternatives
from .terms import RATES

SLASHES = re.compile(r"(?<=[A-Za-z])/(?=[A-Za-z])")
_EITHER = frozenset(["him/her", "his/her", "he/she", "she/he", "his/hers", "her/his", "yes/no", "true/false", "on/off"])


def _slash(match: re.Match[str]) -> Reading:
    pair = match.group().lower()
    if pair == "and/or":
        joint = "or"
        return [group(match, 1, "and"), Part(match.end(1), match.end(), joint)]
    between = "or" if pair in _EITHER else ""
    return [Part(match.end(1), match.start(2), between)]


_DOUBLE_SIGNS = {
    "!=": "is not",
    "==": "equals",
    "<=": "is at most",
    ">=": "is at least",
    "<-": "from",
}
_GREEK = {
    "\u03b1": "alpha",
    "\u03b2": "beta",
    "\u03b3": "gamma",
    "\u03b4": "delta",
    "\u03b5": "epsilon",
    "\u03b6": "zeta",
    "\u03b7": "eta",
    "\u03b8": "theta",
    "\u03b9": "iota",
    "\u03ba": "kappa",
    "\u03bb": "lambda",
    "\u03bc": "mu",
    "\u03bd": "nu",
    "\u03be": "xi",
    "\u03bf": "omicron",
    "\u03c0": "pi",
    "\u03c1": "rho",
    "\u03c3": "sigma",
    "\u03c4": "tau",
    "\u03c5": "upsilon",
    "\u03c6": "phi",
    "\u03c7": "chi",
    "\u03c8": "psi",
    "\u03c9": "omega",
    "\u0393": "gamma",
    "\u0394": "delta",
    "\u0398": "theta",
    "\u039b": "lambda",
    "\u03a0": "pi",
    "\u03a3": "sigma",
    "\u03a6": "phi",
    "\u03a8": "psi",
    "\u03a9": "omega",
}
"""Letters of formulas."""
_SIGNS = {
    "\u221e": "infinity",
    "&": "and",
    "+": "plus",
    "=": "equals",
    "<": "is less than",
    ">": "is greater than",
    "\u2264": "is at most",
    "\u2265": "is at least",
    "\u2260": "is not",
    "\u2248": "is about",
    "\u00d7": "times",
    "\u00f7": "divided by",
    "\u00b1": "plus or minus",
    "%": "percent",
    "\u2192": "to",
    "@": "at",
    "\u00a9": "copyright",
    "\u00b0": "degrees",
}

_GRADED = re.compile(
    r"\b(?:an?|of|got|gets?|grades?:?|solid|straight|with|to|from|or|and|is|was|marks?|scored?)"
    r"\s+(?:[A-F][-+\u2212]?,? )?$",
    re.IGNORECASE,
)
_BLOOD = re.compile(r"\b(?:blood|donors?|transfusion|rh)\b", re.IGNORECASE)


def _grade(match: re.Match[str]) -> Reading:
    """A grade of A-, blood of type O-."""
    if _BLOOD.search(before(match) + after(match)):
        words = "positive" if match["sign"] == "+" else "negative"
    elif match["sign"] == "+" or not _GRADED.search(before(match)) or match["letter"] not in "ABCDF":
        return None
    else:
        words = "minus"
    return f"{' '.join(match['letter'])} {words}"


_NUMBERED = re.compile(
    r"\b(?:an?|the|my|your|his|her|its|our|their|this|that|what|which|phone|cell|order|room|account|card|tracking|id)\s+$",
    re.IGNORECASE,
)


def _number_sign(match: re.Match[str]) -> Reading:
    """The # of people, my phone #, press #: the word, not the sign."""
    if re.search(r"\b(?:press|hit|dial|enter|push)\s+$", before(match), re.IGNORECASE):
        return "pound"
    return f"number{match[1]}" if _NUMBERED.search(before(match)) else None


SIGN_RULES = [
    rule("sign", r"(?<![\w-])(?P<letter>[ABCDFO]|AB)(?P<sign>[-\u2212+])(?=[\s.,;:!?)\"']|$)", _grade, "-\u2212+"),
    rule("sign", r"(?:\u2116|\bN[\u00ba\u00b0])\s?(?=\d)|\u2116", lambda m: "number", "\u2116\u00ba\u00b0"),
    rule("sign", r"(?<![\w#&])#(s?)(?=\s[a-z]|[?.,!:]?(?:\s|$))", _number_sign, "#"),
    rule("sign", r"(?<=[\w)])\^(?=[\w(])", lambda m: "to the power of", "^"),
    rule("sign", r"\u221a\s?(?=[\w(])", lambda m: "the square root of", "\u221a"),
    rule("sign", r"\b([A-G])#", lambda m: f"{m[1]} sharp", "#"),
    rule("sign", r"<[-=]+>|\u2194|<-{2,}", lambda m: "from" if m.group()[-1] == "-" else "and", "<\u2194"),
    rule("sign", r"(?<![-=])[-=]++>|\u21d2", lambda m: "to", "->=\u21d2"),
    rule("sign", r"[!<>=]=|<-", lambda m: _DOUBLE_SIGNS[m.group()], "=<"),
    rule("sign", r"_+", lambda m: [Part(*m.span(), "")], "_"),
    rule("sign", rf"(?:[{''.join(_GREEK)}\u00b5])", lambda m: _GREEK.get(m.group(), "mu"), "".join(_GREEK) + "\u00b5"),
    rule("sign", r"(?<!\w)\.(?=NET\b)", lambda m: "dot", "."),
    rule("sign", r"\u00a7\s?(?=\d)", lambda m: "section", "\u00a7"),
    rule("sign", r"[\u2122\u00ae]", lambda m: [Part(*m.span(), "")], "\u2122\u00ae"),
    rule("sign", r"\b(C|c)\+\+", lambda m: f"{m[1]} plus plus", "+"),
    rule("sign", rf"(?<=\w)/({alternatives(RATES)})\b", lambda m: f"per {RATES[m[1]]}", "/"),
    rule("sign", r"(?<![\w/])([A-Za-z]+)/([A-Za-z]+)(?![\w/])", _slash, "/"),
    rule("sign", r"(?<=\S)\s+/(?=\s)", lambda m: [Part(*m.span(), "")], "/"),
    rule("sign", rf"[{re.escape(''.join(_SIGNS))}]", lambda m: _SIGNS[m.group()]),
]
