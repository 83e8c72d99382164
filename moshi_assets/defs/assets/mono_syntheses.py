"""`mono_syntheses`: the tasks of shards, spoken by lanes. Plan, one mapped step per lane, gather."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ...names import split_shard_key
from ...processes.worker import prepare_worker
from ...recipe import Recipe
from ...resume.missing import missing_rows
from ...storage.dataset import DatasetStore
from ...storage.lock import dataset_lock
from ...synthesis.figures import SpeechFigures
from ...synthesis.lane import Lane, LaneReport
from ...synthesis.lane_work import LaneWork, deal, longest_first
from ...synthesis.progress import clear_progress
from ...synthesis.shard_shares import leave_share
from ...synthesis.spoken_shard import close_shard
from ..asset_metadata import OWNERS, place
from ..early_record import record_shard
from ..partitions import OF_DATASET, SINGLE_RUN, by_dataset, shards
from ..plain_failure import tells_plainly
from ..resources import DataRoot, EngineResource
from ..run_tags import lock_owner


@dg.op(ins={"synthesis_tasks": dg.In(dg.Nothing)}, out=dg.DynamicOut(list))
@tells_plainly
def plan_lanes(context: dg.OpExecutionContext, data: DataRoot) -> Iterator[dg.DynamicOutput]:
    """Find what is missing in the run's shards and deal it to lanes; no lane where nothing is."""
    run_config: Any = context.run.run_config
    width = run_config.get("execution", {}).get("config", {}).get("max_concurrent")
    lanes: dict[int, list[LaneWork]] = {}
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        recipe = store.recipe()
        count = min(recipe.worker_count, width or recipe.worker_count)
        if count < recipe.worker_count:
            context.log.warning(
                f"the run has room for {count} lanes, the recipe asks for {recipe.worker_count}: set "
                f"'execution: {{config: {{max_concurrent: {recipe.worker_count}}}}}' in the run config"
            )
        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            clear_progress(store.progress_folder)
            missing = [(key, longest_first(store, key, missing_rows(store, recipe, key))) for key in keys]
        total = sum(len(rows) for _, rows in missing)
        context.log.info(f"{dataset}: {total} tasks to speak in {len(keys)} shards, {count} lane(s)")
        for work in deal(missing, count):
            lanes.setdefault(work.lane, []).append(work)
    for lane, works in sorted(lanes.items()):
        yield dg.DynamicOutput(works, mapping_key=f"lane_{lane}")


@dg.op
@tells_plainly
def speak_lane(context: dg.OpExecutionContext, works: list, data: DataRoot, engines: EngineResource) -> list:
    """Speak one lane's share of every shard with one warm engine."""
    prepare_worker()
    return [_speak(context, work, data.store(split_shard_key(next(iter(work.rows)))[0]), engines) for work in works]


def _speak(context: dg.OpExecutionContext, work: LaneWork, store: DatasetStore, engines: EngineResource) -> LaneReport:
    """Speak a lane's share of one dataset; shards of which no other lane has anything left are done with it."""
    recipe = store.recipe()
    closed: dict[str, dict[str, Any]] = {}

    def observe(shard: str, figures: dict[str, Any]) -> None:
        context.log_event(dg.AssetObservation("mono_syntheses", partition=shard, metadata=figures))

    def done(shard: str, figures: SpeechFigures, failures: dict[str, str]) -> None:
        spoken = leave_share(store, shard, work.lane, work.sharers[shard], figures, failures)
        if spoken:
            closed[shard] = _close(store, recipe, shard, *spoken)
            record_shard(context, "mono_syntheses", shard, closed[shard])

    with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
        engine = engines.engine(recipe, work.lane)
        context.log.info(f"engine {recipe.engine} ready after {engines.load_seconds:.1f} s")
        report = Lane(store, recipe, engine, work, observe, done=done).run()
    report.load_seconds, report.closed = engines.load_seconds, closed
    return report


def _close(
    store: DatasetStore, recipe: Recipe, shard: str, figures: SpeechFigures, failures: dict[str, str]
) -> dict[str, Any]:
    """Metadata of a shard that is done."""
    numbers = close_shard(store, recipe, shard, figures, failures)
    return numbers | place(store.mono_folder(shard), numbers["tasks"])


@dg.op
@tells_plainly
def gather_lanes(context: dg.AssetExecutionContext, reports: list, data: DataRoot) -> None:
    """Tell what the lanes said of each shard; close those of which nothing was left to speak."""
    figures: dict[str, SpeechFigures] = {}
    failures: dict[str, dict[str, str]] = {}
    closed: dict[str, dict[str, Any]] = {}
    for report in (report for lane in reports for report in lane):
        closed |= report.closed
        for shard, part in report.figures.items():
            figures.setdefault(shard, SpeechFigures()).merge(part)
            failures.setdefault(shard, {}).update(report.failures[shard])
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            recipe = store.recipe()
            for key in keys:
                metadata = closed.get(key) or _close(
                    store, recipe, key, figures.get(key, SpeechFigures()), failures.get(key, {})
                )
                context.add_asset_metadata(metadata, partition_key=key)


@dg.graph_asset(
    partitions_def=shards,
    backfill_policy=SINGLE_RUN,
    code_version="1",  # raise it when the same tasks sound otherwise for a reason that no content key tells
    owners=OWNERS,
    ins={"synthesis_tasks": dg.AssetIn(dagster_type=dg.Nothing, partition_mapping=OF_DATASET)},
    kinds={"python", "arrow"},
    group_name="moshi",
)
def mono_syntheses(synthesis_tasks):  # type: ignore[no-untyped-def]  # Dagster would take an annotation for a type of its own
    """Every task of a shard as mono int16 audio in Arrow parts; only what is missing or changed is spoken."""
    return gather_lanes(plan_lanes(synthesis_tasks).map(speak_lane).collect())
