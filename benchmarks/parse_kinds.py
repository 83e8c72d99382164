"""Dialogue files of every kind: a million turns beside twenty thousand, one core, what is read and the memory of it."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from .measure import dialogues, save, settle

LARGE, SMALL = 500_000, 10_000
"""Dialogues of two turns."""
_ROWS = 1000

_READ = """
import json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from moshi_assets.dialogues.reader import read_dialogues
from moshi_assets.processes.memory import peak_rss
begin = time.process_time()
turns = sum(len(dialogue.turns) for dialogue in read_dialogues(sys.argv[1]))
print(json.dumps({"turns": turns, "cpu_seconds": time.process_time() - begin, "peak_rss_mb": peak_rss()}))
"""


def _sharegpt(record: dict[str, str]) -> dict[str, Any]:
    said = (("human", record["user_text"]), ("gpt", record["assistant_text"]))
    return {"id": record["id"], "conversations": [{"from": who, "value": text} for who, text in said]}


def _lines(out: IO[str], count: int, change: Callable[[dict[str, str]], Any] = lambda record: record) -> None:
    for record in dialogues(count):
        out.write(json.dumps(change(record)) + "\n")


def _array(out: IO[str], count: int, indent: int | None = None) -> None:
    for number, record in enumerate(dialogues(count)):
        out.write(("," if number else "[") + json.dumps(record, indent=indent))
    out.write("]")


def _csv(out: IO[str], count: int) -> None:
    rows = csv.DictWriter(out, ["id", "user_text", "assistant_text"])
    rows.writeheader()
    rows.writerows(dialogues(count))


def _csv_turns(out: IO[str], count: int) -> None:
    rows = csv.writer(out)
    rows.writerow(["dialogue_id", "role", "text"])
    for record in dialogues(count):
        rows.writerow([record["id"], "user", record["user_text"]])
        rows.writerow([record["id"], "assistant", record["assistant_text"]])


def _tables(count: int) -> Iterator[pa.Table]:
    records = map(_sharegpt, dialogues(count))
    while rows := list(islice(records, _ROWS)):
        yield pa.Table.from_pylist(rows)


def _text(write: Callable[[IO[str], int], None], opened: Callable[..., IO[str]] = open, encoding: str = "utf-8"):
    def written(path: Path, count: int) -> None:
        with opened(path, "wt", encoding=encoding, newline="") as out:
            write(out, count)

    return written


def _zstd(path: Path, count: int) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as out:
        for record in dialogues(count):
            out.write(json.dumps(record).encode() + b"\n")


def _parquet(path: Path, count: int) -> None:
    tables = _tables(count)
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as out:
        out.write_table(first)
        for table in tables:
            out.write_table(table)


def _arrow(path: Path, count: int) -> None:
    tables = _tables(count)
    first = next(tables)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, first.schema) as out:
        out.write_table(first)
        for table in tables:
            out.write_table(table)


def _folder(path: Path, count: int) -> None:
    path.mkdir()
    for number in range(10):
        _text(_lines)(path / f"{number}.jsonl", count // 10)


KINDS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "JSONL, our own form": ("a.jsonl", _text(_lines)),
    "JSONL, ShareGPT": ("a.jsonl", _text(lambda out, count: _lines(out, count, _sharegpt))),
    "JSON array": ("a.json", _text(_array)),
    "JSON array, indented": ("a.json", _text(lambda out, count: _array(out, count, 2))),
    "CSV": ("a.csv", _text(_csv)),
    "CSV, a row a turn": ("a.csv", _text(_csv_turns)),
    "Parquet, ShareGPT": ("a.parquet", _parquet),
    "Arrow, ShareGPT": ("a.arrow", _arrow),
    "JSONL in UTF-16": ("a.jsonl", _text(_lines, encoding="utf-16")),
    "JSONL, .gz": ("a.jsonl.gz", _text(_lines, gzip.open)),
    "JSONL, .bz2": ("a.jsonl.bz2", _text(_lines, bz2.open)),
    "JSONL, .zst": ("a.jsonl.zst", _zstd),
    "folder of ten files": ("folder", _folder),
}


def _read(name: str, write: Callable[[Path, int], None], count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, count)
        command = [sys.executable, "-c", _READ, str(path)]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if figures["turns"] != 2 * count:
        raise RuntimeError(f"{name}: {figures['turns']} turns were read of {2 * count}")
    return figures


def measure(large: int = LARGE, small: int = SMALL) -> dict[str, dict[str, float]]:
    """Figures of every kind of file."""
    figures = {}
    for kind, (name, write) in KINDS.items():
        few, many = _read(name, write, small), _read(name, write, large)
        figures[kind] = {
            "dialogues_per_cpu_second": round(large / many["cpu_seconds"]),
            "peak_rss_mb": round(many["peak_rss_mb"], 1),
            "peak_rss_mb_of_few": round(few["peak_rss_mb"], 1),
        }
        print(f"{kind:<24} {figures[kind]}", flush=True)
    return figures


def main() -> None:
    settle()
    save("parse_kinds", "python -m benchmarks parse_kinds", {"dialogues": LARGE, "few": SMALL, "kinds": measure()})


if __name__ == "__main__":
    main()
