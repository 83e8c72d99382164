"""`mono_syntheses`: the tasks of shards, spoken by lanes. Plan, one mapped step per lane, gather."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ..lane import Lane, LaneReport
from ..lock import dataset_lock
from ..metrics import SpeechFigures
from ..partitions import OF_DATASET, SINGLE_RUN, by_dataset, shards
from ..progress import clear_progress
from ..quality.shard import finish_shard
from ..resources import DataRoot, EngineResource
from ..run_tags import lock_owner
from ..speed import record_speed
from ..work import LaneWork, deal, longest_first, missing_rows, remove_unwanted_parts
from ..worker_process import prepare_worker


@dg.op(ins={"synthesis_tasks": dg.In(dg.Nothing)}, out=dg.DynamicOut(list))
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
def speak_lane(context: dg.OpExecutionContext, works: list, data: DataRoot, engines: EngineResource) -> list:
    """Speak one lane's share of every shard with one warm engine."""
    prepare_worker()
    reports: list[LaneReport] = []
    for work in works:
        store = data.store(next(iter(work.rows)).rpartition(".")[0])
        recipe = store.recipe()

        def observe(shard: str, figures: dict) -> None:
            context.log_event(dg.AssetObservation("mono_syntheses", partition=shard, metadata=figures))

        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            engine = engines.engine(recipe, work.lane)
            context.log.info(f"engine {recipe.engine} ready after {engines.load_seconds:.1f} s")
            report = Lane(store, recipe, engine, work, observe).run()
            report.load_seconds = engines.load_seconds
        reports.append(report)
    return reports


@dg.op
def gather_lanes(context: dg.AssetExecutionContext, reports: list, data: DataRoot) -> None:
    """Merge the lanes' reports shard by shard, record what is rejected, drop parts that nothing wants any more."""
    figures: dict[str, SpeechFigures] = {}
    failures: dict[str, dict[str, str]] = {}
    for report in (report for lane in reports for report in lane):
        for shard, part in report.figures.items():
            figures.setdefault(shard, SpeechFigures()).merge(part)
            failures.setdefault(shard, {}).update(report.failures[shard])
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
            for key in keys:
                tasks = store.tasks(key)
                quality = finish_shard(store, store.recipe(), key, failures.get(key, {}))
                shard = figures.get(key, SpeechFigures())
                shard.tasks, shard.failed = len(tasks), quality.failed
                shard.reused = shard.tasks - shard.spoken - shard.failed
                record_speed(store, key, shard)
                if shard.reused:
                    remove_unwanted_parts(store, store.recipe(), key)
                metadata = {"dialogues": len(set(tasks.column("dialogue_id").to_pylist())), **shard.summary()}
                metadata |= {"rejected": len(quality.failures), **quality.summary()}
                context.add_asset_metadata(metadata, partition_key=key)


@dg.graph_asset(
    partitions_def=shards,
    backfill_policy=SINGLE_RUN,
    ins={"synthesis_tasks": dg.AssetIn(dagster_type=dg.Nothing, partition_mapping=OF_DATASET)},
    kinds={"python", "arrow"},
    group_name="moshi",
)
def mono_syntheses(synthesis_tasks):
    """Every task of a shard as mono int16 audio in Arrow parts; only what is missing or changed is spoken."""
    return gather_lanes(plan_lanes(synthesis_tasks).map(speak_lane).collect())
