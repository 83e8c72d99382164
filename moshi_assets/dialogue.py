"""Dialogue files: the record schema and the streaming reader.

One JSON object a line. A bad line becomes a `Reject`, never an exception: it stops nothing and is not lost.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, NotRequired

from pydantic import ConfigDict, StrictInt, StrictStr, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from .engines.base import EmotionSettings, Role

MAX_LINE_BYTES = 4 * 2**20
"""A longer line is rejected without being held in memory."""
REJECT_EXCERPT = 500
"""Characters of a rejected line that are kept."""
MAX_ID_CHARS = 1000
MAX_VOICE_CHARS = 1000
_EXCERPT_BYTES = 4 * REJECT_EXCERPT
_BOM = b"\xef\xbb\xbf"


class DialogueFileError(ValueError):
    """The dialogue file as a whole cannot be used."""


class DialogueRecord(TypedDict):
    """One line of a dialogue file, the two-turn form. Unknown fields are kept aside and counted by the planner."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: NotRequired[StrictStr | StrictInt | None]
    user_text: StrictStr
    assistant_text: StrictStr
    user_voice: NotRequired[StrictStr | None]
    assistant_voice: NotRequired[StrictStr | None]
    user_emotion: NotRequired[EmotionSettings | None]
    assistant_emotion: NotRequired[EmotionSettings | None]


_KNOWN_FIELDS = frozenset(DialogueRecord.__annotations__)
# A dict instead of a model instance: three times cheaper to make, and the planner reads a million of them.
_validate_json = TypeAdapter(DialogueRecord).validator.validate_json


class Turn(NamedTuple):
    """One turn of a dialogue."""

    role: Role
    text: str
    voice: str | None
    emotion: EmotionSettings | None = None
    gap: float | None = None
    """Seconds between the end of the turn before and this one's start, negative for an overlap; None: the timing
    model's choice."""
    backchannel: bool = False
    """A short listener's sound, laid over the other's turn."""


class Dialogue(NamedTuple):
    """One good record: its id and its turns in speaking order."""

    line: int
    """Line number in the file, from 1."""
    id: str
    turns: tuple[Turn, ...]
    raw: bytes = b""
    """The line as it was read, or as much of its beginning as a reject may need."""
    unknown_fields: tuple[str, ...] = ()

    def reject(self, reason: str) -> Reject:
        """This record as a reject of the parse stage."""
        return Reject(self.line, reason, _excerpt(self.raw), self.id)


class Reject(NamedTuple):
    """One record that is not in the dataset, and why."""

    line: int
    reason: str
    excerpt: str
    id: str | None = None
    stage: str = "parse"


def read_dialogues(path: Path, max_text_chars: int = 2000) -> Iterator[Dialogue | Reject]:
    """Stream a dialogue file (UTF-8 with or without BOM, LF or CRLF, gzip by content).

    Blank lines are skipped. Duplicate ids are not looked for here.

    Args:
        path: the file.
        max_text_chars: longest text of a turn, characters.

    Raises:
        DialogueFileError: missing, unreadable, or a damaged gzip stream (the message says after which line).
    """
    number = 0
    try:
        with _open(path) as stream:
            for number, (line, complete) in enumerate(_lines(stream), 1):
                if not complete:
                    yield Reject(number, f"line is longer than {MAX_LINE_BYTES} bytes", _excerpt(line))
                elif line and not line.isspace():
                    yield _parse(number, line, max_text_chars)
    except (EOFError, OSError, zlib.error) as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DialogueFileError(f"cannot read {path} after line {number}: {detail}") from error


def _open(path: Path) -> BinaryIO:
    raw = io.BufferedReader(io.FileIO(path), 2**18)
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), 2**18)  # type: ignore[arg-type]
    return raw


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """(line, whether it is all there); an over-long line is cut, its rest skipped in pieces."""
    first = True
    while line := stream.readline(MAX_LINE_BYTES + 1):
        complete = len(line) <= MAX_LINE_BYTES or line.endswith(b"\n")
        if first:
            line, first = line.removeprefix(_BOM), False
        yield line, complete
        while not complete:
            rest = stream.readline(MAX_LINE_BYTES)
            complete = not rest or rest.endswith(b"\n")


def _excerpt(line: bytes) -> str:
    return line[:_EXCERPT_BYTES].decode("utf-8", "replace").strip()[:REJECT_EXCERPT]


def _parse(number: int, line: bytes, max_text_chars: int) -> Dialogue | Reject:
    try:
        record = _validate_json(line)
    except ValidationError as error:
        return Reject(number, _reason(error), _excerpt(line))
    user, assistant = record["user_text"].strip(), record["assistant_text"].strip()
    fault = None
    if not (0 < len(user) <= max_text_chars and 0 < len(assistant) <= max_text_chars):
        fault = _text_fault("user_text", user, max_text_chars) or _text_fault(
            "assistant_text", assistant, max_text_chars
        )
    name = record.get("id")
    if name is None:
        name = f"sample_{number:06d}"
    elif not 0 < len(name := str(name).strip()) <= MAX_ID_CHARS:
        fault = "id is empty" if not name else f"id has {len(name)} characters, more than {MAX_ID_CHARS}"
    get = record.get
    for field in ("user_voice", "assistant_voice"):
        if len(get(field) or "") > MAX_VOICE_CHARS:
            fault = f"{field} has {len(record[field])} characters, more than {MAX_VOICE_CHARS}"  # type: ignore[literal-required]
    if fault:
        return Reject(number, fault, _excerpt(line))
    turns = (
        Turn("user", user, get("user_voice"), get("user_emotion")),
        Turn("assistant", assistant, get("assistant_voice"), get("assistant_emotion")),
    )
    unknown = () if record.keys() <= _KNOWN_FIELDS else tuple(record.keys() - _KNOWN_FIELDS)
    return Dialogue(number, name, turns, line[:_EXCERPT_BYTES], unknown)


def _text_fault(field: str, text: str, limit: int) -> str | None:
    if not text:
        return f"{field} is empty"
    if len(text) > limit:
        return f"{field} has {len(text)} characters, more than max_text_chars={limit}"
    return None


def _reason(error: ValidationError) -> str:
    reasons = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(fault["loc"][0]) if fault["loc"] else ""
        match fault["type"]:
            case "json_invalid":
                reasons.append(f"not JSON: {fault['msg'].removeprefix('Invalid JSON: ')}")
            case "dict_type" | "model_type":
                reasons.append("not a JSON object")
            case "missing":
                reasons.append(f"{field} is missing")
            case "string_type" | "int_type" if field == "id":
                reasons.append("id is not a string or an integer")
            case "string_type":
                reasons.append(f"{field} is not a string")
            case _:
                reasons.append(f"{field}: {fault['msg']}")
    return "; ".join(dict.fromkeys(reasons))
