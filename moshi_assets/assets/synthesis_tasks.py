"""`synthesis_tasks`: a dialogue file becomes the synthesis tasks of every shard."""

import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from ..files import remove_partials
from ..inbox import ENDINGS
from ..lock import dataset_lock
from ..names import INBOX
from ..partitions import SINGLE_RUN, datasets, register_shards
from ..planner import ParseFigures, lanes_warning, plan, split_warning
from ..progress import ParseProgressFile, clear_progress
from ..recipe import Recipe, RecipeError, make_recipe, read_recipe_settings
from ..resources import DataRoot
from ..run_tags import lock_owner
from ..store import DatasetStore

_LOG_SECONDS = 3.0


class SynthesisTasksConfig(dg.Config):
    """What to build the dataset from. Nothing given: its stored recipe, else a file of its name in the inbox."""

    input: str | None = None
    """Dialogue file (JSONL, .gz too)."""
    recipe: dict[str, Any] = {}
    """Settings as in a recipe file; they override it."""
    recipe_file: str | None = None
    """Recipe file (YAML)."""


def resolve_recipe(config: SynthesisTasksConfig, store: DatasetStore) -> Recipe:
    """Recipe for a materialization.

    Raises:
        RecipeError: nothing says what to read, or a setting is wrong.
    """
    if not (config.input or config.recipe or config.recipe_file) and store.recipe_path.is_file():
        return store.recipe()
    settings = read_recipe_settings(Path(config.recipe_file)) if config.recipe_file else {}
    settings |= config.recipe
    source = config.input or settings.get("source")
    if not source:
        inbox = [store.root / INBOX / f"{store.name}{ending}" for ending in ENDINGS]
        found = [path for path in inbox if path.is_file()]
        if not found:
            raise RecipeError(
                f"nothing says what dataset {store.name!r} is made from: give the dialogue file as run config "
                f"'ops: {{synthesis_tasks: {{config: {{input: FILE.jsonl}}}}}}', or put it at {inbox[0]}"
            )
        source = found[0]
    return make_recipe(settings | {"name": store.name, "source": str(Path(source).expanduser().resolve())})


def _parse(context: dg.AssetExecutionContext, recipe: Recipe, store: DatasetStore) -> ParseFigures:
    """Plan a dataset; the command line is told often how far it is, the run's log now and then."""
    progress = ParseProgressFile(store.progress_folder)
    told = time.monotonic()

    def report(figures: ParseFigures) -> None:
        nonlocal told
        progress.state.lines, progress.state.rejected = figures.lines, figures.rejected
        progress.update()
        if time.monotonic() - told > _LOG_SECONDS:
            told = time.monotonic()
            context.log.info(f"{figures.lines} lines read, {figures.rejected} rejected")

    try:
        figures = plan(recipe, store, report)
        report(figures)
        return figures
    except BaseException:
        clear_progress(store.progress_folder)
        with suppress(OSError):
            store.progress_folder.rmdir()  # a parse that fails leaves no folder behind
        raise
    finally:
        progress.close()


@dg.asset(partitions_def=datasets, backfill_policy=SINGLE_RUN, kinds={"python", "arrow"}, group_name="moshi")
def synthesis_tasks(
    context: dg.AssetExecutionContext, config: SynthesisTasksConfig, data: DataRoot
) -> dg.MaterializeResult:
    """The dialogue file, validated and cut into shards of synthesis tasks; bad lines go to `rejects.ndjson`."""
    keys = context.partition_keys
    if len(keys) > 1 and (config.input or config.recipe or config.recipe_file):
        raise RecipeError(f"run config makes one dataset, this run covers {len(keys)}: {', '.join(keys[:5])}")
    for key in keys:
        store = data.store(key)
        recipe = resolve_recipe(config, store)
        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            remove_partials(store.folder)
            figures = _parse(context, recipe, store)
            register_shards(context.instance, key, store.shards())
        if figures.rejected:
            context.log.warning(f"{figures.rejected} of {figures.lines} lines rejected, see {store.rejects_path}")
        if warning := split_warning(recipe, figures.eval_dialogues):
            context.log.warning(warning)
        if figures.unknown_fields:
            context.log.info(f"unknown fields ignored: {figures.unknown_fields}")
        if warning := lanes_warning(recipe):
            context.log.warning(warning)
        context.add_asset_metadata(
            {
                **{name: value for name, value in asdict(figures).items() if name != "unknown_fields"},
                "lines_per_second": round(figures.lines / max(figures.wall_seconds, 1e-9)),
                "recipe": dg.MetadataValue.json(recipe.model_dump(mode="json")),
                "folder": dg.MetadataValue.path(str(store.folder)),
                "rejects": dg.MetadataValue.path(str(store.rejects_path)),
            },
            partition_key=key,
        )
    return dg.MaterializeResult()
