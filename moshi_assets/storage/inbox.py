"""The inbox, `<data root>/inbox/`: dialogue files and their recipes, and the file of each dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..dialogues.files.sources import source_list
from ..names import INBOX, dataset_name_from, without_ending
from ..recipe import RecipeError
from .dataset import DatasetStore

RECIPE_ENDINGS = (".yaml", ".yml")

State = list[int]
"""Size in bytes and modification time in ns of a dialogue file, then of its recipe if there is one."""


class InboxFile(NamedTuple):
    """A dialogue file in the inbox."""

    path: Path
    recipe: Path | None
    """`NAME.yaml` beside `NAME.jsonl`."""
    state: State

    @property
    def name(self) -> str:
        return self.path.name


def open_inbox(root: Path) -> Path:
    """The inbox of a data root; it is created if it is missing, so that users find it."""
    folder = root / INBOX
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def look_into(folder: Path) -> tuple[list[InboxFile], list[str]]:
    """Dialogue files of an inbox by name, and the names of files that are neither a dialogue file nor its recipe.

    Hidden files are passed over: programs that copy write under such names until a file is whole.
    """
    with os.scandir(folder) as entries:
        present = {entry.name: entry for entry in entries if not entry.name.startswith(".")}
    files, used = [], set()
    for name in sorted(present):
        stem = without_ending(name)
        if stem is None or not present[name].is_file():
            continue
        recipe = next((stem + e for e in RECIPE_ENDINGS if stem + e in present and present[stem + e].is_file()), None)
        try:
            state = [*_state(present[name]), *(_state(present[recipe]) if recipe else [])]
        except FileNotFoundError:
            continue  # it was taken away in this moment
        files.append(InboxFile(folder / name, folder / recipe if recipe else None, state))
        used |= {name, recipe}
    return files, [name for name in sorted(present) if name not in used]


def files_of(root: Path, dataset: str) -> list[Path]:
    """Dialogue files of the inbox with the name of a dataset."""
    try:
        files, _ = look_into(root / INBOX)
    except OSError:
        return []
    return [file.path for file in files if without_ending(file.name) == dataset]


def refusals(files: Iterable[InboxFile], root: Path, taken: Iterable[str] = ()) -> dict[str, str]:
    """Reasons, by file name, why files cannot become a dataset: two files with one name, or a dataset that already
    exists.

    Args:
        files: all dialogue files of the inbox.
        root: data root, whose datasets say what they were made from.
        taken: names of files that were taken before; they go before others.
    """
    reasons, rivals, taken = {}, dict[str, list[InboxFile]](), set(taken)
    for file in files:
        try:
            rivals.setdefault(dataset_name_from(file.name), []).append(file)
        except ValueError as error:
            reasons[file.name] = f"{error}: rename the file"
    for dataset, those in rivals.items():
        source = _source(root, dataset)
        first = min(
            those,
            key=lambda f: (
                f.path.resolve() != source,
                f.name not in taken,
                without_ending(f.name) != dataset,
                f.name,
            ),
        )
        for file in those:
            if file is not first:
                reasons[file.name] = f"it would become dataset {dataset!r} as {first.name!r} does: rename one of them"
        if source and source != first.path.resolve() and (source.parent != first.path.parent or source.exists()):
            reasons[first.name] = (
                f"dataset {dataset!r} was made from {source}: rename the file, or remove that dataset first with "
                f"`moshi-assets remove {dataset}`"
            )
    return reasons


def _source(root: Path, dataset: str) -> Path | None:
    """Dialogue file that a dataset was made from; None where there is no such dataset, or none that can be read."""
    store = DatasetStore(root, dataset)
    try:
        return Path(source_list(store.recipe().source)[0]) if store.recipe_path.is_file() else None
    except (RecipeError, OSError):
        return None


def _state(entry: os.DirEntry) -> State:
    status = entry.stat()
    return [status.st_size, status.st_mtime_ns]
