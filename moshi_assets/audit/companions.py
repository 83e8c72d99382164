"""Checks the files that are made from a finished dataset's recordings: quality tables, transcript summaries, the table
of voices, the card. Training needs none of them; the next build, the report and the card do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from indextts.foreign_files import parse_json

from ..faults import Fault
from ..publish.card.seal import MARK, damage
from ..storage.checked_table import DamagedTable, read_table
from ..storage.dataset import VOICES_FILE, DatasetStore
from ..synthesis.quality_table import QUALITY_SCHEMA
from ..transcripts.stage import TranscriptFigures, shard_summary
from ..transcripts.summary import read_summary

AGAIN = "build the dataset again"


def quality_faults(store: DatasetStore, shard: str, tasks: pa.Table) -> Iterator[Fault]:
    """Check that a shard's quality table is there, whole, and lists its tasks."""
    path = store.quality_path(shard)
    where = _inside(store, path)
    try:
        table = read_table(path)
    except OSError as error:
        yield Fault("gates", where, f"{_unread(error)}: {AGAIN}")
    except DamagedTable:
        yield Fault("gates", where, f"is damaged (checksum): {AGAIN}")
    else:
        keys = ["dialogue_id", "turn", "content_key"]
        if not table.schema.equals(QUALITY_SCHEMA):
            yield Fault("gates", where, f"has other columns than this version writes: {AGAIN}")
        elif not table.select(keys).equals(tasks.select(keys)):
            yield Fault("gates", where, f"is not of the shard's tasks: {AGAIN}")


def transcript_summary_faults(
    store: DatasetStore, shard: str, keys: Sequence[str], figures: TranscriptFigures
) -> Iterator[Fault]:
    """Check that a shard's transcript summary is there and agrees with the transcripts.

    Args:
        store, shard: the shard.
        keys: of its transcripts, as by `transcript_key`.
        figures: what was counted of the transcripts themselves.
    """
    path = store.transcripts_path(shard)
    try:
        found = read_summary(path)
    except OSError as error:
        yield Fault("transcripts", _inside(store, path), f"{_unread(error)}: {AGAIN}")
        return
    except ValueError as error:
        yield Fault("transcripts", _inside(store, path), f"is damaged ({error}): {AGAIN}")
        return
    if found != shard_summary(figures, keys):
        yield Fault("transcripts", _inside(store, path), f"disagrees with the transcripts: {AGAIN}")


def voice_faults(store: DatasetStore, used: Collection[str]) -> Iterator[Fault]:
    """Check that the table of voices is there and lists every voice of the tasks."""
    path = store.tasks_folder / VOICES_FILE
    found = _read_json(path)
    if isinstance(found, str):
        yield Fault("manifest", _inside(store, path), f"{found}: {AGAIN}")
        return
    unknown = sorted(voice for voice in used if not isinstance(found.get(voice), str))
    if unknown:
        yield Fault("manifest", _inside(store, path), f"lacks {len(unknown)} voices ({unknown[0]!r}, ...): {AGAIN}")


def card_faults(store: DatasetStore) -> Iterator[Fault]:
    """Check that the card is there and unchanged, unless the user replaced it with a text of their own."""
    path = store.card_path
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        yield Fault("manifest", path.name, f"{_unread(error)}: {AGAIN}")
    except UnicodeDecodeError as error:
        yield Fault("manifest", path.name, f"is not UTF-8 (byte {error.start}): remove it and {AGAIN}")
    else:
        if not text.strip("\0 \t\r\n"):
            yield Fault("manifest", path.name, f"is empty: {AGAIN}")
        elif MARK in text and (wrong := damage(text)):
            told = "to keep a text of your own, delete the line in it that says so"
            yield Fault("manifest", path.name, f"{wrong}: {AGAIN}; {told}")


def _inside(store: DatasetStore, path: Path) -> str:
    return path.relative_to(store.folder).as_posix()


def _unread(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"


def _read_json(path: Path) -> dict | str:
    """Read the object in a JSON file, or the reason why it cannot be read."""
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        return _unread(error)
    except ValueError:
        return "is damaged (no JSON)"
    return found if isinstance(found, dict) else "is damaged (no object)"
