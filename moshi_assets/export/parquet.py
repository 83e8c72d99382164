"""Parquet files with the audio inside, which Hugging Face `datasets` and the Hub's viewer open as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .samples import Sample
from .shards import ShardFile

ROW_GROUP_BYTES = 32_000_000
"""WAV bytes gathered before a row group is written: the memory of an export, and what a reader must read for
one row.
"""
ROW_GROUP_ROWS = 100

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("path", pa.string()),
        ("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("duration", pa.float64()),
        ("sample_rate", pa.int32()),
        (
            "words",
            pa.list_(
                pa.struct(
                    [
                        ("word", pa.string()),
                        ("start", pa.float64()),
                        ("end", pa.float64()),
                        ("speaker", pa.string()),
                    ]
                )
            ),
        ),
        ("approximate_words", pa.bool_()),
        (
            "turns",
            pa.list_(
                pa.struct(
                    [
                        ("dialogue", pa.string()),
                        ("turn", pa.int32()),
                        ("role", pa.string()),
                        ("text", pa.string()),
                        ("voice", pa.string()),
                        ("start", pa.float64()),
                        ("end", pa.float64()),
                        ("backchannel", pa.bool_()),
                    ]
                )
            ),
        ),
    ]
)
"""One row a recording; `words` is null in a dataset without transcripts."""


def schema_with_features() -> pa.Schema:
    """The schema with the features of `datasets` in its metadata: `audio` is decoded, both channels kept."""
    features = {field.name: _feature(field.type) for field in SCHEMA}
    # Versions before 4 mix the channels down unless told not to; later ones ignore the key.
    features["audio"] = {"mono": False, "_type": "Audio"}
    return SCHEMA.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {pa.float64(): "float64", pa.bool_(): "bool"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}


class ParquetFormat:
    """Parquet files by pyarrow."""

    suffix = "parquet"

    def open(self, path: Path) -> ShardFile:
        return _ParquetShard(path)


class _ParquetShard:
    def __init__(self, path: Path) -> None:
        # zstd: one of the two channels is silent nearly always.
        self._writer = pq.ParquetWriter(path, schema_with_features(), compression="zstd", write_page_index=True)
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def write(self, sample: Sample) -> None:
        self._rows.append(row(sample))
        self._bytes += len(sample.wav)
        if self._bytes >= ROW_GROUP_BYTES or len(self._rows) >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._writer.schema))
            self._rows.clear()
            self._bytes = 0


def row(sample: Sample) -> dict[str, Any]:
    """One row."""
    return {
        "id": sample.key,
        "split": sample.split,
        "path": sample.path,
        "audio": {"bytes": sample.wav, "path": f"{sample.key}.wav"},
        "duration": sample.duration,
        "sample_rate": sample.sample_rate,
        "words": sample.words,
        "approximate_words": sample.approximate_words,
        "turns": sample.turns,
    }
