"""Small Arrow tables on disk, whole or absent, with a checksum: Arrow trusts the bytes it is given and may crash on
damaged ones.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import xxhash

from .whole_file import write_whole

_DIGEST_BYTES = 8


class DamagedTable(ValueError):
    """The file is not what was written."""


def write_table(path: Path, table: pa.Table, durable: bool = True) -> None:
    """Write a table as an Arrow IPC file followed by the xxh3 of its bytes; creates the folder."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content + xxhash.xxh3_64_digest(content), durable)


def table_digest(path: Path) -> bytes:
    """Checksum of a table's content, as stored in its file.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        file.seek(-_DIGEST_BYTES, 2)
        return file.read()


def read_table(path: Path) -> pa.Table:
    """Read a table.

    Raises:
        OSError: it cannot be read.
        DamagedTable: its checksum is wrong.
    """
    content = memoryview(path.read_bytes())
    body = content[:-_DIGEST_BYTES]
    if xxhash.xxh3_64_digest(body) != content[-_DIGEST_BYTES:]:
        raise DamagedTable(f"{path} is damaged (checksum)")
    try:
        return pa.ipc.open_file(pa.py_buffer(body)).read_all()
    except pa.ArrowException as error:
        raise DamagedTable(f"{path} is no table of this project") from error
