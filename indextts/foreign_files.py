"""Files that others made, read with limits: a checkpoint folder or a recipe may have been made to do harm.

A pipe without a writer would be waited for, a few lines of YAML can stand for a billion values, and a message that
shows such a value would never end. All of that is refused here, with the file's name and the remedy. Only PyYAML is
needed, so that every command can afford the import.
"""

from __future__ import annotations

import io
import json
import os
import re
import reprlib
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

MAX_SETTINGS_BYTES = 1 << 20
"""A settings file has a few KB."""
MAX_VALUES = 20_000
"""Values of a settings file, those of its aliases counted wherever they are used."""
MAX_DEPTH = 50
"""Values inside values."""
_MOST_SHOWN = 100
_MOST_DIGITS = 400
_NUMERIC = re.compile(r"[-+.:\w]*")
_YAML = "tag:yaml.org,2002:"
_TAGS = frozenset(
    f"{_YAML}{name}"
    for name in (
        "null",
        "bool",
        "int",
        "float",
        "str",
        "seq",
        "map",
        "binary",
        "timestamp",
        "set",
        "omap",
        "pairs",
        "merge",
    )
) | {None, "!"}
_KINDS: dict[Callable[[int], bool], str] = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


class ForeignFileError(ValueError):
    """A file that cannot be used as it is; the message names the file, what is wrong with it, and what to do."""


class MissingFileError(FileNotFoundError):
    """A file that is not there; the message names it."""


def kind_of(mode: int) -> str | None:
    """Kind of a file that is not a regular one, such as "a pipe", by its `st_mode`; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for is_kind, name in _KINDS.items() if is_kind(mode)), "no regular file")


def open_regular(path: str | Path, buffering: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Open a regular file for reading, without ever waiting for a writer.

    Raises:
        ForeignFileError: it is a pipe, device, socket or folder.
        OSError: it cannot be opened.
    """
    kind = kind_of(os.stat(path).st_mode)
    if kind is None:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        kind = kind_of(os.fstat(handle).st_mode)
        if kind is None:
            return io.BufferedReader(io.FileIO(handle, "rb"), buffering)
        os.close(handle)
    raise ForeignFileError(f"{path} is {kind}: give a regular file")


def require_regular(path: str | Path, what: str) -> Path:
    """The path of a regular file, which a library may then open by itself.

    Args:
        path: the file.
        what: its purpose, for messages: "voice prompt".

    Raises:
        MissingFileError: it is not there.
        ForeignFileError: it is something else than a file.
    """
    path = Path(path)
    try:
        kind = kind_of(os.stat(path).st_mode)
    except (OSError, ValueError):  # a name with a null byte, say
        kind = "missing"
    if kind == "missing":
        raise MissingFileError(f"{what} not found: {path}")
    if kind is not None:
        raise ForeignFileError(f"{what} {path} is {kind}: give a regular file")
    return path


def read_limited(path: str | Path, most: int = MAX_SETTINGS_BYTES) -> str:
    """The text of a small UTF-8 file; raises as `open_regular`.

    Raises:
        ForeignFileError: it has more than `most` bytes, or is not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ForeignFileError(f"{path} has more than {most:,} bytes: this is no settings file, check its name")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForeignFileError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, but a key given twice is an error: PyYAML would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        given: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in given:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{shown(key.value)} is given twice", key.start_mark
                )
            if name is not None:
                given.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path, max_values: int = MAX_VALUES) -> Any:
    """Plain values (mappings, lists, texts, numbers, dates) of a YAML file.

    Raises:
        ForeignFileError: it is no YAML, is nested too deeply, has more than `max_values` values (those of aliases
            counted wherever they are used), or a tag that asks for an object.
        OSError: it cannot be read.
    """
    text = read_limited(path)
    try:
        _check_events(yaml.parse(text, Loader=_Loader), path, max_values)
        return yaml.load(text, Loader=_Loader)  # a safe loader, which makes no objects
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        told = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise ForeignFileError(f"{path} is not valid YAML{where}: {shorten(str(told))}; correct it") from error
    except (ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, ForeignFileError):
            raise
        raise ForeignFileError(
            f"{path} holds a number or date that cannot be read: {shorten(str(error))}; correct it"
        ) from error


def read_json(path: str | Path) -> Any:
    """The content of a small JSON file; raises as `read_yaml`."""
    text = read_limited(path)
    try:
        return parse_json(text)
    except ValueError as error:
        raise ForeignFileError(f"{path} is not valid JSON: {shorten(str(error))}; get the file again") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or has thousands of levels or digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def shown(value: Any) -> str:
    """A value for a message: the beginning of its text, however large, deep or odd it is."""
    try:
        return shorten(_short.repr(value))
    except Exception:  # an integer of more digits than Python writes, or somebody else's __repr__
        return f"a value of type {type(value).__name__}"


def shorten(text: str, most: int = _MOST_SHOWN) -> str:
    """The first `most` characters of a text, on one line."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[:most]} ..."


_short = reprlib.Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = _short.maxlong = _MOST_SHOWN


def _is_number(event: yaml.ScalarEvent) -> bool:
    """Whether a long text could be read as a number: YAML has numbers to the base 60, which may take very long."""
    if event.tag in (f"{_YAML}int", f"{_YAML}float"):
        return True
    return bool(event.implicit[0] and event.value[0] in "-+.0123456789" and _NUMERIC.fullmatch(event.value))


def _check_events(events: Iterable[yaml.Event], path: str | Path, max_values: int) -> None:
    """Refuse a document whose values are too many, too deep or objects, before any of them is made."""
    sizes: dict[str, tuple[int, int]] = {}  # anchor -> values, and levels below it, all aliases written out
    open_nodes: list[tuple[str | None, int, int]] = []
    values = height = 0
    for event in events:
        line = f"line {event.start_mark.line + 1}" if event.start_mark else "somewhere"
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ForeignFileError(
                    f"{path}, {line}: the value {shown(event.anchor)} holds itself or does not exist; correct it"
                )
            more, levels = sizes[event.anchor]
            values, height = values + more, max(height, len(open_nodes) + levels)
        elif isinstance(event, yaml.NodeEvent):
            tag = getattr(event, "tag", None)
            if tag not in _TAGS:
                raise ForeignFileError(
                    f"{path}, {line}: the tag {shown(tag)} asks for an object, which is refused; write plain values"
                )
            if isinstance(event, yaml.ScalarEvent) and len(event.value) > _MOST_DIGITS and _is_number(event):
                raise ForeignFileError(f"{path}, {line}: a number of {len(event.value):,} characters; correct it")
            values += 1
            height = max(height, len(open_nodes) + 1)
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, values - 1, height))
                height = len(open_nodes)
            elif event.anchor:
                sizes[event.anchor] = (1, 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before, outer = open_nodes.pop()
            if anchor:
                sizes[anchor] = (values - before, height - len(open_nodes))
            height = max(height, outer)
        if height > MAX_DEPTH:
            raise ForeignFileError(
                f"{path}, {line}: values are nested more than {MAX_DEPTH} deep; this is no settings file"
            )
        if values > max_values:
            raise ForeignFileError(
                f"{path}, {line}: more than {max_values:,} values, those of aliases included; write it shorter"
            )
