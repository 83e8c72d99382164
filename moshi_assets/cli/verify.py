"""`moshi-assets verify`: check a finished dataset."""

from __future__ import annotations

from pathlib import Path

import click

from indextts.interrupts import ending_at_once

from .build import EXIT_FAILED


@click.command()
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def verify(context: click.Context, dataset: Path) -> None:
    """Check a finished dataset folder from its files alone.

    Every recording, every transcript against its text and its sound, the tables beside them, the manifest, the counts
    and the card. Each fault is a line that begins with its file. Exit codes: 0 no faults, 1 faults.
    """
    faults = 0
    with ending_at_once():
        from ..audit.dataset import dataset_faults

        for fault in dataset_faults(dataset):
            faults += 1
            click.echo(f"FAULT {fault}", err=True)
    if faults:
        click.echo(f"{dataset}: {faults} faults")
        context.exit(EXIT_FAILED)
    click.echo(f"{dataset}: no faults")
