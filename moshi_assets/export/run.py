"""Exports a dataset: its samples, by split, into shards, with a card beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from ..dialogues.dialogue import Split
from ..publish.card.markdown import fenced
from ..publish.card.write import export_card
from ..publish.dataset_figures import count_dataset_figures
from ..recipe import Recipe, RecipeError
from ..storage.dataset import DatasetError, DatasetStore
from ..storage.links import refuse_links
from ..storage.lock import dataset_lock
from ..storage.whole_file import write_whole
from .parquet import ParquetFormat
from .samples import Sample, check_finished, read_samples
from .shards import CARD, ExportError, ExportFigures, Format, Limits, export_folder, write_shards
from .webdataset import WebDatasetFormat

FORMATS: dict[str, Callable[[], Format]] = {"webdataset": WebDatasetFormat, "parquet": ParquetFormat}


def export_dataset(
    folder: Path,
    output: Path,
    kind: str,
    splits: Sequence[Split],
    limits: Limits,
    overwrite: bool = False,
    report: Callable[[Path], None] | None = None,
    heed: Callable[[], None] = lambda: None,
) -> ExportFigures:
    """Write a finished dataset as shards of some format.

    Every recording is checked against the dataset's index as it is read.

    Args:
        folder: of the dataset.
        output: folder of the export; must hold nothing, or with `overwrite` an earlier export.
        kind: key of FORMATS.
        splits: which to export.
        limits: how much a shard may hold.
        overwrite: see `export_folder`.
        report: called with each finished shard.
        heed: called before each recording and before the export takes its name; what it raises ends the export.

    Raises:
        ExportError: what is missing or in the way, and what to do.
        DatasetBusy: the dataset is being built.
        OSError: something cannot be written.
    """
    try:
        store = DatasetStore(folder.resolve().parent, folder.resolve().name)
        refuse_links(store.folder)
        recipe = store.recipe()
        if output.resolve().is_relative_to(store.folder):
            raise ExportError(
                f"{output} lies in the dataset folder, which builds tidy up: choose a folder outside of it"
            )
        writer = FORMATS[kind]()
        # Where this user cannot write, nor can a build of this user's.
        writable = os.access(store.folder, os.W_OK)
        with dataset_lock(store.folder, "export") if writable else nullcontext():
            check_finished(store)
            return _export(store, recipe, output, writer, splits, limits, overwrite, report, heed)
    except (DatasetError, RecipeError, ValueError) as error:
        raise ExportError(str(error)) from error


def _export(
    store: DatasetStore,
    recipe: Recipe,
    output: Path,
    writer: Format,
    splits: Sequence[Split],
    limits: Limits,
    overwrite: bool,
    report: Callable[[Path], None] | None,
    heed: Callable[[], None],
) -> ExportFigures:
    contents = count_dataset_figures(store, recipe)
    wanted = [split for split in splits if contents.splits[split].recordings]
    if not wanted:
        raise ExportError(f"dataset {store.name!r} holds no recording of split {' or '.join(splits)}")
    figures = ExportFigures()

    def samples(split: Split) -> Iterator[Sample]:
        for sample in read_samples(store, recipe, split):
            heed()
            yield sample

    with export_folder(output, overwrite) as incoming:
        for split in wanted:
            for path in write_shards(samples(split), split, writer, incoming, limits, figures):
                if report:
                    report(path)
        data_files: dict[str, str] = {split: f"{split}-*.{writer.suffix}" for split in wanted}
        how_to_read = _how_to_read(writer.suffix, data_files, len(contents.splits))
        text = export_card(store, recipe, contents, data_files, how_to_read)
        write_whole(incoming / CARD, text)
        heed()
    return figures


def _how_to_read(suffix: str, data_files: dict[str, str], splits: int) -> str:
    listed = " and ".join(f"`{pattern}`" for pattern in data_files.values())
    part = "" if len(data_files) == splits else f" This export holds the split {' '.join(data_files)} alone."
    if suffix == "tar":
        example = 'import webdataset as wds\n\ndata = wds.WebDataset("train-{000000..000003}.tar")  # the shards that there are'  # noqa: E501
        told = (
            f"{listed}: WebDataset shards with `<key>.wav` and `<key>.json` for each recording. The JSON holds its "
            f"`words` "
            f"with their times, its `turns` with their texts, and its `duration`."
        )
    else:
        example = 'from datasets import load_dataset\n\ndata = load_dataset("path/to/this/folder")'
        told = (
            f"{listed}: Parquet files, one row a recording: `audio` (the WAV itself), `words` with their times, "
            f"`turns` "
            f"with their texts, `duration`."
        )
    return f"{told}{part}\n\n{fenced(example, 'python')}"
