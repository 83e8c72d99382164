"""What a shard's utterances are like, once all of them are spoken: its table, its rejects, its numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..planning.task_table import spoken_texts
from ..quality.measures import MEASURE_FIELDS, Measures
from ..quality.rules import UNSPEAKABLE, GateFault, Rules
from ..recipe import Recipe
from ..storage.checked_table import DamagedTable, read_table, write_table
from ..storage.dataset import DatasetStore
from .attempts import attempt_key, rejected_key
from .parts import SpokenShard
from .verdict import verdict

QUALITY_SCHEMA = pa.schema(
    [
        ("dialogue_id", pa.string()),
        ("turn", pa.int16()),
        ("role", pa.string()),
        ("voice", pa.string()),
        ("content_key", pa.binary(16)),
        ("attempt", pa.int16()),
        *MEASURE_FIELDS,
        ("failed", pa.string()),
        ("fault", pa.string()),
    ]
)
"""One row an utterance of the shard, in the order of its tasks.

`attempt` is the one that was chosen, from 0: each has a seed of its own; of an utterance that was rejected it is the
last one, `failed` names the measure that fails its gate, or `unspeakable`, and `fault` says all. Of one that the
engine could not speak there is only `fault`. The measures are null where it could not be spoken at all.
"""


RULES = b"rules"
"""Key of the rules' fingerprint in the table's metadata."""


@dataclass
class ShardQuality:
    """Outcome of the speaking of one shard."""

    table: pa.Table
    """QUALITY_SCHEMA."""
    failures: dict[str, str]
    """Dialogue id -> why it is rejected."""

    @property
    def failed(self) -> int:
        """Utterances without a sound that is good enough."""
        return len(self.table) - self.table.column("fault").null_count

    def summary(self) -> dict[str, Any]:
        """Numbers for metadata; units in the names. Of the utterances that were taken."""
        return quality_figures(self.table)


def finish_shard(
    store: DatasetStore, recipe: Recipe, shard: str, unspoken: Mapping[str, str], recorded: Iterable[bytes] = ()
) -> ShardQuality:
    """Write the shard's table of utterances and its failures, from what is on disk.

    Args:
        store, recipe: the dataset.
        shard: shard key; every task of it is spoken, judged, or among the unspoken.
        unspoken: dialogue id -> why the engine could not speak a turn of it.
        recorded: content keys of attempts whose sound lies in recordings.
    """
    rules = Rules(recipe)
    tasks = store.tasks(shard)
    spoken = SpokenShard([store.mono_folder(shard)], recorded)
    earlier = earlier_rows(store, shard) if not recipe.keeps_mono else {}
    failures = dict(unspoken)
    rows: list[dict[str, Any]] = []
    columns = ("dialogue_id", "turn", "role", "voice", "content_key")
    for dialogue_id, turn, role, voice, key, said in zip(
        *(tasks.column(name).to_pylist() for name in columns), spoken_texts(tasks), strict=True
    ):
        row: dict[str, Any] = {
            "dialogue_id": dialogue_id,
            "turn": turn,
            "role": role,
            "voice": voice,
            "content_key": key,
            "attempt": 0,
        }
        found = verdict(spoken, key, said.spoken, rules)
        if found.settled:
            row["attempt"] = found.attempt
            if found.row and found.row.measures:
                row |= found.row.measures._asdict()
            if found.faults:
                row["failed"] = found.faults[0].measure
                row["fault"] = _fault(found.faults, found.attempt)
                failures.setdefault(dialogue_id, f"turn {turn} ({role}) {row['fault']}")
        elif key in earlier:
            row = earlier[key] | {"dialogue_id": dialogue_id, "turn": turn, "role": role, "voice": voice}
            if row["fault"]:
                failures.setdefault(dialogue_id, f"turn {turn} ({role}) {row['fault']}")
        else:  # it could not be spoken; or, without a reason, its recording is older than the measures
            row["fault"] = unspoken.get(dialogue_id)
        rows.append(row)
    table = pa.table({name: _column(rows, QUALITY_SCHEMA.field(name)) for name in QUALITY_SCHEMA.names})
    table = table.cast(QUALITY_SCHEMA).replace_schema_metadata({RULES: rules.fingerprint.encode()})
    write_table(store.quality_path(shard), table, durable=False)
    store.mono_folder(shard).parent.mkdir(parents=True, exist_ok=True)
    store.write_failures(shard, failures)
    return ShardQuality(table, failures)


def read_quality(store: DatasetStore, shard: str) -> pa.Table:
    """Measures of a shard's utterances (QUALITY_SCHEMA); no rows where there is no readable table."""
    try:
        table = read_table(store.quality_path(shard))
    except (OSError, DamagedTable):
        table = QUALITY_SCHEMA.empty_table()
    return table if table.schema.equals(QUALITY_SCHEMA) else QUALITY_SCHEMA.empty_table()


def spoken_tasks(store: DatasetStore, shard: str) -> pa.Table:
    """Tasks of a shard (TASK_SCHEMA) with the content keys of the attempts that were taken.

    Rejected tasks get a key that matches no audio. Unlike `DatasetStore.tasks`, the result changes once the shard is
    spoken.

    Raises:
        DatasetError: as `DatasetStore.tasks`.
    """
    tasks, quality = store.tasks(shard), read_quality(store, shard)
    taken = {}
    for key, attempt, fault in zip(
        *(quality.column(c).to_pylist() for c in ("content_key", "attempt", "fault")), strict=True
    ):
        if attempt or fault:
            taken[key] = rejected_key(key) if fault else attempt_key(key, attempt)
    if not taken:
        return tasks
    keys = [taken.get(key, key) for key in tasks.column("content_key").to_pylist()]
    place = tasks.schema.get_field_index("content_key")
    return tasks.set_column(place, tasks.schema.field(place), pa.array(keys, pa.binary(16)))


def measures_of(row: Mapping[str, Any]) -> Measures:
    """Measures in a row of the table."""
    return Measures(*(row[name] for name in Measures._fields))


def earlier_rows(store: DatasetStore, shard: str) -> dict[bytes, dict[str, Any]]:
    """Rows of the shard's table by content key of their task."""
    return {row["content_key"]: row for row in read_quality(store, shard).to_pylist()}


def table_rules(store: DatasetStore, shard: str) -> str | None:
    """Fingerprint of the rules by which the shard's table was written."""
    return ((read_quality(store, shard).schema.metadata or {}).get(RULES) or b"").decode() or None


def _fault(faults: tuple[GateFault, ...], attempt: int) -> str:
    told = "; ".join(fault.message for fault in faults)
    return f"is not good enough: {told}" + (f" (the last of {attempt + 1} attempts)" if attempt else "")


def _column(rows: list[dict[str, Any]], field: pa.Field) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_floating(field.type):  # NaN: a listener that had nothing to judge
        values = [None if value is None or math.isnan(value) else value for value in values]
    return pa.array(values, field.type)


def quality_figures(table: pa.Table) -> dict[str, Any]:
    """Numbers of the utterances of one or more shards (QUALITY_SCHEMA), those that were taken; units in the names."""
    rejected = table.filter(pc.is_valid(table.column("fault"))).column("failed").to_pylist()
    good = table.filter(pc.is_null(table.column("fault")))
    figures: dict[str, Any] = {
        "utterances": len(good),
        "utterances_retried": int(np.count_nonzero(good.column("attempt").to_numpy())),
        "utterances_rejected": len(rejected),
    }
    for measure, count in sorted(Counter(measure or UNSPEAKABLE for measure in rejected).items()):
        figures[f"rejected_{measure}"] = count
    for name, shares in _SHARES.items():
        values = good.column(name).drop_null().to_numpy()
        if name == "dc":
            values = np.abs(values)
        if len(values):
            for share, quantile in shares.items():
                figures[f"{name}_{share}"] = round(float(np.quantile(values, quantile)), 4)
    return figures | _mismatch(good)


_EXTREMES = {"min": 0.0, "median": 0.5, "max": 1.0}
_SHARES: dict[str, dict[str, float]] = {
    "seconds": _EXTREMES,
    "loudness_lufs": _EXTREMES,
    "peak_dbfs": {"max": 1.0},
    "clipped": {"max": 1.0},
    "dc": {"max": 1.0},
    "leading_silence": {"max": 1.0},
    "trailing_silence": {"max": 1.0},
    "inner_silence": {"max": 1.0},
    "chars_per_second": {"p5": 0.05, "median": 0.5, "p95": 0.95},
    "wer": {"median": 0.5, "p95": 0.95},
    "speaker_similarity": {"p5": 0.05, "median": 0.5},
    "dnsmos": {"p5": 0.05, "median": 0.5},
}


def _mismatch(good: pa.Table) -> dict[str, float]:
    """How far the two speakers of a dialogue lie apart in loudness, LU: mean and largest over the dialogues."""
    levels: dict[str, dict[str, list[float]]] = {}
    for dialogue_id, role, level in zip(
        *(good.column(name).to_pylist() for name in ("dialogue_id", "role", "loudness_lufs")), strict=True
    ):
        if level is not None:
            levels.setdefault(dialogue_id, {}).setdefault(role, []).append(level)
    apart = [
        abs(float(np.mean(roles["user"])) - float(np.mean(roles["assistant"])))
        for roles in levels.values()
        if len(roles) == 2
    ]
    if not apart:
        return {}
    return {
        "loudness_apart_mean_lu": round(float(np.mean(apart)), 2),
        "loudness_apart_max_lu": round(max(apart), 2),
    }
