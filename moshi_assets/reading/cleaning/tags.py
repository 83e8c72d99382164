"""What is a tag: an element of HTML or SSML with attributes, or any name that is closed again. The rest are words."""

from __future__ import annotations

import re

_HTML_NAMES = (
    "a abbr address area article aside audio b base bdi bdo big blockquote body br button canvas caption "
    "center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset "
    "figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img "
    "input ins kbd label legend li link main map mark menu meta meter nav noscript object ol optgroup option "
    "output p param picture pre progress q rp rt ruby s samp script section select small source span strike "
    "strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u "
    "ul var video wbr"
)
_SSML_NAMES = "speak voice prosody emphasis break say-as phoneme sub lang lexicon audio mark desc p s w token"
_ELEMENTS = frozenset(f"{_HTML_NAMES} {_SSML_NAMES}".split())
_NO_PLACEHOLDER = re.compile(
    r"a|b|big|br|center|del|div|em|font|h[1-6r]|html|i|img|ins|li|ol|p|pre|q|s|small|span|strike|strong|sub|sup|table|"
    r"tbody|td|th|thead|tr|tt|u|ul|wbr"
)
"""Names that nobody gives to a gap in a text: `<BR>` is a tag, `<TIME>` hardly."""
_GLUED = frozenset("abiqsu")
_WITHOUT_VALUE = re.compile(
    r"allowfullscreen|async|auto(?:focus|play)|checked|controls|default|defer|disabled|hidden|loop|multiple|muted|"
    r"nowrap|open|readonly|required|reversed|selected",
    re.IGNORECASE,
)
_ATTRIBUTE = r"\s+([A-Za-z_:@][\w:.-]*)(\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?"
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TAG = re.compile(rf"<(/?)([A-Za-z][\w:.-]*)((?:{_ATTRIBUTE})*)\s*(/?)>")
_COMMENT = re.compile(
    r"<!--.*?(?:-->|$)|<!DOCTYPE[^<>]*>|<\?[^<>]*\?>|<!\[CDATA\[(?:(?!<!\[).)*?\]\]>", re.DOTALL | re.IGNORECASE
)
_OPENING = re.compile(r"<")
BRACKETED = re.compile(r"<[A-Za-z]\w*>")
"""What looks like a tag and is none: "List<String>"."""
_NAMED = (
    "name|first_?name|last_?name|full_?name|user_?name|person|patient|doctor|phone|phone_?number|telephone|e-?mail|"
    "address|street|city|state|country|zip|date|time|age|location|place|organi[sz]ation|org|company|url|link|number|id|"
    "account|password|ssn|card|price|product|order|redacted|removed|masked|pii|deidentified"
)
_PLACEHOLDER = re.compile(
    r"(?<![\w>)\]])<[A-Za-z][A-Za-z0-9]+(?:[_\s-][A-Za-z0-9]+){0,4}>"
    rf"|\[(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:{_NAMED.upper()})(?:[ _-]?\d{{1,3}})?)\](?![(\[:])"
    rf"|\{{\{{\s*[A-Za-z_][\w. -]{{0,40}}\}}\}}|(?<!\{{)\{{(?:{_NAMED})\}}(?!\}})"
)


def tag_places(text: str) -> set[int]:
    """Where the tags and comments of a text begin; every other "<" is a sign."""
    closed = {match[2].lower() for match in _TAG.finditer(text) if match[1]} if "</" in text else set()
    places = {match.start() for match in _COMMENT.finditer(text)}
    return places | {match.start() for match in _TAG.finditer(text) if _is_tag(match, closed)}


def _is_tag(match: re.Match[str], closed: set[str]) -> bool:
    written, name = match[2], match[2].lower()
    for attribute, value in _ATTRIBUTES.findall(match[3]):
        if not value and not _WITHOUT_VALUE.fullmatch(attribute):
            return False  # "a <b and c> d"
    if match[1] or name in closed or ":" in name:
        return True
    if name not in _ELEMENTS:
        return bool(match[6])
    if name in _GLUED:  # "a<b>c"
        return not (match.string[: match.start()][-1:].isalnum() and match.string[match.end() :][:1].isalnum())
    return written != written.upper() or bool(match[6] or _NO_PLACEHOLDER.fullmatch(name))


def only_tags(text: str) -> str:
    """The text with every "<" that begins no tag as an entity."""
    places = tag_places(text)
    return _OPENING.sub(lambda match: "<" if match.start() in places else "&lt;", text)


def without_placeholders(text: str) -> tuple[str, str]:
    """Without the gaps of anonymised texts and templates (`<NAME>`, `[PHONE_NUMBER]`, `{{city}}`), and the first of
    them, else "".
    """
    found = ""

    def gap(match: re.Match[str]) -> str:
        nonlocal found
        if match.start() in places:
            return match.group()
        found = found or match.group()
        return " "

    places = tag_places(text) if "<" in text else set[int]()
    return _PLACEHOLDER.sub(gap, text), found
