"""Removes a dataset: its folder, and its partitions in Dagster's history."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..names import check_dataset_name
from ..storage.dataset import DatasetStore
from ..storage.lock import LOCK_NAME, dataset_lock
from .instance_home import existing_home

_ASIDE = ".removing-"
_OWNER = re.compile(r".+\npid \d+\n")
"""The first part of what a build writes into its lock."""


class RemovalRefused(RuntimeError):
    """There is nothing to remove, or it was not made by this program; the message names it."""


@dataclass(frozen=True)
class Removal:
    """The files and partitions of a dataset that are to be removed."""

    store: DatasetStore
    leftovers: tuple[Path, ...]
    """Folders left by removals that were killed."""
    shards: tuple[str, ...]
    """Shard partitions known to Dagster."""
    registered: bool
    """Whether Dagster knows the dataset."""

    @property
    def has_folder(self) -> bool:
        return self.store.folder.is_dir()

    def size(self) -> tuple[int, int]:
        """Number of files in the folder and bytes in them; targets of links are neither counted nor removed."""
        files = size = 0
        for folder, _, names in os.walk(self.store.folder):
            for name in names:
                files += 1
                size += os.lstat(os.path.join(folder, name)).st_size
        return files, size


def find_removal(root: Path, name: str) -> Removal:
    """Find what `name` consists of, without changing anything.

    Raises:
        RemovalRefused: no dataset has that name, or what has it is a link or a folder that no build made.
        OSError: the history cannot be opened.
    """
    try:
        store = DatasetStore(root, check_dataset_name(name))
    except ValueError as error:
        raise RemovalRefused(str(error)) from None
    if store.folder.is_symlink():
        raise RemovalRefused(f"{store.folder} is a link to {os.readlink(store.folder)}: remove the link yourself")
    if os.path.lexists(store.folder) and not _was_built(store):
        raise RemovalRefused(f"{store.folder} is no dataset (it has no {store.recipe_path.name}): nothing is removed")
    shards, registered = _partitions(root, name)
    leftovers = tuple(path for path in sorted(root.glob(f"{_ASIDE}{name}.*")) if not path.is_symlink())
    removal = Removal(store, leftovers, shards, registered)
    if not (removal.has_folder or leftovers or shards or registered):
        raise RemovalRefused(f"there is no dataset {name!r} in {root}")
    return removal


def remove(removal: Removal) -> None:
    """Remove the files, then the partitions. Run again after an interruption, it goes on.

    The folder is renamed first, so that half a dataset is never found under its name. Links are removed, never
    followed.

    Raises:
        DatasetBusy: a build is working in it.
        OSError: a file cannot be removed.
    """
    store = removal.store
    if removal.has_folder:
        with dataset_lock(store.folder, f"removal, process {os.getpid()}", patience=0, to_write=False):
            aside = store.root / f"{_ASIDE}{store.name}.{os.getpid()}"
            store.folder.rename(aside)
            shutil.rmtree(aside)
    for leftover in removal.leftovers:
        shutil.rmtree(leftover)
    if removal.shards or removal.registered:
        _forget(store.root, store.name, removal.shards)


def _was_built(store: DatasetStore) -> bool:
    """True for a dataset's folder, and for one in which a build was killed before it was a dataset."""
    try:
        return store.recipe_path.is_file() or bool(_OWNER.fullmatch((store.folder / LOCK_NAME).read_text()))
    except (OSError, ValueError):
        return False


def _partitions(root: Path, name: str) -> tuple[tuple[str, ...], bool]:
    """Shards of a dataset that Dagster knows, and whether it knows the dataset."""
    home = existing_home(root)
    if home is None:
        return (), False
    import dagster as dg

    from .instance_storage import prepare_storage
    from .partitions import belongs_to

    prepare_storage(home)
    with dg.DagsterInstance.get() as instance:
        shards = tuple(key for key in instance.get_dynamic_partitions("shards") if belongs_to(key, name))
        return shards, name in instance.get_dynamic_partitions("datasets")


def _forget(root: Path, name: str, shards: tuple[str, ...]) -> None:
    import dagster as dg

    existing_home(root)
    with dg.DagsterInstance.get() as instance:
        for key in shards:
            instance.delete_dynamic_partition("shards", key)
        instance.delete_dynamic_partition("datasets", name)
