"""Metadata of an asset in the UI beside its figures: location, rows, columns, rejects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pyarrow as pa

from ..storage.dataset import DatasetStore
from ..storage.parse_summary import KindCount

OWNERS = ["team:moshi-assets"]
FILES_URL = "MOSHI_ASSETS_FILES_URL"
"""Environment variable with the address at which the data root is served, for links that a browser can open."""
MAX_REJECTS = 50
"""Most rows in a table of rejects; the file holds all of them."""
_MAX_CELL = 200


def place(path: Path, rows: int) -> dict[str, Any]:
    """Location and row count of a partition, under the names that Dagster's catalogue knows."""
    return {"dagster/uri": path.resolve().as_uri(), "dagster/partition_row_count": rows}


def link(store: DatasetStore, path: Path) -> dg.MetadataValue:
    """A file as a link that the UI makes clickable: where MOSHI_ASSETS_FILES_URL says that the data root is served.

    Without it the path, with a button that copies it: browsers follow no link from a web page to a file.
    """
    if served := os.environ.get(FILES_URL):
        return dg.MetadataValue.url(f"{served.rstrip('/')}/{quote(path.relative_to(store.root).as_posix())}")
    return dg.MetadataValue.path(str(path))


def rejects_table(store: DatasetStore) -> dict[str, dg.MetadataValue]:
    """The first rejects of a dataset as a table; empty if there are none.

    Raises:
        DatasetError: the file of rejects is damaged.
    """
    records = [
        dg.TableRecord(
            {
                "line": reject.line,
                "file": (reject.file or "")[:_MAX_CELL],
                "dialogue": (reject.id or "")[:_MAX_CELL],
                "stage": reject.stage,
                "reason": reject.reason[:_MAX_CELL],
                "text": reject.excerpt[:_MAX_CELL],
            }
        )
        for reject in islice(store.rejects(), MAX_REJECTS)
    ]
    return {"first_rejects": dg.MetadataValue.table(records)} if records else {}


def reading_table(kinds: Sequence[KindCount]) -> dict[str, dg.MetadataValue]:
    """Findings in the texts, by kind, as a table; empty if there are none."""
    records = [
        dg.TableRecord({**kind._asdict(), "written": kind.written[:_MAX_CELL], "spoken": kind.spoken[:_MAX_CELL]})
        for kind in kinds
    ]
    return {"texts_by_kind": dg.MetadataValue.table(records)} if records else {}


def columns(schema: pa.Schema) -> dict[str, Any]:
    """An Arrow schema as the columns of an asset."""
    return {"dagster/column_schema": dg.TableSchema([dg.TableColumn(each.name, str(each.type)) for each in schema])}
