"""HTML and SSML become the words that they enclose."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from .directions import Silence, pause_seconds
from .tags import only_tags, tag_places

_WITHIN_A_LINE = re.compile(
    r"a|abbr|acronym|b|bd[io]|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|ruby|s|samp|small|span|strike|"
    r"strong|su[bp]|time|tt|u|var|wbr|break|emphasis|lang|phoneme|prosody|say-as|speak|token|voice|w|.*:.*"
)
"""Every other tag parts what stands before it from what follows."""
_PARAGRAPH = re.compile(r"p|blockquote|h[1-6r]|li|d[dt]|summary|article|section")
_UNSAID = frozenset({"script", "style", "template", "noscript", "head", "title", "svg"})
_HTML = re.compile(r"<[/!?]?[a-zA-Z\[-]|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


class _Words(HTMLParser):
    """The text of an HTML fragment; tags that break lines become line breaks."""

    def __init__(self, silence: Silence) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silence = silence
        self._unsaid = 0
        self._raised = False
        self.code = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSAID:
            self._unsaid += 1
        elif tag == "break":
            seconds = pause_seconds(dict(attrs).get("time") or "")
            self.words.append(" " if seconds is None else self._silence(seconds))
        elif tag == "img":
            self.words.append(dict(attrs).get("alt") or "")
        elif tag in ("pre", "table", "td", "tr", "th"):
            self.code = "code" if tag == "pre" else "table"
        self._raised = tag == "sup"
        self._space(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSAID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSAID:
            self._unsaid = max(0, self._unsaid - 1)
        self._raised = False
        self._space(tag)

    def _space(self, tag: str) -> None:
        if not _WITHIN_A_LINE.fullmatch(tag):
            self.words.append("\n\n" if _PARAGRAPH.fullmatch(tag) else "\n")

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            power = self._raised and data.isdecimal() and self.words and self.words[-1][-1:].isalnum()
            self.words.append(f"^{data}" if power else data)


def has_html(text: str) -> bool:
    """Whether a text may hold tags or entities."""
    return ("<" in text or "&" in text) and bool(_HTML.search(text))


def without_html(text: str, silence: Silence) -> tuple[str, str]:
    """The words of a text with tags and entities, and the kind of block that it holds (`code`, `table`), else ""."""
    if not tag_places(text):
        return unescape(text), ""
    parser = _Words(silence)
    parser.feed(only_tags(text))
    parser.close()
    return "".join(parser.words), parser.code
