"""The input of a command: files, folders, patterns, or standard input."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from glob import has_magic
from os.path import abspath
from pathlib import Path

import click

from ..names import dataset_name_from
from ..storage.whole_file import whole_file

STANDARD_INPUT = "-"
_MOST_NAMED = 5
SPOOLED = "standard_input"
"""File in a dataset's folder that keeps its standard input, so that it can be read again."""


def inputs_argument(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command the argument INPUT, one or several."""
    return click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", callback=_checked)(command)


def _checked(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs with their full paths; a wrong one is a usage error."""
    from ..dialogues.files.faults import DialogueFileError
    from ..dialogues.files.sources import find_files

    if STANDARD_INPUT in values:
        if len(values) > 1:
            raise click.BadParameter("'-' (standard input) stands alone", context, parameter)
        return values
    paths = tuple(abspath(Path(value).expanduser()) for value in values)
    for value, path in zip(values, paths, strict=True):
        if not Path(path).exists() and not has_magic(path):
            raise click.BadParameter(f"File {value!r} does not exist.", context, parameter)
    try:
        find_files(paths)
    except DialogueFileError as error:
        raise click.BadParameter(str(error), context, parameter) from None
    return paths


def source_of(inputs: Sequence[str]) -> str | list[str]:
    """The `source` of a recipe for these inputs."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def suggested_name(inputs: Sequence[str]) -> str:
    """Name for the dataset of these inputs if the user gave none.

    Raises:
        ValueError: they suggest none.
    """
    if inputs[0] == STANDARD_INPUT or len(inputs) > 1 or not Path(inputs[0]).exists():
        what = "standard input has no name" if inputs[0] == STANDARD_INPUT else "several files have no name in common"
        raise ValueError(f"{what}: give the dataset one with --name")
    return dataset_name_from(Path(inputs[0]).name)


def left_out(inputs: Sequence[str]) -> str | None:
    """The files of the folders that are not read, in words; None if all are."""
    from ..dialogues.files.sources import find_files

    files = [] if inputs[0] == STANDARD_INPUT else find_files(inputs).left_out
    if not files:
        return None
    names = ", ".join(repr(file.name) for file in files[:_MOST_NAMED])
    more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
    return f"not read, for their names are none of dialogue files: {names}{more}"


def spool(target: Path) -> None:
    """Keep all of standard input in a file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    if sys.stdin is None:
        raise OSError("standard input is closed")
    if sys.stdin.isatty():
        click.echo("reading dialogues from the terminal, Ctrl-D ends them", err=True)
    with whole_file(target) as partial, open(partial, "wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
