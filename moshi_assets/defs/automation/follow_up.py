"""Sensors that continue a dataset: after the tasks its shards are requested, after the last shard its manifest."""

import dagster as dg

from ...names import split_shard_key
from ...resume.finished import manifest_is_current, unfinished_shards
from ...storage.dataset import DatasetError
from ..early_record import is_early
from ..jobs import build_shards, publish_manifest
from ..resources import DataRoot
from ..run_tags import is_driven
from .run_requests import manifest_request, shard_requests

_EVENTS_PER_TICK = 500


def new_materializations(context: dg.SensorEvaluationContext, asset: str) -> tuple[list[tuple[int, str]], str | None]:
    """Materializations of `asset` since the cursor, as (storage id, partition), without those of `moshi-assets build`.

    The command line drives its own runs; a sensor that helped it would only collide with it.

    Returns:
        The events in order, and the cursor to set.
    """
    cursor = int(context.cursor) if context.cursor else None
    result = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), after_storage_id=cursor),
        limit=_EVENTS_PER_TICK,
        ascending=True,
    )
    drivers: dict[str, bool] = {}
    events = []
    for record in result.records:
        run_id = record.run_id
        if run_id not in drivers:
            run = context.instance.get_run_by_id(run_id)
            drivers[run_id] = run is not None and is_driven(run.tags)
        if not drivers[run_id] and record.partition_key and not is_early(record.asset_materialization):
            events.append((record.storage_id, record.partition_key))
    return events, str(result.records[-1].storage_id) if result.records else context.cursor


@dg.sensor(
    description="Parsed dataset: requests its unfinished shards.",
    jobs=[build_shards, publish_manifest],
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def request_shards(context: dg.SensorEvaluationContext, data: DataRoot) -> dg.SensorResult | dg.SkipReason:
    """When a dataset's tasks are parsed, request its unfinished shards in contiguous ranges.

    Where none is unfinished (a line was taken out at the end, say), the manifest is requested at once.
    """
    events, cursor = new_materializations(context, "synthesis_tasks")
    requests = []
    for dataset, storage_id in {dataset: storage_id for storage_id, dataset in events}.items():
        try:
            store = data.store(dataset)
            recipe = store.recipe()
            unfinished = unfinished_shards(store, recipe)
            if unfinished:
                requests += shard_requests(context.instance, store, recipe, unfinished, f"parsed-{storage_id}")
            elif not manifest_is_current(store, recipe):
                requests.append(manifest_request(context.instance, store, f"parsed-{storage_id}"))
        except (DatasetError, ValueError) as error:
            context.log.warning(f"{dataset}: {error}")
    return _result(context, requests, cursor, "no newly parsed dataset has anything left to do")


@dg.sensor(
    description="Last shard of a dataset done: requests its manifest.",
    job=publish_manifest,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def request_manifest(context: dg.SensorEvaluationContext, data: DataRoot) -> dg.SensorResult | dg.SkipReason:
    """When the last shard of a dataset has its transcripts, request its manifest."""
    events, cursor = new_materializations(context, "transcripts")
    requests = []
    for dataset, storage_id in {split_shard_key(key)[0]: storage_id for storage_id, key in events}.items():
        try:
            store = data.store(dataset)
            recipe = store.recipe()
            left = unfinished_shards(store, recipe)
            if left:
                context.log.info(f"{dataset}: {len(left)} shards to go")
            elif not manifest_is_current(store, recipe):
                requests.append(manifest_request(context.instance, store, f"transcribed-{storage_id}"))
        except (DatasetError, ValueError) as error:
            context.log.warning(f"{dataset}: {error}")
    return _result(context, requests, cursor, "no dataset was finished by new transcripts")


def _result(
    context: dg.SensorEvaluationContext, requests: list[dg.RunRequest], cursor: str | None, otherwise: str
) -> dg.SensorResult | dg.SkipReason:
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    context.update_cursor(cursor or "")
    return dg.SkipReason(otherwise)
