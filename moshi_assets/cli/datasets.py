"""`moshi-assets list` and `moshi-assets remove`: show the datasets, and remove one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indextts.interrupts import ending_at_once

from .options import data_folder

if TYPE_CHECKING:
    from ..audit.stock import StockItem
    from ..defs.removal import Removal

_HEADINGS = ("name", "dialogues", "shards", "hours", "engine", "state")
_RIGHT = {"dialogues", "shards", "hours"}
_output = data_folder("Folder that holds the datasets and their history.")


@click.command("list")
@_output
@click.option("--json", "as_json", is_flag=True, help="A JSON array on standard output, an object for each dataset.")
def list_datasets(output: Path, as_json: bool) -> None:
    """List the datasets in OUTPUT: dialogues, shards done of all, hours of sound, engine and state.

    A dataset with a current manifest is taken at its word; `moshi-assets verify` looks at every recording.
    """
    output = output.expanduser().resolve()
    if not output.is_dir():
        raise click.ClickException(f"{output} does not exist: name the folder of your datasets with --output")
    with ending_at_once():
        from ..audit.stock import take_stock

        items = list(take_stock(output))
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], indent=1, ensure_ascii=False))
    elif not items:
        click.echo(f"no datasets in {output}")
    else:
        click.echo("\n".join(_table([_HEADINGS, *map(_row, items)])))


def _row(item: StockItem) -> tuple[str, ...]:
    state = f"{item.state}: {item.problem.splitlines()[0]}" if item.problem else item.state
    if item.problem:
        return item.name, "-", "-", "-", "-", state
    return (
        item.name,
        str(item.dialogues),
        f"{item.shards_done}/{item.shards}",
        f"{item.hours:.2f}",
        item.engine,
        state,
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(_HEADINGS, row, widths, strict=True)
        lines.append("  ".join(v.rjust(w) if h in _RIGHT else v.ljust(w) for h, v, w in cells).rstrip())
    return lines


@click.command()
@click.argument("name")
@_output
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(context: click.Context, name: str, output: Path, yes: bool) -> None:
    """Remove dataset NAME from OUTPUT: its files and its partitions in Dagster. Asks first.

    Refused while something builds it. The dialogue file that it was made from stays, also in the inbox.
    """
    from ..defs.removal import RemovalRefused, find_removal
    from ..defs.removal import remove as remove_now
    from ..storage.lock import DatasetBusy, holder

    output = output.expanduser().resolve()
    try:
        removal = find_removal(output, name)
    except (RemovalRefused, OSError) as error:
        raise click.ClickException(str(error)) from None
    if owner := removal.has_folder and holder(removal.store.folder):
        raise click.ClickException(f"{removal.store.folder} is being built ({owner}): wait for it, or stop it first")
    click.echo(_description(removal))
    if not yes and not _confirmed():
        click.echo("nothing is removed")
        context.exit(1)
    try:
        remove_now(removal)
    except (DatasetBusy, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is removed")


def _description(removal: Removal) -> str:
    parts = []
    if removal.has_folder:
        files, size = removal.size()
        parts.append(f"{removal.store.folder} ({files} files, {size / 1e6:,.1f} MB)")
    parts += [f"{leftover}, left by a removal that was interrupted" for leftover in removal.leftovers]
    if removal.registered or removal.shards:
        parts.append(f"its partitions in Dagster ({len(removal.shards)} shards)")
    return f"to be removed: {', '.join(parts)}"


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("this is no terminal to ask on: say --yes")
    return click.confirm("Remove it for good?")
