"""`moshi-assets report`: a page about a dataset, with recordings to hear."""

from __future__ import annotations

from pathlib import Path

import click

from indextts.interrupts import ending_at_once

from ..storage.whole_file import temporary_name


@click.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="The page. [default: DATASET/report.html]"
)
@click.option(
    "--samples",
    type=click.IntRange(0, 50),
    default=6,
    show_default=True,
    help="Recordings to hear: so many at random and as many of the most unusual, about 0.5 MB each.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random choice.")
def report(dataset: Path, output: Path | None, samples: int, seed: int) -> None:
    """Write one HTML page about the dataset folder DATASET, with a desk to listen at.

    The page opens from disk, holds everything it shows and loads nothing.
    """
    with ending_at_once():
        from ..publish.report.write import write_report
        from ..recipe import RecipeError
        from ..storage.dataset import DatasetError, DatasetStore

    folder = dataset.resolve()
    try:
        store = DatasetStore(folder.parent, folder.name)
        with ending_at_once(temporary_name(output or store.report_path)):
            outcome = write_report(store, output, samples, seed)
    except (DatasetError, RecipeError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    for problem in outcome.problems:
        click.echo(f"warning: {problem}", err=True)
    click.echo(
        f"{outcome.path}: {outcome.recordings} recordings, {outcome.samples} to hear, {outcome.bytes / 1e6:.1f} MB"
    )
