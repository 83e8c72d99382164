"""The index of a shard's recordings: what each holds."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..recipe import Recipe
from ..storage.checked_table import DamagedTable, read_table, write_table
from ..storage.dataset import DatasetError, DatasetStore
from ..synthesis.quality_table import spoken_tasks
from .keys import are_current
from .recording import PlacedTurn, Recording

logger = logging.getLogger(__name__)

INDEX_SCHEMA = pa.schema(
    [
        ("dialogue_ids", pa.list_(pa.string())),
        ("lines", pa.list_(pa.int64())),
        ("split", pa.string()),
        ("path", pa.string()),
        ("key", pa.binary(16)),
        ("sample_rate", pa.int32()),
        ("frames", pa.int64()),
        (
            "turns",
            pa.list_(
                pa.struct(
                    [
                        ("dialogue_id", pa.string()),
                        ("turn", pa.int16()),
                        ("role", pa.string()),
                        ("start", pa.int64()),
                        ("frames", pa.int64()),
                        ("checksum", pa.uint64()),
                        ("content_key", pa.binary(16)),
                        ("backchannel", pa.bool_()),
                        ("word_times", pa.list_(pa.float32())),
                        ("lead", pa.int32()),
                        ("trail", pa.int32()),
                    ]
                )
            ),
        ),
        ("balanced", pa.bool_()),
        ("failure", pa.string()),
        ("fault", pa.string()),
    ]
)
"""One row a recording of the shard (path relative to the dataset folder), or a dialogue and why there is none of it."""
PIECE_SUFFIX = ".piece"
"""Ending of the files that hold the index rows of some recordings while their shard is in work."""


def write_index(path: Path, recordings: Sequence[Recording]) -> None:
    """Write a shard's index, whole or not at all."""
    write_table(path, _table(recordings))


def write_piece(folder: Path, recordings: Sequence[Recording]) -> None:
    """Write the index rows of some recordings of a shard in work into its folder of parts.

    A piece is named after what it holds, so that writing it again changes nothing.
    """
    digest = hashlib.blake2b(b"".join(recording.key for recording in recordings), digest_size=12)
    write_table(folder / f"{digest.hexdigest()}{PIECE_SUFFIX}", _table(recordings), durable=False)


def read_pieces(folder: Path) -> list[Recording]:
    """Recordings that the pieces in a shard's folder of parts name, the last written of each path."""
    pieces = sorted(folder.glob(f"*{PIECE_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    return list({recording.path: recording for piece in pieces for recording in read_index(piece)}.values())


def _table(recordings: Sequence[Recording]) -> pa.Table:
    rows = [
        {name: getattr(recording, name) for name in Recording.__slots__ if name != "turns"}
        | {"turns": [{name: getattr(turn, name) for name in PlacedTurn.__slots__} for turn in recording.turns]}
        for recording in recordings
    ]
    return pa.Table.from_pylist(rows, schema=INDEX_SCHEMA)


def read_index(path: Path) -> list[Recording]:
    """Recordings of a shard, in input order of their first dialogue; empty when there is no readable index."""
    try:
        return [_recording(row) for row in read_table(path).to_pylist()]
    except OSError:
        return []
    except DamagedTable as error:
        logger.warning("%s: its recordings will be written again", error)
    except (KeyError, TypeError) as error:
        logger.warning("%s is no index of recordings (%s): they will be written again", path, error)
    return []


def _recording(row: dict[str, Any]) -> Recording:
    turns = row.pop("turns")
    for turn in turns:
        turn["word_times"] = turn["word_times"] and tuple(turn["word_times"])
    ids, lines = tuple(row.pop("dialogue_ids")), tuple(row.pop("lines"))
    return Recording(ids, lines, turns=tuple(PlacedTurn(**turn) for turn in turns), **row)


def indexed_recordings(store: DatasetStore, recipe: Recipe | None = None) -> Iterator[Recording]:
    """All recordings of a dataset in input order; arguments and errors as `indexed_shards`."""
    for _, recordings in indexed_shards(store, recipe):
        yield from recordings


def indexed_shards(store: DatasetStore, recipe: Recipe | None = None) -> Iterator[tuple[str, list[Recording]]]:
    """Shard keys of a dataset with their recordings, in input order.

    Args:
        store: the dataset.
        recipe: when given, the recordings must be those of the present tasks under this recipe.

    Raises:
        DatasetError: shards without an index, or with one of other tasks; names them.
    """
    shards = store.shards()
    missing = [shard for shard in shards if not store.index_path(shard).is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(shards)} shards have no stereo pairs ({missing[0]} to {missing[-1]}): "
            f"materialize mono_syntheses and stereo_pairs for them first"
        )
    for shard in shards:
        recordings = read_index(store.index_path(shard))
        if not recordings:
            raise DatasetError(f"{store.index_path(shard)} is damaged: materialize stereo_pairs for {shard} again")
        if recipe and not are_current(recordings, spoken_tasks(store, shard), recipe):
            raise DatasetError(
                f"the stereo pairs of {shard} are not those of its tasks, which have changed: materialize "
                f"mono_syntheses and stereo_pairs for it first"
            )
        yield shard, recordings
