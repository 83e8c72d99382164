"""Safe Markdown from input text: it cannot break a table, open a tag or hide a character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST = 200
"""Most characters of a foreign text that are shown."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:=+@,%() -]+")
_MARKUP = re.compile(r"[\\`*\[\]<>&|~$^:@#!{}]|\.(?=\S)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters with a meaning in the middle of a line in CommonMark, on GitHub or on the Hub, links included."""


def visible(text: str, longest: int = LONGEST) -> str:
    """Put text on one line: control, format and unassigned characters become U+FFFD, white space one space; cut to
    size.
    """
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text[: longest * 2]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def prose(text: str) -> str:
    """Escape foreign text in the middle of a line: markup becomes character references."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", visible(text))


def code(text: str) -> str:
    """A foreign name in code style."""
    line = visible(text)
    return f"`{line}`" if _PLAIN.fullmatch(line) else f"<code>{prose(line)}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], figures: int = 0) -> str:
    """A table; the last `figures` columns are aligned to the right. Cells are Markdown already."""
    rule = ["---"] * (len(head) - figures) + ["---:"] * figures
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, rule, *rows)) + "\n"


def fenced(text: str, language: str) -> str:
    """A code block that its own content cannot end."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
