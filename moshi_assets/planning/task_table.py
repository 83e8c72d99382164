"""The table of a shard's synthesis tasks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pyarrow as pa

TASK_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("dialogue_id", pa.string()),
        ("stem", pa.string()),
        ("turn", pa.int16()),
        ("role", pa.string()),
        ("text", pa.string()),
        ("voice", pa.string()),
        ("seed", pa.int64()),
        ("content_key", pa.binary(16)),
        ("emotion", pa.string()),
        ("gap", pa.float64()),
        ("backchannel", pa.bool_()),
        ("split", pa.string()),
    ]
)
"""One row a task; the turns of a dialogue follow one another. `emotion` is EmotionSettings as JSON, or null; `gap` is
seconds, or null for the timing model's choice; `split` is train or eval."""


def dialogue_rows(tasks: pa.Table) -> Iterator[tuple[str, list[int]]]:
    """Dialogue ids of a shard with the row numbers of their turns."""
    ids = tasks.column("dialogue_id").to_pylist()
    for dialogue_id, rows in groupby(range(len(ids)), key=ids.__getitem__):
        yield dialogue_id, list(rows)


def dialogue_texts(tasks: pa.Table) -> dict[str, list[str]]:
    """What each turn of a shard's dialogues says, by dialogue id."""
    texts = tasks.column("text").to_pylist()
    return {dialogue_id: [texts[row] for row in rows] for dialogue_id, rows in dialogue_rows(tasks)}
