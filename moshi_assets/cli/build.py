"""`moshi-assets build`: a dialogue file becomes a dataset, with one command."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import click

from indextts.interrupts import ending_at_once

from ..recipe import Recipe, RecipeError, make_recipe, read_recipe_settings
from .inputs import SPOOLED, STANDARD_INPUT, inputs_argument, left_out, source_of, spool, suggested_name
from .json_lines import json_line
from .recipe_options import given_settings, recipe_options

logger = logging.getLogger("moshi_assets.build")
EXIT_FAILED = 1
_LOG_NAME = "build.log"


class Refused(click.ClickException):
    """The build cannot work as requested; the message is complete, and no log needs to be kept for it."""


@click.command()
@inputs_argument
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds datasets; this one is built in OUTPUT/NAME.",
)
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recipe (YAML); flags override it, an unknown key is an error.",
)
@recipe_options
@click.option(
    "--legacy-io",
    is_flag=True,
    help="Build the classic way (one process, temporary WAVs): a benchmark opponent. Implies --layout overlapped "
    "--sample-rate native; ignores lanes, shards, resume and transcripts.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 when any record was rejected. The rest is built all the same."
)
@click.option(
    "--download",
    is_flag=True,
    help="indextts2: first fetch the files that the checkpoint folder lacks from the Hugging Face hub, several GB in "
    "all. Never done unasked.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="debug also shows Dagster's own events (with text logs), which otherwise go to build.log in the dataset.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the log lines and errors on standard error and of the summary on standard output. json: every "
    "line is an object.",
)
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Progress bar. [default: on a terminal with text logs; elsewhere a line every 5 s]",
)
@click.pass_context
def build(context: click.Context, /, inputs: tuple[str, ...], output: Path, **options: Any) -> None:
    """Build a dataset from INPUT: files of dialogues (JSONL, JSON, CSV, TSV, Parquet, Arrow; .gz, .zst, .bz2), folders
    of them, patterns, or - for standard input.

    Run the same command again to continue after an interruption or to rebuild after an edit: only what is missing or
    changed is spoken. Exit codes: 0 built, 1 failed (or rejects with --strict), 2 wrong usage, 130 interrupted.
    """
    output = output.expanduser().resolve()
    recipe = _recipe(inputs, output, options)
    if options["download"]:
        _download(recipe)
    with _terminal(output / recipe.name, options) as terminal:
        if unread := left_out(inputs):
            logger.warning(unread)
        if inputs[0] == STANDARD_INPUT:
            _spool(output / recipe.name / SPOOLED)
        if options["legacy_io"]:
            rejected = _build_classic(recipe, output, options)
        else:
            rejected = _build(recipe, output, options, terminal)
    if rejected and options["strict"]:
        context.exit(EXIT_FAILED)


def _recipe(inputs: tuple[str, ...], output: Path, options: dict[str, Any]) -> Recipe:
    """Recipe from file and flags; a wrong setting is a usage error."""
    try:
        settings = read_recipe_settings(options["recipe_file"]) if options["recipe_file"] else {}
        flags = given_settings(options)
        for setting, instead in (("eval_fraction", "eval_count"), ("eval_count", "eval_fraction")):
            if setting in flags:
                settings.pop(instead, None)  # a flag goes before what the file says
        if "indextts2" in flags:
            flags["indextts2"] = {**(settings.get("indextts2") or {}), **flags["indextts2"]}
        if options["legacy_io"]:
            for setting, value in (("layout", "overlapped"), ("sample_rate", "native")):
                if flags.get(setting, value) != value:
                    raise RecipeError(f"--legacy-io always uses {setting} {value}, not {flags[setting]}")
                flags[setting] = value
        name = flags.get("name") or settings.get("name") or suggested_name(inputs)
        of_file = set(settings) - set(flags)
        source = str(output / name / SPOOLED) if inputs[0] == STANDARD_INPUT else source_of(inputs)
        settings |= flags | {"name": name, "source": source}
        return make_recipe(settings, options["recipe_file"], of_file)
    except (RecipeError, ValueError) as error:
        raise click.UsageError(str(error)) from None


def _download(recipe: Recipe) -> None:
    """Fetch what the checkpoint folder lacks, with progress on standard error."""
    if recipe.engine != "indextts2":
        raise click.UsageError(f"--download fetches checkpoints of indextts2; engine {recipe.engine!r} has none")
    with ending_at_once():
        from indextts.checkpoint.download import LICENCE_NOTE, DownloadError, download_missing

    messages = logging.getLogger("indextts.checkpoint.download")
    messages.setLevel(logging.INFO)
    messages.addHandler(handler := logging.StreamHandler())
    options = recipe.indextts2
    try:
        if download_missing(options.model_dir, options.cfg_path, options.aux_paths).files:
            messages.info(LICENCE_NOTE)
    except (DownloadError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        messages.removeHandler(handler)


def _spool(target: Path) -> None:
    try:
        spool(target)
    except OSError as error:
        raise Refused(f"cannot keep standard input in {target}: {error.strerror or error}") from None


@contextmanager
def _terminal(folder: Path, options: dict[str, Any]) -> Iterator[IO[str]]:
    """Set up logging; yield the stream for messages to the user.

    Dagster, native libraries and worker processes write to standard error. Unless the log level is debug, in text, that
    goes to `build.log`, and only the yielded stream is the real standard error.
    """
    from .progress import JsonFormatter, TextFormatter

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    terminal: IO[str] = sys.stderr
    saved = None
    if options["log_level"] != "debug" or options["log_format"] == "json":  # Dagster's events are no JSON
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = os.open(folder / _LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise click.ClickException(f"{folder / _LOG_NAME} is a link: remove it") from None
            raise click.ClickException(f"cannot write to {folder}: {error.strerror}") from None
        saved = os.dup(2)
        os.dup2(log, 2)
        os.close(log)
        terminal = os.fdopen(os.dup(saved), "w", buffering=1, encoding="utf-8", errors="replace")
    handler = logging.StreamHandler(terminal)
    handler.setFormatter(JsonFormatter() if options["log_format"] == "json" else TextFormatter())
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(options["log_level"].upper())
    expendable = False
    try:
        yield terminal
    except (Refused, KeyboardInterrupt):
        expendable = True
        raise
    finally:
        logger.handlers = []
        if saved is not None:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            terminal.close()
            if expendable:
                _drop_lonely_log(folder)


def _drop_lonely_log(folder: Path) -> None:
    """Remove the log of a build that made nothing, and its new folder, unless another build is working in it."""
    from ..storage.lock import LOCK_NAME, DatasetBusy, dataset_lock

    with suppress(DatasetBusy, OSError), dataset_lock(folder, f"process {os.getpid()}", patience=0):
        left = set(os.listdir(folder)) - {SPOOLED}
        if left == {LOCK_NAME, _LOG_NAME}:
            (folder / _LOG_NAME).unlink()
            (folder / SPOOLED).unlink(missing_ok=True)


def _build(recipe: Recipe, output: Path, options: dict[str, Any], terminal: IO[str]) -> int:
    """Build through the Dagster assets; returns the number of rejects."""
    with ending_at_once():
        from ..defs.instance_home import instance_home
        from ..engines.registry import ENGINES
        from ..processes.fork_server import warm_up
        from ..processes.imports import imported_quickly

    try:
        instance_home(output)
        warm_up(ENGINES[recipe.engine].shared)  # the fork server imports Dagster while this process does
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    with ending_at_once(), imported_quickly():
        from ..planning.stage import lanes_warning, split_warning
        from ..storage.lock import DatasetBusy
        from .dagster_build import Build, BuildFailed, BuildInterrupted
        from .progress import BuildDisplay
        from .summary import summary_figures, summary_lines

    if warning := lanes_warning(recipe):
        logger.warning(warning)
    log = output / recipe.name / _LOG_NAME
    job = Build(recipe, output, "DEBUG" if options["log_level"] == "debug" else "INFO")
    bar = options["progress"]
    if bar is None:
        bar = terminal.isatty() and options["log_format"] == "text"
    display = BuildDisplay(terminal if bar else None)
    try:
        summary = job.run(display.watch, display.warn)
    except BuildInterrupted:
        raise KeyboardInterrupt from None
    except BuildFailed as error:
        display.close()
        if error.told and not job.store.exists():
            raise Refused(f"{job.stage} failed: {error}") from None
        kept = str(output / recipe.name / SPOOLED)
        command = [kept if word == STANDARD_INPUT else word for word in ["moshi-assets", *sys.argv[1:]]]
        again = f"\nto go on: {shlex.join(command)}" if error.goes_on else ""
        raise click.ClickException(f"{job.stage} failed: {error} (details: {log}){again}") from None
    except (DatasetBusy, RecipeError, OSError) as error:
        display.close()
        raise Refused(str(error)) from None
    finally:
        display.close()
    if options["log_format"] == "json":
        click.echo(json_line("info", "summary", summary_figures(job.store, recipe, summary)))
    else:
        click.echo("\n".join(summary_lines(job.store, recipe, summary)))
    if warning := split_warning(recipe, summary.evaluation):
        logger.warning(warning)
    return summary.rejected


def _build_classic(recipe: Recipe, output: Path, options: dict[str, Any]) -> int:
    """Build the classic way; returns the number of rejects."""
    from ..dialogues.reader import DialogueFileError
    from ..engines.base import EngineError
    from ..storage.dataset import DatasetStore
    from ..storage.lock import DatasetBusy, dataset_lock
    from .classic_builder import build_classic

    store = DatasetStore(output, recipe.name)
    try:
        with dataset_lock(store.folder, f"classic build, process {os.getpid()}"):
            figures = build_classic(recipe, store)
    except (DatasetBusy, DialogueFileError, EngineError, RecipeError, OSError) as error:
        raise Refused(str(error)) from None
    if options["log_format"] == "json":
        told = {"dataset": store.name, **asdict(figures), "manifest": str(store.manifest_path)}
        click.echo(json_line("info", "summary", told))
    else:
        click.echo(
            f"dialogues   {figures.recordings} recorded, {figures.rejected} rejected (classic builder)\n"
            f"time        {figures.wall_seconds:.1f} s\n"
            f"manifest    {store.manifest_path}"
        )
    return figures.rejected
