"""Measures of recordings, kept on disk: planning a dataset again measures only new recordings.

A large pool takes minutes to measure and seconds to recognise by its content.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from indextts.foreign_files import parse_json

from ..storage.whole_file import write_whole
from .measures import PromptMeasures
from .recording import Look, Prompt, remember, used

PROMPTS_FILE = "prompts.json"
"""Name of the file in the tasks folder."""
_FORMAT = 1
"""Format number; raise it if a measure changes its meaning, or the part that counts begins elsewhere."""


def recall(tasks_folder: Path) -> None:
    """Load the measures of an earlier plan. A file that is missing, damaged or of another version is ignored."""
    used.clear()
    try:
        held = parse_json((tasks_folder / PROMPTS_FILE).read_text(encoding="utf-8"))
        if held["format"] == _FORMAT:
            remember(dict(map(_read, held["prompts"])))
    except (OSError, ValueError, TypeError, KeyError):
        return


def keep(tasks_folder: Path) -> None:
    """Store the measures that this plan has used, if any."""
    rows = [
        [digest, look.max_seconds, look.skip_silence, prompt.start, list(prompt.measures)]
        for (digest, look), prompt in sorted(used.items())
        if prompt.measures
    ]
    used.clear()
    if rows:
        write_whole(tasks_folder / PROMPTS_FILE, json.dumps({"format": _FORMAT, "prompts": rows}), durable=False)


def _read(row: list) -> tuple[tuple[str, Look], Prompt]:
    digest, max_seconds, skip_silence, start, values = row
    if len(values) != len(PromptMeasures._fields) or not all(math.isfinite(value) for value in (*values, max_seconds)):
        raise ValueError("not a recording's measures")
    if not (isinstance(digest, str) and isinstance(start, int) and isinstance(skip_silence, bool)):
        raise TypeError("not a recording's measures")
    return (digest, Look(max_seconds, skip_silence, True)), Prompt(digest, start, PromptMeasures(*values))
