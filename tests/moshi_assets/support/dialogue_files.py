"""Writers of dialogue files of every kind."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Records = list[dict[str, Any]]


def lines(records: Records) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def array(records: Records, indent: int | None = None) -> bytes:
    return json.dumps(records, ensure_ascii=False, indent=indent).encode()


def table(records: Records, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def parquet(records: Records) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(records), out)
    return out.getvalue().to_pybytes()


def arrow(records: Records, writer: Callable = pa.ipc.new_stream) -> bytes:
    out, content = pa.BufferOutputStream(), pa.Table.from_pylist(records)
    with writer(out, content.schema) as batches:
        batches.write_table(content, max_chunksize=2)
    return out.getvalue().to_pybytes()


def zstd(content: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(content)
        stream.flush()
    return out.getvalue().to_pybytes()


KINDS: dict[str, Callable[[Records], bytes]] = {
    "talks.jsonl": lines,
    "talks.ndjson": lines,
    "lines.json": lines,
    "array.json": array,
    "indented.json": lambda records: array(records, 2),
    "objects.json": lambda records: b"\n".join(json.dumps(record, indent=1).encode() for record in records),
    "talks.csv": table,
    "semicolons.csv": lambda records: table(records, ";"),
    "talks.tsv": lambda records: table(records, "\t"),
    "talks.parquet": parquet,
    "talks.arrow": arrow,
    "talks.feather": lambda records: arrow(records, pa.ipc.new_file),
    "talks.jsonl.gz": lambda records: gzip.compress(lines(records)),
    "talks.jsonl.bz2": lambda records: bz2.compress(lines(records)),
    "talks.jsonl.zst": lambda records: zstd(lines(records)),
    "array.json.zst": lambda records: zstd(array(records, 1)),
    "talks.csv.gz": lambda records: gzip.compress(table(records)),
    "utf16.jsonl": lambda records: lines(records).decode().encode("utf-16"),
    "utf16be.csv": lambda records: b"\xfe\xff" + table(records).decode().encode("utf-16-be"),
    "utf32.json": lambda records: array(records).decode().encode("utf-32"),
    "marked.csv": lambda records: b"\xef\xbb\xbf" + table(records),
    "utf16.jsonl.gz": lambda records: gzip.compress(lines(records).decode().encode("utf-16")),
    "no_ending": array,
    "table_without_ending": table,
}
"""Name of a file -> its content for some flat records of texts."""


def write(folder: Path, name: str, records: Records) -> Path:
    """A file of the kind that its name stands for."""
    path = folder / name
    path.write_bytes(KINDS[name](records))
    return path


def saved_dataset(folder: Path, records: Records, files: int = 2) -> Path:
    """A folder as `datasets.Dataset.save_to_disk` writes it."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05d}-of-{files:05d}.arrow" for number in range(files)]
    size = -(-len(records) // files)
    for number, name in enumerate(names):
        (folder / name).write_bytes(arrow(records[number * size : (number + 1) * size]))
    (folder / "dataset_info.json").write_text('{"features": {}}')
    state = {"_data_files": [{"filename": name} for name in names], "_format_type": None, "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    return folder
