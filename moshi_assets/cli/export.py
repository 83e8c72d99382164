"""`moshi-assets export`: a finished dataset as WebDataset shards or Parquet files."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Literal

import click

from indextts.interrupts import ending_at_once

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class Size(click.ParamType):
    """A number of bytes: 500000000, 500MB, 2G."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d{1,15})\s*([KMG]?)B?", str(value).strip(), re.IGNORECASE)
        if not match or not int(match[1]):
            self.fail(f"{value!r} is not a size above zero, such as 500MB or 2GB", param, ctx)
        return int(match[1]) * _UNITS[match[2].upper()]


@click.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--format", "kind", required=True, type=click.Choice(["webdataset", "parquet"]), help="What to write.")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the export; must be empty.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "eval", "all"]),
    default="all",
    show_default=True,
    help="Which part of the dataset.",
)
@click.option("--shard-size", type=click.IntRange(min=1), help="Most recordings in a shard. [default: no limit]")
@click.option(
    "--max-shard-bytes", type=Size(), default="500MB", show_default=True, help="Most audio in a shard: 500MB, 2GB, ..."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export in OUTPUT; other files are never removed.")
def export(
    dataset: Path,
    kind: str,
    output: Path,
    split: Literal["train", "eval", "all"],
    shard_size: int | None,
    max_shard_bytes: int,
    overwrite: bool,
) -> None:
    """Write the finished dataset in DATASET as shards that hold audio, words and texts together.

    webdataset: tar files, streamed by the library of that name. parquet: for Hugging Face `datasets` and the Hub.
    A card with the licence lies beside the shards. Exit codes: 0 exported, 1 failed, 2 wrong usage, 130 interrupted.
    """
    with ending_at_once():
        from ..dialogues.dialogue import SPLITS
        from ..export.run import export_dataset
        from ..export.shards import ExportError, Limits
        from ..processes.signals import SignalRecord
        from ..storage.lock import DatasetBusy

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    splits = SPLITS if split == "all" else (split,)
    limits = Limits(shard_size, max_shard_bytes)

    def report(path: Path) -> None:
        click.echo(f"{path.name}  {path.stat().st_size / 1e6:.1f} MB", err=True)

    signals = SignalRecord()
    try:
        with signals.recording():
            figures = export_dataset(
                dataset, output.expanduser(), kind, splits, limits, overwrite, report, signals.heed
            )
    except (ExportError, DatasetBusy, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"exported    {figures.recordings} recordings, {figures.seconds / 3600:.3f} h, in {figures.shards} shard(s)\n"
        f"shards      {output}"
    )
