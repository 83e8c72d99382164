"""Finds the files of a dataset's source, in the order in which they are read.

A source is a file, a folder, or a pattern (`talks/*.jsonl`). A folder stands for the dialogue files that lie in it, by
name; if Hugging Face's `save_to_disk` wrote it, for the data files that it lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

from indextts.foreign_files import ForeignFileError, read_json, shown

from ...names import DIALOGUE_ENDINGS, without_ending
from .faults import DialogueFileError

_STATE, _SPLITS = "state.json", "dataset_dict.json"
"""Files written by `datasets.Dataset.save_to_disk` and by `datasets.DatasetDict.save_to_disk`."""
_NO_DIALOGUES = {_STATE, _SPLITS, "dataset_info.json", "dataset_infos.json"}
_MOST_NAMED = 5


class SourceFiles(NamedTuple):
    """The files of a dataset's sources."""

    paths: tuple[Path, ...]
    """Files, each once, in the order in which they are read."""
    left_out: tuple[Path, ...] = ()
    """Files of a folder that are not dialogue files, by their names."""


def source_list(source: str | Path | Sequence[str | Path]) -> list[str]:
    """One source, or several, as a list."""
    return [str(source)] if isinstance(source, str | Path) else [str(each) for each in source]


def source_text(source: str | Path | Sequence[str | Path]) -> str:
    """A source as a message names it."""
    first, *more = source_list(source)
    return f"{first} (with {len(more)} more)" if more else first


def find_files(source: str | Path | Sequence[str | Path]) -> SourceFiles:
    """Find the files of one or several sources.

    Raises:
        DialogueFileError: one stands for none.
    """
    paths: dict[Path, None] = {}
    left_out: list[Path] = []
    for each in source_list(source):
        path = Path(each)
        if path.is_dir():
            found = _in_folder(path)
            paths.update(dict.fromkeys(found.paths))
            left_out += found.left_out
        elif has_magic(each) and not path.exists():
            matched = sorted(name for name in glob(each, recursive=True) if Path(name).is_file())
            if not matched:
                raise DialogueFileError(f"no file matches {each}")
            paths.update(dict.fromkeys(map(Path, matched)))
        else:
            paths[path] = None
    return SourceFiles(tuple(paths), tuple(left_out))


def source_folder(source: str | Sequence[str]) -> Path:
    """The folder to which paths in the records are relative: that of the first file."""
    first = source_list(source)[0]
    path = Path(first)
    if has_magic(first) and not path.exists():
        while has_magic(str(path)):
            path = path.parent
        return path
    return path if path.is_dir() else path.parent


def source_state(source: str | Path | Sequence[str | Path]) -> list[Any] | None:
    """A fingerprint of a source that changes with it: size and modification time (ns) of its file, or path, size and
    time of each of several; None if a file is missing.
    """
    try:
        states = [(str(path), path.stat()) for path in find_files(source).paths]
    except (OSError, DialogueFileError):
        return None
    if len(states) == 1:
        return [states[0][1].st_size, states[0][1].st_mtime_ns]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def _in_folder(folder: Path) -> SourceFiles:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DialogueFileError(f"cannot read {folder}: {error.strerror}") from error
    names = {entry.name for entry in entries}
    if _SPLITS in names:
        return _in_splits(folder)
    if _STATE in names:
        return SourceFiles(tuple(_saved_files(folder)))
    files = [entry for entry in entries if entry.is_file()]
    paths = [entry for entry in files if without_ending(entry.name) is not None and entry.name not in _NO_DIALOGUES]
    if not paths:
        folders = [entry.name for entry in entries if entry.is_dir()][:_MOST_NAMED]
        inside = f"; give one of the folders in it ({', '.join(folders)})" if folders else ""
        raise DialogueFileError(
            f"{folder} holds no dialogue file: their names end in {', '.join(DIALOGUE_ENDINGS)} (and .gz, .zst, .bz2)"
            f"{inside}"
        )
    return SourceFiles(tuple(paths), tuple(entry for entry in files if entry not in paths))


def _in_splits(folder: Path) -> SourceFiles:
    splits = _read(folder / _SPLITS).get("splits")
    if not isinstance(splits, list) or not splits or not all(isinstance(split, str) for split in splits):
        raise DialogueFileError(f"{folder / _SPLITS} lists no splits: save the dataset again")
    if len(splits) > 1:
        raise DialogueFileError(
            f"{folder} holds a dataset of several splits ({', '.join(splits[:_MOST_NAMED])}): give one of them, such "
            f"as {folder / splits[0]}"
        )
    return _in_folder(folder / Path(splits[0]).name)


def _saved_files(folder: Path) -> Iterator[Path]:
    """Data files in the order in which the dataset lists them."""
    state = _read(folder / _STATE)
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise DialogueFileError(
            f"{folder} is a selection of a dataset's rows: call its flatten_indices() and save it again"
        )
    listed = state.get("_data_files")
    if not isinstance(listed, list) or not listed:
        raise DialogueFileError(f"{folder / _STATE} lists no data files: save the dataset again")
    for entry in listed:
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not isinstance(name, str) or Path(name).name != name:
            raise DialogueFileError(f"{folder / _STATE} lists {shown(entry)}, which is no file in the folder")
        yield folder / name


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (ForeignFileError, OSError, json.JSONDecodeError) as error:
        raise DialogueFileError(str(error)) from error
    return content if isinstance(content, dict) else {}
