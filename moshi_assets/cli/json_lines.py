"""The lines that a command writes to both streams if its log is JSON: one object a line."""

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
    """An error as a JSON line if the command's arguments ask for JSON, else None.

    The raw arguments are searched, because click stops parsing at a wrong option.
    """
    if "--log-format=json" not in arguments and ("--log-format", "json") not in pairwise(arguments):
        return None
    return json_line("error", message, {"exit_code": exit_code})
