"""What a command writes where its log is to be JSON: one object a line, on both streams."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

INTERRUPTED = "interrupted: run the same command again to continue"


def json_line(level: str, event: str, figures: Mapping[str, Any], seconds: float | None = None) -> str:
    """One line for a machine: time (Unix seconds; default: now), level, event, and the figures of the event."""
    line = {"time": round(time.time() if seconds is None else seconds, 3), "level": level, "event": event}
    return json.dumps(line | dict(figures), ensure_ascii=False)


def error_line(arguments: Sequence[str], message: str, exit_code: int) -> str | None:
    """An error as such a line, where a command's arguments ask for JSON; None where they do not.

    They are looked at as they stand: a wrong option ends the parsing of all of them.
    """
    if "--log-format=json" not in arguments and ("--log-format", "json") not in pairwise(arguments):
        return None
    return json_line("error", message, {"exit_code": exit_code})
