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

from ..names import dataset_name_from
from ..recipe import Recipe, RecipeError, make_recipe, read_recipe_settings
from .json_lines import json_line

logger = logging.getLogger("moshi_assets.build")
_INDEXTTS2_FLAGS = (
    "cfg_path",
    "model_dir",
    "use_fp16",
    "use_cuda_kernel",
    "use_deepspeed",
    "use_accel",
    "use_torch_compile",
)
EXIT_FAILED = 1
_LOG_NAME = "build.log"


class Refused(click.ClickException):
    """The build cannot work as it is asked for; the message says all, and no log needs to be kept for it."""


def _help(setting: str) -> str:
    """Help text of a recipe setting: its description and default."""
    info = Recipe.model_fields[setting]
    return f"{info.description}" + (f" [default: {info.default}]" if info.default is not None else "")


@click.command()
@click.argument("input", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds datasets; this one is built in OUTPUT/NAME.",
)
@click.option("--name", help="Dataset name. [default: the input's file name]")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recipe (YAML); flags override it, an unknown key is an error.",
)
@click.option("--engine", help=_help("engine"))
@click.option("--user-voice", multiple=True, help=_help("user_voice") + " Several times: a pool.")
@click.option("--assistant-voice", multiple=True, help=_help("assistant_voice") + " Several times: a pool.")
@click.option("--eval-user-voice", multiple=True, help=_help("eval_user_voice") + " Several times: a pool.")
@click.option("--eval-assistant-voice", multiple=True, help=_help("eval_assistant_voice") + " Several times: a pool.")
@click.option("--eval-fraction", type=float, help=_help("eval_fraction"))
@click.option("--eval-count", type=int, help=_help("eval_count"))
@click.option("--worker-count", type=int, help=_help("worker_count") + " More than one rarely helps on one GPU.")
@click.option("--max-samples", type=int, help=_help("max_samples"))
@click.option(
    "--samples-per-shard", type=int, help=_help("samples_per_shard") + " A shard is the unit of resume in the UI."
)
@click.option("--planner-buffer", type=int, help=_help("planner_buffer"))
@click.option("--buffer-size", type=int, help=_help("buffer_size"))
@click.option("--layout", type=str, help=_help("layout"))
@click.option("--gap", type=float, help=_help("gap"))
@click.option("--timing", help=_help("timing"))
@click.option("--leading-silence", type=float, help=_help("leading_silence"))
@click.option("--pack-seconds", type=float, help=_help("pack_seconds"))
@click.option("--sample-rate", help=_help("sample_rate"))
@click.option("--shard-dirs/--no-shard-dirs", default=None, help=_help("shard_dirs"))
@click.option("--seed", type=int, help=_help("seed"))
@click.option("--keep-temp/--no-keep-temp", default=None, help=_help("keep_temp"))
@click.option(
    "--keep-mono/--no-keep-mono",
    default=None,
    help=_help("keep_mono") + " Without them a changed rate means speaking again.",
)
@click.option(
    "--legacy-io",
    is_flag=True,
    help="Build the classic way (one process, temporary WAVs): a benchmark opponent. Implies --layout overlapped --sample-rate native; ignores lanes, shards, resume and transcripts.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 when any record was rejected. The rest is built all the same."
)
@click.option("--transcripts/--no-transcripts", default=None, help=_help("transcripts"))
@click.option("--aligner", help=_help("aligner"))
@click.option("--ctc-model", help=_help("ctc_model"))
@click.option("--max-retries", type=int, help=_help("max_retries"))
@click.option("--target-lufs", type=float, help=_help("target_lufs"))
@click.option("--true-peak-dbtp", type=float, help=_help("true_peak_dbtp"))
@click.option("--device", help=_help("device"))
@click.option("--cfg-path", help="indextts2: config.yaml of the checkpoint. [default: checkpoints/config.yaml]")
@click.option("--model-dir", help="indextts2: checkpoint folder. [default: checkpoints]")
@click.option(
    "--use-fp16/--no-use-fp16",
    default=None,
    help="indextts2: the GPT in fp16 on a GPU, all else float32. [default: off: bf16 for GPT and flow where the GPU has it, for the flow where the CPU has]",
)
@click.option(
    "--use-cuda-kernel/--no-use-cuda-kernel",
    default=None,
    help="indextts2: the vocoder's activations as kernels of their own. [default: on a GPU]",
)
@click.option(
    "--use-accel/--no-use-accel",
    default=None,
    help="indextts2: decoding steps as captured CUDA graphs. [default: on a GPU]",
)
@click.option(
    "--use-torch-compile/--no-use-torch-compile",
    default=None,
    help="indextts2: the flow compiled, once at the start of a lane. [default: on a GPU]",
)
@click.option(
    "--use-deepspeed/--no-use-deepspeed", default=None, help="indextts2: accepted for compatibility, no effect."
)
@click.option(
    "--download",
    is_flag=True,
    help="indextts2: first fetch the files that the checkpoint folder lacks from the Hugging Face hub, several GB in all. Never done unasked.",
)
@click.option("--deterministic/--no-deterministic", default=None, help=_help("deterministic"))
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
    help="Format of the log lines and errors on standard error and of the summary on standard output. json: every line is an object.",
)
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Progress bar. [default: on a terminal with text logs; elsewhere a line every 5 s]",
)
@click.pass_context
def build(context: click.Context, input: Path, output: Path, **options: Any) -> None:
    """Build a dataset from INPUT, a JSONL file with one dialogue a line.

    Run the same command again to continue after an interruption or to rebuild after an edit: only what is missing or
    changed is spoken. Exit codes: 0 built, 1 failed (or rejects with --strict), 2 wrong usage, 130 interrupted.
    """
    recipe = _recipe(input, options)
    if options["download"]:
        _download(recipe)
    output = output.expanduser().resolve()
    with _terminal(output / recipe.name, options) as terminal:
        if options["legacy_io"]:
            rejected = _build_legacy(recipe, output, options)
        else:
            rejected = _build(recipe, output, options, terminal)
    if rejected and options["strict"]:
        context.exit(EXIT_FAILED)


def _recipe(source: Path, options: dict[str, Any]) -> Recipe:
    """Recipe from file and flags; a wrong setting is a usage error."""
    try:
        settings = read_recipe_settings(options["recipe_file"]) if options["recipe_file"] else {}
        flags = {k: v for k, v in options.items() if k in Recipe.model_fields and v is not None and v != ()}
        flags |= {k: list(v) if len(v) > 1 else v[0] for k, v in flags.items() if isinstance(v, tuple)}
        for setting, instead in (("eval_fraction", "eval_count"), ("eval_count", "eval_fraction")):
            if setting in flags:
                settings.pop(instead, None)  # a flag goes before what the file says
        engine_flags = {k: options[k] for k in _INDEXTTS2_FLAGS if options[k] is not None}
        if engine_flags:
            flags["indextts2"] = {**(settings.get("indextts2") or {}), **engine_flags}
        if options["legacy_io"]:
            for setting, value in (("layout", "overlapped"), ("sample_rate", "native")):
                if flags.get(setting, value) != value:
                    raise RecipeError(f"--legacy-io always uses {setting} {value}, not {flags[setting]}")
                flags[setting] = value
        if str(flags.get("sample_rate", "")).isdigit():
            flags["sample_rate"] = int(flags["sample_rate"])
        name = flags.get("name") or settings.get("name") or dataset_name_from(source.name)
        of_file = set(settings) - set(flags)
        settings |= flags | {"name": name, "source": str(source.resolve())}
        return make_recipe(settings, options["recipe_file"], of_file)
    except (RecipeError, ValueError) as error:
        raise click.UsageError(str(error)) from None


def _download(recipe: Recipe) -> None:
    """Fetch what the checkpoint folder lacks, with progress on standard error."""
    if recipe.engine != "indextts2":
        raise click.UsageError(f"--download fetches checkpoints of indextts2; engine {recipe.engine!r} has none")
    with ending_at_once():
        from indextts.download import LICENCE_NOTE, DownloadError, download_missing

    messages = logging.getLogger("indextts.download")
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


@contextmanager
def _terminal(folder: Path, options: dict[str, Any]) -> Iterator[IO[str]]:
    """Set up logging; yields the stream for what is meant for the user.

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
    """Remove the log of a build that made nothing, and with it the new folder; not while another build is in it."""
    from ..storage.lock import LOCK_NAME, DatasetBusy, dataset_lock

    with suppress(DatasetBusy, OSError), dataset_lock(folder, f"process {os.getpid()}", patience=0):
        if set(os.listdir(folder)) == {LOCK_NAME, _LOG_NAME}:
            (folder / _LOG_NAME).unlink()


def _build(recipe: Recipe, output: Path, options: dict[str, Any], terminal: IO[str]) -> int:
    """Build through the Dagster assets; returns the number of rejects."""
    with ending_at_once():
        from ..defs.instance_home import instance_home
        from ..processes.fork_server import warm_up

    try:
        instance_home(output)
        warm_up()  # the fork server imports Dagster while this process does
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    with ending_at_once():
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
        summary = job.run(display.watch)
    except BuildInterrupted:
        raise KeyboardInterrupt from None
    except BuildFailed as error:
        display.close()
        if error.told and not job.store.exists():
            raise Refused(f"{job.stage} failed: {error}") from None
        again = f"\nto go on: {shlex.join(['moshi-assets', *sys.argv[1:]])}" if error.goes_on else ""
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


def _build_legacy(recipe: Recipe, output: Path, options: dict[str, Any]) -> int:
    """Build the classic way; returns the number of rejects."""
    from ..dialogues.reader import DialogueFileError
    from ..engines.base import EngineError
    from ..storage.dataset import DatasetStore
    from ..storage.lock import DatasetBusy, dataset_lock
    from .classic_builder import build_baseline

    store = DatasetStore(output, recipe.name)
    try:
        with dataset_lock(store.folder, f"classic build, process {os.getpid()}"):
            figures = build_baseline(recipe, store)
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
