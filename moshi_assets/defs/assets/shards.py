"""`mono_syntheses`, `stereo_pairs`, `transcripts`: what is made of a shard, in one pass. Plan, a step for each lane,
gather.

Selected together, a dialogue is recorded and transcribed as soon as it is spoken; each can be materialized alone, too.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of ops.

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from ...faults import Fault
from ...making.complete import STAGES, ShardReport, Stage
from ...making.shard_maker import ShardMaker
from ...making.shares import ShardShare, deal
from ...names import split_shard_key
from ...processes.worker import prepare_worker
from ...publish.so_far import publish_so_far
from ...recipe import Recipe
from ...resume.finished import is_finished
from ...resume.moved import take_over_moved
from ...storage.dataset import DatasetStore, tasks_path
from ...synthesis.progress import clear_lanes
from ...synthesis.quality_table import quality_figures, read_quality
from ...transcripts.stage import TranscriptFigures
from ..asset_metadata import OWNERS
from ..checks import STEREO_CHECKS, TRANSCRIPT_CHECKS, check_results
from ..dataset_at_work import dataset_at_work
from ..early_record import record_shard
from ..partitions import OF_DATASET, SINGLE_RUN, by_dataset, shards
from ..plain_failure import tells_plainly
from ..resources import DataRoot, EngineResource
from ..shard_metadata import ASSET_OF, shard_metadata

_ALL_REJECTED = "every dialogue of these shards is rejected"
_CHECKS = [*STEREO_CHECKS, *TRANSCRIPT_CHECKS]


def _stages(context: dg.OpExecutionContext) -> tuple[Stage, ...]:
    """What of the shards the run is to make."""
    wanted = {key.to_user_string() for key in context.assets_def.keys}
    return tuple(stage for stage in STAGES if ASSET_OF[stage] in wanted)


@dg.op(ins={"synthesis_tasks": dg.In(dg.Nothing)}, out=dg.DynamicOut(list))
@tells_plainly
def plan_lanes(context: dg.OpExecutionContext, data: DataRoot) -> Iterator[dg.DynamicOutput]:
    """Deal the run's shards to lanes; dialogues that have moved to another shard take along what is known of them."""
    run_config: Any = context.run.run_config
    width = run_config.get("execution", {}).get("config", {}).get("max_concurrent")
    lanes: dict[int, list[list[ShardShare]]] = {}
    for dataset, keys in by_dataset(context.partition_keys).items():
        with dataset_at_work(context, data, dataset) as (store, recipe):
            count = min(recipe.worker_count, width or recipe.worker_count)
            if count < recipe.worker_count:
                context.log.warning(
                    f"the run has room for {count} lanes, the recipe asks for {recipe.worker_count}: set "
                    f"'execution: {{config: {{max_concurrent: {recipe.worker_count}}}}}' in the run config"
                )
            clear_lanes(store.progress_folder)  # a parse may still be going on
            unfinished = [key for key in keys if not is_finished(store, recipe, key)]
            speech = "speech" in _stages(context)
            if speech:
                take_over_moved(store, recipe, unfinished)
            context.log.info(f"{dataset}: {len(unfinished)} of {len(keys)} shards to make, {count} lane(s)")
            weights = _weights(store, keys, unfinished)
            for lane, shares in enumerate(deal(store, weights, count, may_cut=speech)):
                lanes.setdefault(lane, []).append(shares)
    for lane, dealt in sorted(lanes.items()):
        yield dg.DynamicOutput(dealt, mapping_key=f"lane_{lane}")


def _weights(store: DatasetStore, keys: list[str], unfinished: list[str]) -> dict[str, float]:
    """About how much work each shard is, by the size of its tasks; finished ones are only looked at."""
    due = set(unfinished)
    sizes = {key: _size(store, key) for key in keys}
    return {key: size if key in due else 0.01 * size for key, size in sizes.items()}


def _size(store: DatasetStore, shard: str) -> int:
    """Bytes of a shard's tasks."""
    path = tasks_path(store.tasks_folder, shard)
    if not path.is_file():
        store.tasks(shard)  # which says what to do
    return path.stat().st_size


@dg.op
@tells_plainly
def make_shards(context: dg.OpExecutionContext, dealt: list, data: DataRoot, engines: EngineResource) -> list:
    """Make one lane's shards with one warm engine: speak, assemble, transcribe."""
    prepare_worker()
    reports: list[ShardReport] = []
    for shares in dealt:
        dataset, _ = split_shard_key(shares[0].shard)
        with dataset_at_work(context, data, dataset) as (store, recipe):
            _make(context, store, recipe, shares, engines, reports.append)
    return reports


def _make(
    context: dg.OpExecutionContext,
    store: DatasetStore,
    recipe: Recipe,
    shares: list[ShardShare],
    engines: EngineResource,
    keep: Callable[[ShardReport], None],
) -> None:
    """Make a lane's shards of one dataset; each is recorded when it is done."""
    lane = int((context.get_mapping_key() or "lane_0").removeprefix("lane_"))

    def load() -> Any:
        engine = engines.engine(recipe, lane)
        context.log.info(f"engine {recipe.engine} ready after {engines.load_seconds:.1f} s")
        return engine

    def observe(shard: str, figures: dict[str, Any]) -> None:
        context.log_event(dg.AssetObservation("mono_syntheses", partition=shard, metadata=figures))

    finished = 0

    def made(report: ShardReport) -> None:
        nonlocal finished
        keep(report)
        finished += report.finished
        if report.finished and recipe.publish_every and finished % recipe.publish_every == 0:
            context.log.info(f"{store.name}: {publish_so_far(store, recipe)} recordings in the manifest so far")
        if not report.faults:
            for asset, metadata in shard_metadata(store, report).items():
                record_shard(context, asset, report.shard, metadata)

    spoken = ShardMaker(store, recipe, load, _stages(context), lane, recipe.worker_count).make(shares, made, observe)
    context.log.info(f"{store.name}: {spoken} tasks spoken")


@dg.op(
    out={
        **{asset: dg.Out(dg.Nothing, is_required=False) for asset in ASSET_OF.values()},
        **{spec.get_python_identifier(): dg.Out(is_required=False) for spec in _CHECKS},
    }
)
@tells_plainly
def gather_lanes(context: dg.AssetExecutionContext, lanes: list, data: DataRoot) -> Iterator[Any]:
    """Record what the lanes made of every shard, and whether it passes the checks."""
    reports = {report.shard: report for lane in lanes for report in lane}
    stages = _stages(context.op_execution_context)
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        for key in keys:
            for asset, metadata in shard_metadata(store, reports[key]).items():
                context.add_asset_metadata(metadata, dg.AssetKey(asset), partition_key=key)
            _warn(context, reports[key])
    for stage in stages:
        yield dg.Output(None, ASSET_OF[stage])
    if "stereo" in stages:
        yield from _stereo_checks(data, list(reports.values()))
    if "transcripts" in stages:
        yield from _transcript_checks(context, data, list(reports.values()))


def _stereo_checks(data: DataRoot, reports: list[ShardReport]) -> Iterator[dg.AssetCheckResult]:
    faults: list[Fault] = []
    warnings: list[Fault] = []
    checked = 0
    for report in reports:
        figures = report.stereo
        assert figures is not None
        faults += figures.faults + report.gates
        checked += figures.written + figures.reused
        if figures.rejected == figures.dialogues:
            rejected, count = report.quality["utterances_rejected"], report.quality["utterances"]
            message = f"{rejected} of {rejected + count} utterances are rejected, and with them every dialogue"
            warnings.append(Fault("gates", report.shard, message))
    tables = [read_quality(data.store(split_shard_key(report.shard)[0]), report.shard) for report in reports]
    numbers = {"gates": quality_figures(pa.concat_tables(tables))}
    yield from check_results(STEREO_CHECKS, faults, checked, numbers, warnings, _ALL_REJECTED)


def _transcript_checks(
    context: dg.AssetExecutionContext, data: DataRoot, reports: list[ShardReport]
) -> Iterator[dg.AssetCheckResult]:
    figures = [report.transcripts or TranscriptFigures() for report in reports]
    faults = [fault for each in figures for fault in each.faults]
    wanted = all(data.store(dataset).recipe().transcripts for dataset in by_dataset(context.partition_keys))
    nothing = _ALL_REJECTED if wanted else "the recipe wants no transcripts"
    checked = sum(each.recordings for each in figures)
    yield from check_results(TRANSCRIPT_CHECKS, faults, checked, nothing=nothing)


def _warn(context: dg.AssetExecutionContext, report: ShardReport) -> None:
    figures = report.transcripts
    if figures is None:
        return
    for reason in figures.reasons:
        context.log.warning(reason)
    if figures.approximate:
        context.log.warning(
            f"{report.shard}: the word times of {figures.approximate} of {figures.methods.total()} turns are "
            f"approximate (by characters); with a CTC model of their language (ctc_model) they would be heard"
        )


@dg.graph(out={name: dg.GraphOut() for name in gather_lanes.output_dict})
def made_shards(synthesis_tasks):  # type: ignore[no-untyped-def]  # Dagster would take an annotation for a type of its own
    """Everything that is made of a shard."""
    outputs = gather_lanes(plan_lanes(synthesis_tasks).map(make_shards).collect())
    return {name: getattr(outputs, name) for name in gather_lanes.output_dict}


_KINDS = {"mono_syntheses": "arrow", "stereo_pairs": "wav", "transcripts": "json"}
_CODE_VERSIONS = {
    "mono_syntheses": "1",  # raise it when the same tasks sound otherwise for a reason that no content key tells
    "stereo_pairs": "1",  # raise it when the same sounds are assembled otherwise
    "transcripts": "1",  # raise it when the same recordings get other words or times (an aligner: VERSION in moshi_assets/transcripts/transcribe.py)  # noqa: E501
}
shard_assets = dg.AssetsDefinition.from_graph(
    made_shards,
    keys_by_input_name={"synthesis_tasks": dg.AssetKey("synthesis_tasks")},
    keys_by_output_name={asset: dg.AssetKey(asset) for asset in ASSET_OF.values()},
    internal_asset_deps={
        "mono_syntheses": {dg.AssetKey("synthesis_tasks")},
        "stereo_pairs": {dg.AssetKey("mono_syntheses")},
        "transcripts": {dg.AssetKey("stereo_pairs")},
    },
    partitions_def=shards,
    partition_mappings={"synthesis_tasks": OF_DATASET},
    group_name="moshi",
    descriptions_by_output_name={
        "mono_syntheses": "Every task of a shard, spoken; only what is missing or changed is spoken now.",
        "stereo_pairs": "Each dialogue of a shard as one stereo WAV, assistant left, user right.",
        "transcripts": "Both speakers' words and when they are heard; only what is missing or changed is aligned.",
    },
    tags_by_output_name={asset: {"dagster/kind/python": "", f"dagster/kind/{_KINDS[asset]}": ""} for asset in _KINDS},
    owners_by_output_name=dict.fromkeys(_KINDS, OWNERS),
    code_versions_by_output_name=_CODE_VERSIONS,
    backfill_policy=SINGLE_RUN,
    can_subset=True,
    check_specs=_CHECKS,
)
