"""HTML and Markdown become the words that they enclose; blocks that nobody can say are named."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from .directions import Silence, pause_seconds

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_BREAKING = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_UNSAID = frozenset({"script", "style", "template", "noscript", "head", "title", "svg"})
_HTML = re.compile(
    r"</?[a-zA-Z][^<>]*>|<!--|<!DOCTYPE|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});", re.IGNORECASE
)
MARKDOWN = re.compile(r"[*_`~\[\]\\|]|^\s{0,3}(?:#{1,6}\s|>\s?|[-+]\s|\d+[.)]\s|-{3,}|={3,})|\n", re.MULTILINE)
_FORMULA = re.compile(
    r"\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)|\\begin\{(\w+\*?)\}.*?\\end\{\1\}|(?<![\w$\\])\$(?=[^\s$])[^$\n]*?(?:[\\^_{}=])[^$\n]*?\$(?![\d$])",
    re.DOTALL,
)
_BB_CODE = re.compile(
    r"\[/?(?:b|i|u|s|url|img|quote|size|color|center|spoiler|list|sup|sub)(?:=[^\[\]\n]{0,200})?\](?!\()", re.IGNORECASE
)
_TASK = re.compile(r"^(\s*[-*+]\s+)\[[ xX]\]\s+", re.MULTILINE)
_BULLET = re.compile("^\\s*[\u2022\u2023\u25e6\u25aa\u00b7]\\s+", re.MULTILINE)
_DEFINITION = re.compile(r"^\s*\[\^?[^\[\]\n]{1,40}\]:\s*\S+[^\n]*$", re.MULTILINE)
_REFERENCE = re.compile(r"\[([^\[\]\n]+)\]\[[^\[\]\n]{0,40}\]")
_CITATION = re.compile(r"\[\^[\w-]{1,20}\]|(?<=[\w.,;)\"]) ?\[\d{1,3}(?:(?:, ?|[-\u2013])\d{1,3})*\](?![\w(])")
_MARKED = re.compile(r"==(?=\S)([^=\n]+)(?<=\S)==(?!=)|\|\|(?=\S)([^|\n]+)(?<=\S)\|\|(?!\|)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
_LONE_STAR = re.compile(r"(?<=[\w)])\*(?=[\d(])|(?<=\d)\*(?=\w)")
_NO_QUOTE = re.compile(r"^>(?=[\d$\u00a3\u20ac.~-])", re.MULTILINE)
"""">90%" is more than that; a quotation has a space there."""
_ENDS_SENTENCE = re.compile(r"[.!?\u2026:;,\u3002\uff01\uff1f\uff1a\uff1b\uff0c][\"'\u201d\u2019)\]]*$")


class _Words(HTMLParser):
    """The text of an HTML fragment; tags that break lines become line breaks."""

    def __init__(self, silence: Silence) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silence = silence
        self._unsaid = 0
        self.code = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSAID:
            self._unsaid += 1
        elif tag == "break":
            seconds = pause_seconds(dict(attrs).get("time") or "")
            self.words.append(" " if seconds is None else self._silence(seconds))
        elif tag == "img":
            self.words.append(dict(attrs).get("alt") or "")
        elif tag in ("pre", "table"):
            self.code = "code" if tag == "pre" else "table"
        self._space(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSAID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSAID:
            self._unsaid = max(0, self._unsaid - 1)
        self._space(tag)

    def _space(self, tag: str) -> None:
        if tag in _BREAKING:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self.words.append(data)


def has_html(text: str) -> bool:
    """Whether a text holds tags or entities."""
    return ("<" in text or "&" in text) and bool(_HTML.search(text))


def without_html(text: str, silence: Silence) -> tuple[str, str]:
    """The words of a text with tags and entities, and the kind of block that it holds (`code`, `table`), else ""."""
    if not re.search(r"</?[a-zA-Z][^<>]*>|<!", text):
        return unescape(text), ""
    # What only looks like the start of a tag ("a < b", "<3") is no tag for the parser either; a "<" that is never
    # closed is not.
    text = re.sub(r"<(?![/!]?[a-zA-Z][^<>]*>|!--)", "&lt;", text)
    parser = _Words(silence)
    parser.feed(text)
    parser.close()
    return "".join(parser.words), parser.code


def without_formulas(text: str) -> tuple[str, str]:
    """Without LaTeX formulas, and the first of them, else ""."""
    if "$" not in text and "\\" not in text:
        return text, ""
    first = _FORMULA.search(text)
    return (_FORMULA.sub(" ", text), first.group()) if first else (text, "")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Indented text is no code in a chat; tags were taken off before.
    return (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .disable(["code", "html_block", "html_inline", "reference", "entity"])
    )


def has_dialect(text: str) -> bool:
    """Whether a text may hold what CommonMark does not know: see `without_dialect`."""
    return any(
        mark in text
        for mark in ("[", "==", "||", "<http", "<mailto", "\u2022", "\u2023", "\u25e6", "\u25aa", "\u00b7 ")
    )


def without_dialect(text: str) -> str:
    """Without tags of forums, boxes of tasks, bullets, footnotes, citations, marks of highlights and spoilers, and the
    brackets of addresses and of references, of which CommonMark knows nothing or too little.
    """
    text = _AUTOLINK.sub(lambda match: match[1].removeprefix("mailto:"), text)
    text = _BULLET.sub("- ", _TASK.sub(r"\1", _BB_CODE.sub("", text)))
    text = _CITATION.sub("", _REFERENCE.sub(r"\1", _DEFINITION.sub("", text)))
    return _MARKED.sub(lambda match: match[1] or match[2], text)


def without_markdown(text: str) -> tuple[str, list[str]]:
    """The words of a Markdown text, and the blocks in it that cannot be said, each `code` or `table`.

    Emphasis, headings, quotes and lists leave their words, links their label, pictures their description, code in a
    line its content. A list of one numbered item is none: "1999. It was hot." keeps its number.
    """
    tokens = _parser().parse(_NO_QUOTE.sub(r"\\>", _LONE_STAR.sub(r"\\*", text)))
    pieces: list[tuple[str, bool]] = []
    blocks: list[str] = []
    table = 0
    numbers = _lone_numbers(tokens)
    ended = False
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            table += 1
            blocks.append("table")
        elif token.type == "table_close":
            table -= 1
        elif token.type == "fence":
            blocks.append("code")
        elif token.type in ("heading_open", "list_item_open"):
            if number in numbers:
                pieces.append((numbers[number], False))
            ended = number not in numbers
        elif token.type == "inline" and not table:
            words = _inline(token.children or [])
            if words:
                pieces.append((words, ended))
            ended = False
    return _joined(pieces), blocks


def _lone_numbers(tokens: list[Token]) -> dict[int, str]:
    """The numbers of lists that are none, by the place of the token of their item."""
    lone: dict[int, str] = {}
    for number, token in enumerate(tokens):
        if token.type != "ordered_list_open":
            continue
        items = []
        for place in range(number + 1, len(tokens)):
            if tokens[place].type == "ordered_list_close" and tokens[place].level == token.level:
                break
            if tokens[place].type == "list_item_open" and tokens[place].level == token.level + 1:
                items.append(place)
        if len(items) == 1:
            lone[items[0]] = f"{tokens[items[0]].info}{tokens[items[0]].markup}"
    return lone


def _inline(tokens: list[Token]) -> str:
    words = []
    for token in tokens:
        if token.type in ("text", "code_inline", "text_special"):
            words.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            words.append(" ")
        elif token.type == "image":
            words.append(token.content)
    return "".join(words).strip()


def _joined(pieces: list[tuple[str, bool]]) -> str:
    """Blocks one after another; a heading or an item without an end is given a full stop where something follows."""
    text = ""
    for number, (words, ends) in enumerate(pieces):
        text += words
        if number + 1 < len(pieces):
            text += " " if not ends or _ENDS_SENTENCE.search(words) else ". "
    return text
