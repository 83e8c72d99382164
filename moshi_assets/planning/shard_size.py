"""The number of dialogues in a shard, and whether each shard has a folder, where the recipe leaves that to the size of
the dataset.

What was decided is stored in the dataset's recipe and stays: a dataset that grows keeps its shards.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from indextts.foreign_files import ForeignFileError

from ..dialogues.files.faults import DamagedFile, DialogueFileError
from ..dialogues.files.formats import file_records
from ..dialogues.files.opening import open_decompressed
from ..dialogues.files.sources import find_files
from ..names import without_compression
from ..recipe import Recipe, RecipeError
from ..storage.dataset import DatasetError, DatasetStore

USUAL_SHARD = 256
"""Dialogues in a shard of a dataset of usual size."""
MOST_SHARDS = 20_000
"""More would make Dagster slow: then the shards are larger."""
LARGEST_SHARD = 100_000
FOLDERS_ABOVE = 100_000
"""Dialogues above which each shard has a folder of recordings: file systems and people do not like larger ones."""
PLAIN_BYTES, PACKED_BYTES = 10, 2
"""Fewest bytes that a dialogue takes in a file of text, and in one that is compressed or binary. Files too small for
more than MOST_SHARDS shards of the usual size are not counted.
"""
_LINES = {".jsonl", ".ndjson"}
_TEXT = _LINES | {".json", ".csv", ".tsv"}
_PIECE = 2**20


def dialogues_per_shard(recipe: Recipe, store: DatasetStore) -> int:
    """Dialogues in each shard: as the recipe says, as the dataset has it, or by the number of its records.

    Where they may be too many for shards of the usual size, the files are read once to count them.
    """
    if recipe.samples_per_shard is not None:
        return recipe.samples_per_shard
    stored = _stored(store)
    if stored and stored.samples_per_shard is not None:
        return stored.samples_per_shard
    return min(max(USUAL_SHARD, -(-_most_dialogues(recipe) // MOST_SHARDS)), LARGEST_SHARD)


def with_sizes(recipe: Recipe, store: DatasetStore, per_shard: int, dialogues: int) -> Recipe:
    """The recipe as it is stored with the dataset, with nothing left to decide.

    Args:
        recipe: as it was given.
        store: the dataset as it was before.
        per_shard: as decided before it was planned.
        dialogues: how many were planned; above `speak_after` the rest does not count, since some may be spoken by then.
    """
    folders = recipe.shard_dirs
    if folders is None:
        stored = _stored(store)
        kept = stored.shard_dirs if stored else None
        folders = dialogues > min(FOLDERS_ABOVE, recipe.speak_after) if kept is None else kept
    return recipe.model_copy(update={"samples_per_shard": per_shard, "shard_dirs": folders})


def _stored(store: DatasetStore) -> Recipe | None:
    """The recipe of the dataset as it is; None where there is none, or none that can be read."""
    try:
        return store.recipe()
    except (DatasetError, RecipeError, OSError):
        return None


def _most_dialogues(recipe: Recipe) -> int:
    """Most dialogues that the dataset can have, counted only where they may be more than shards of the usual size
    should hold.
    """
    enough = USUAL_SHARD * MOST_SHARDS
    most = recipe.max_samples
    if most is not None and most <= enough:
        return most
    try:
        paths = find_files(recipe.source).paths
        if _bound(paths) <= enough:
            return enough
        count = sum(_count(path, recipe) for path in paths)
    except (DialogueFileError, DamagedFile, ForeignFileError, OSError):
        return enough  # the parse meets the same fault, and says what it is
    return count if most is None else min(count, most)


def may_have_more(recipe: Recipe, dialogues: int) -> bool:
    """Whether a dataset can have more than so many dialogues, told by the size of its files alone."""
    if recipe.max_samples is not None and recipe.max_samples <= dialogues:
        return False
    try:
        return _bound(find_files(recipe.source).paths) > dialogues
    except (DialogueFileError, OSError):
        return False  # the parse meets the same fault, and says what it is


def _bound(paths: Iterable[Path]) -> int:
    """Most dialogues that files of their sizes can hold."""
    sizes = [(path.stat().st_size, path.suffix.lower() in _TEXT) for path in paths]
    return sum(size // (PLAIN_BYTES if text else PACKED_BYTES) for size, text in sizes)


def _count(path: Path, recipe: Recipe) -> int:
    """Records of a file that hold something; where its name says that each line is one, all lines."""
    if Path(without_compression(path.name)).suffix.lower() not in _LINES:
        return sum(bool(line or fault) for _, line, fault in file_records(path, recipe.input))
    with open_decompressed(path) as stream:
        return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(_PIECE), b""))
