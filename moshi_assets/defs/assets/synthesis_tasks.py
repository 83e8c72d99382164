"""`synthesis_tasks`: a dialogue file becomes the synthesis tasks of every shard."""

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from ...dialogues.files.sources import source_list
from ...names import INBOX
from ...planning.stage import lanes_warning, plan, split_warning
from ...planning.task_table import TASK_SCHEMA
from ...recipe import Recipe, RecipeError, make_recipe, read_recipe_settings
from ...storage.dataset import DatasetStore
from ...storage.inbox import files_of
from ...storage.lock import dataset_lock
from ...storage.parse_summary import ParseFigures
from ...storage.whole_file import remove_partials
from ...synthesis.progress import ParseProgressFile, clear_progress
from ..asset_metadata import OWNERS, columns, place, reading_table, rejects_table
from ..partitions import SINGLE_RUN, datasets, register_shards
from ..plain_failure import tells_plainly
from ..recipe_config import recipe_schema
from ..resources import DataRoot
from ..run_tags import is_driven, lock_owner

CONFIG = {
    "input": dg.Field(
        dg.Noneable(str),
        is_required=False,
        description="Dialogue file, folder or pattern; default: a file in the inbox.",
    ),
    "recipe": dg.Field(recipe_schema(), is_required=False, description="Settings; they override the recipe file's."),
    "recipe_file": dg.Field(dg.Noneable(str), is_required=False, description="Recipe file (YAML)."),
}
"""What to build the dataset from. Nothing given: its stored recipe, else a file of its name in the inbox."""

_LOG_SECONDS = 3.0
_TEXTS = ("unknown_fields", "voice_warnings", "reading")
"""Figures of a parse that are no numbers."""


def resolve_recipe(config: Mapping[str, Any], store: DatasetStore) -> Recipe:
    """Recipe for a materialization whose run config is of the form CONFIG.

    Raises:
        RecipeError: nothing says what to read, or a setting is wrong.
    """
    source, recipe_file = config.get("input"), config.get("recipe_file")
    if not any(config.values()) and store.recipe_path.is_file():
        return store.recipe()
    settings = read_recipe_settings(Path(recipe_file)) if recipe_file else {}
    of_file = set(settings) - set(config.get("recipe", {}))
    settings |= config.get("recipe", {})
    source = source or settings.get("source")
    if not source:
        found = files_of(store.root, store.name)
        if not found:
            file = store.root / INBOX / f"{store.name}.jsonl"
            raise RecipeError(
                f"nothing says what dataset {store.name!r} is made from: give the dialogue file as run config "
                f"'ops: {{synthesis_tasks: {{config: {{input: FILE.jsonl}}}}}}', or put it at {file}"
            )
        source = found[0]
    sources = [str(Path(each).expanduser().resolve()) for each in source_list(source)]
    settings |= {"name": store.name, "source": sources if isinstance(source, list) else sources[0]}
    return make_recipe(settings, recipe_file, of_file)


def _parse(context: dg.AssetExecutionContext, recipe: Recipe, store: DatasetStore) -> ParseFigures:
    """Plan a dataset; the command line is told often how far it is, the run's log now and then.

    It is also told of the first shards of a large new dataset, which it then builds while the rest is read.
    """
    progress = ParseProgressFile(store.progress_folder)
    told = time.monotonic()

    def report(figures: ParseFigures) -> None:
        nonlocal told
        progress.state.lines, progress.state.rejected = figures.lines, figures.rejected
        progress.update()
        if time.monotonic() - told > _LOG_SECONDS:
            told = time.monotonic()
            context.log.info(f"{figures.lines} lines read, {figures.rejected} rejected")

    def opened() -> None:
        keys = store.shards()
        register_shards(context.instance, store.name, keys)
        context.log.info(f"{len(keys)} shards can be built while the rest is read")
        progress.state.shards = len(keys)
        progress.update(force=True)

    try:
        figures = plan(recipe, store, report, opened if is_driven(context.run.tags) else None)
        report(figures)
        return figures
    except BaseException:
        clear_progress(store.progress_folder)
        with suppress(OSError):
            store.progress_folder.rmdir()  # a parse that fails leaves no folder behind
        raise
    finally:
        progress.close()


@dg.asset(
    partitions_def=datasets,
    backfill_policy=SINGLE_RUN,
    config_schema=CONFIG,
    code_version="1",  # raise it when the same file and recipe give other tasks
    owners=OWNERS,
    metadata=columns(TASK_SCHEMA),
    kinds={"python", "arrow"},
    group_name="moshi",
)
@tells_plainly
def synthesis_tasks(context: dg.AssetExecutionContext, data: DataRoot) -> dg.MaterializeResult:
    """The dialogue file, validated and cut into shards of synthesis tasks; bad lines go to `rejects.ndjson`."""
    keys, config = context.partition_keys, context.op_execution_context.op_config
    versions = hashlib.blake2b(digest_size=16)
    if len(keys) > 1 and any(config.values()):
        raise RecipeError(f"run config makes one dataset, this run covers {len(keys)}: {', '.join(keys[:5])}")
    for key in keys:
        store = data.store(key)
        recipe = resolve_recipe(config, store)
        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            remove_partials(store.folder)
            figures = _parse(context, recipe, store)
            register_shards(context.instance, key, store.shards())
            versions.update(store.tasks_fingerprint())
        if figures.rejected:
            context.log.warning(f"{figures.rejected} of {figures.lines} lines rejected, see {store.rejects_path}")
        if warning := split_warning(recipe, figures.eval_dialogues):
            context.log.warning(warning)
        for warning in figures.voice_warnings:
            context.log.warning(warning)
        if figures.unknown_fields:
            context.log.info(f"unknown fields ignored: {figures.unknown_fields}")
        if warning := lanes_warning(recipe):
            context.log.warning(warning)
        context.add_asset_metadata(
            {
                **{name: value for name, value in asdict(figures).items() if name not in _TEXTS},
                "lines_per_second": round(figures.lines / max(figures.wall_seconds, 1e-9)),
                "recipe": dg.MetadataValue.json(recipe.model_dump(mode="json")),
                "folder": dg.MetadataValue.path(str(store.folder)),
                "rejects": dg.MetadataValue.path(str(store.rejects_path)),
                **rejects_table(store),
                **reading_table(figures.reading),
                **place(store.tasks_folder, figures.tasks),
            },
            partition_key=key,
        )
    # By what was parsed, not by the run: parsing the same file once more puts no shard out of sync.
    return dg.MaterializeResult(data_version=dg.DataVersion(versions.hexdigest()))
