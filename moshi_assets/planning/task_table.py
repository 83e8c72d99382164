"""The table of a shard's synthesis tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby

import pyarrow as pa

from ..reading import Span, SpokenText
from ..storage.dataset import TASKS_FORMAT

TASK_SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("dialogue_id", pa.string()),
        ("stem", pa.string()),
        ("turn", pa.int16()),
        ("role", pa.string()),
        ("text", pa.string()),
        ("spoken", pa.string()),
        ("spans", pa.list_(pa.int32())),
        ("voice", pa.string()),
        ("seed", pa.int64()),
        ("content_key", pa.binary(16)),
        ("emotion", pa.string()),
        ("gap", pa.float64()),
        ("backchannel", pa.bool_()),
        ("split", pa.string()),
    ],
    metadata=TASKS_FORMAT,
)
"""One row a task; the turns of a dialogue follow one another. `text` is what the transcript shows, `spoken` what is
said, or null where it is the text itself; `spans` are its written words, first and end for each spoken one, or null
where each word is spoken as it is written. `emotion` is EmotionSettings as JSON, or null; `gap` is
seconds, or null for the timing model's choice; `split` is train or eval."""


def dialogue_rows(tasks: pa.Table) -> Iterator[tuple[str, list[int]]]:
    """Yield each dialogue id of a shard with the row numbers of its turns."""
    ids = tasks.column("dialogue_id").to_pylist()
    for dialogue_id, rows in groupby(range(len(ids)), key=ids.__getitem__):
        yield dialogue_id, list(rows)


DialogueTexts = dict[str, list[SpokenText]]
"""Reading of each turn, by dialogue id."""


def dialogue_texts(tasks: pa.Table) -> DialogueTexts:
    """The reading of each turn of a shard's dialogues, by dialogue id."""
    said = spoken_texts(tasks)
    return {dialogue_id: [said[row] for row in rows] for dialogue_id, rows in dialogue_rows(tasks)}


def spoken_texts(tasks: pa.Table) -> list[SpokenText]:
    """The reading of each task's turn."""
    return list(map(_spoken_text, *(tasks.column(name).to_pylist() for name in ("text", "spoken", "spans"))))


def _spoken_text(text: str, spoken: str | None, spans: Sequence[int] | None) -> SpokenText:
    ends = None if spans is None else tuple(map(Span, spans[::2], spans[1::2]))
    return SpokenText(text, text if spoken is None else spoken, ends)


def spoken_columns(said: SpokenText) -> tuple[str | None, list[int] | None]:
    """The columns `spoken` and `spans` for a row whose column `text` is the text of `said`."""
    spans = None if said.spans is None else list(chain.from_iterable(said.spans))
    return None if said.spoken == said.text else said.spoken, spans
