"""Markdown becomes the words that it encloses; blocks that nobody can say are named."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from .stars import literal_stars

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

MARKDOWN = re.compile(r"[*_`~\[\]\\|]|^\s{0,3}(?:#{1,6}\s|>\s?|[-+]\s|\d+[.)]\s|-{3,}|={3,})|\n", re.MULTILINE)
_NO_QUOTE = re.compile(r"^>(?=[=\d$\u00a3\u20ac.~-])", re.MULTILINE)
"""">90%" is more than that; a quotation has a space there."""
_MORE_THAN = re.compile(r"^>(?= ?[$\u00a3\u20ac~]?\d)(?! ?\d{1,3}[.)](?:\s|$))", re.MULTILINE)
_QUOTED = re.compile(r"^\s{0,3}>", re.MULTILINE)
_MINUS = re.compile(r"-\s(?=\d[\d.,]*(?:\s?(?:\u00b0\s?[CF]?|degrees?\b[ \w]*|percent|%))?[.!?]?$)")
_ITEM = re.compile(r"^\s{0,3}[-+]\s[^\n]*", re.MULTILINE)
_ENDS_SENTENCE = re.compile(r"[.!?\u2026:;,\u3002\uff01\uff1f\uff1a\uff1b\uff0c][\"'\u201d\u2019)\]]*$")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Indented text is no code in a chat; tags were taken off before.
    parser = (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .disable(["code", "html_block", "html_inline", "reference", "entity"])
    )
    parser.inline.ruler.before("emphasis", "literal_stars", _literal_stars)
    return parser


def _literal_stars(state: StateInline, silent: bool) -> bool:
    """The rule of the parser for stars that are no emphasis: they are text."""
    if state.src[state.pos] != "*":
        return False
    known = state.env.setdefault("literal stars", {})
    if state.src not in known:
        known[state.src] = literal_stars(state.src)
    if state.pos not in known[state.src]:
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == "*":
        end += 1
    if not silent:
        state.pending += state.src[state.pos : end]
    state.pos = end
    return True


def lone_dash(text: str) -> str:
    """The only item of a list, where it begins with a number: "- 5" may be a minus. Else ""."""
    items = _ITEM.findall(text)
    return items[0].strip() if len(items) == 1 and items[0].strip()[2:3].isdigit() else ""


def without_markdown(text: str) -> tuple[str, list[str]]:
    """The words of a Markdown text, and the blocks in it that cannot be said, each `code` or `table`.

    Emphasis, headings, quotes and lists leave their words, links their label, pictures their description, code in a
    line its content. A list of one numbered item is none: "1999. It was hot." keeps its number.
    """
    text = _NO_QUOTE.sub(r"\\>", _MINUS.sub("-", text) if text.startswith("- ") else text)
    if len(_QUOTED.findall(text)) == 1:
        text = _MORE_THAN.sub(r"\\>", text)
    tokens = _parser().parse(text)
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
