"""`moshi-assets`: build a dataset with one command, verify a finished one."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import click

from indextts.interrupts import EXIT_INTERRUPTED, end_quietly, ending_at_once, raise_interrupts

from ..names import check_dataset_name
from .build import build
from .datasets import list_datasets, remove
from .demo import demo
from .export import export
from .json_lines import INTERRUPTED, error_line
from .options import data_folder
from .read import read
from .report import report
from .ui import ui
from .verify import verify
from .voices import voices


class Interrupted(Exception):
    """Ctrl-C while a command worked."""


class Commands(click.Group):
    """The group of commands. After Ctrl-C it suppresses click's empty line, which has no place in a JSON log."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="moshi-assets")
def cli() -> None:
    """Written dialogues in, a two-channel speech dataset for moshi-finetune out."""


cli.add_command(demo)
cli.add_command(build)
cli.add_command(read)
cli.add_command(voices)
cli.add_command(verify)
cli.add_command(export)
cli.add_command(report)
cli.add_command(list_datasets)
cli.add_command(remove)
cli.add_command(ui)


@cli.command()
@click.argument("name")
@data_folder("Folder that holds the datasets and their history.")
def register(name: str, output: Path) -> None:
    """Make NAME known to Dagster as a dataset, so that `dagster asset materialize --partition NAME` accepts it.

    The UI, the inbox and `moshi-assets build` register datasets themselves.
    """
    with ending_at_once():
        import dagster as dg

        from ..defs.instance_home import instance_home
        from ..defs.instance_storage import prepare_storage

    try:
        check_dataset_name(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        prepare_storage(instance_home(output))
    except OSError as error:
        raise click.ClickException(str(error)) from None
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("datasets", [name])
    click.echo(f"dataset {name} is registered")


def main() -> None:
    """Run the command. Click's errors get this program's exit codes, and are written as JSON if the log is JSON."""
    raise_interrupts()
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as request:
        code = request.exit_code
    except (click.exceptions.Abort, Interrupted, KeyboardInterrupt):
        end_quietly()
        code = EXIT_INTERRUPTED
        click.echo(error_line(sys.argv[1:], INTERRUPTED, code) or f"\n{INTERRUPTED}", err=True)
    except click.ClickException as error:
        code = error.exit_code
        if line := error_line(sys.argv[1:], error.format_message(), code):
            click.echo(line, err=True)
        else:
            error.show()
    end_quietly()
    gc.freeze()  # the interpreter would spend its last second on searching Dagster's objects for cycles
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
