"""Nightly back-fill: work that is missing, failed or out of date is requested again."""

from collections.abc import Iterator

import dagster as dg

from ...recipe import Recipe
from ...resume.finished import manifest_is_current, unfinished_shards
from ...storage.dataset import DatasetError, DatasetStore, datasets_in
from ..jobs import build_shards, publish_manifest
from ..resources import DataRoot
from .run_requests import datasets_underway, manifest_request, shard_requests


@dg.schedule(
    job=build_shards,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    description="At night: requests what is missing, failed or out of date, in ranges of shards.",
)
def nightly_backfill(context: dg.ScheduleEvaluationContext, data: DataRoot) -> list[dg.RunRequest] | dg.SkipReason:
    """Request every unfinished shard of every dataset that nothing is working on, in contiguous ranges.

    An explicit schedule, because automation conditions ask once for a missing partition and never again for a failed
    one. The tick is part of the run key: evaluating a tick twice starts nothing twice.
    """
    tick = context.scheduled_execution_time.strftime("%Y%m%dT%H%M")
    requests = [
        request
        for store, recipe, unfinished in _idle_datasets(context, data)
        for request in shard_requests(context.instance, store, recipe, unfinished, f"nightly-{tick}")
    ]
    return requests or dg.SkipReason("every dataset is finished or being worked on")


@dg.schedule(
    job=publish_manifest,
    cron_schedule="30 5 * * *",
    execution_timezone="UTC",
    description="Before the morning: requests the manifest of every finished dataset that has none or an old one.",
)
def nightly_manifests(context: dg.ScheduleEvaluationContext, data: DataRoot) -> list[dg.RunRequest] | dg.SkipReason:
    """Request the manifest of every finished dataset whose manifest is missing or older than its recordings."""
    tick = context.scheduled_execution_time.strftime("%Y%m%dT%H%M")
    requests = [
        manifest_request(context.instance, store, f"nightly-{tick}")
        for store, recipe, unfinished in _idle_datasets(context, data)
        if not unfinished and not manifest_is_current(store, recipe)
    ]
    return requests or dg.SkipReason("every finished dataset has its manifest")


def _idle_datasets(
    context: dg.ScheduleEvaluationContext, data: DataRoot
) -> Iterator[tuple[DatasetStore, Recipe, list[str]]]:
    """Datasets that no run waits for or works on, with their recipes and unfinished shards."""
    underway = datasets_underway(context.instance)
    for store in datasets_in(data.root):
        if store.name in underway:
            context.log.info(f"{store.name}: runs are underway, left alone tonight")
            continue
        try:
            recipe = store.recipe()
            unfinished = unfinished_shards(store, recipe)
        except (DatasetError, ValueError) as error:
            context.log.warning(f"{store.name}: {error}")
            continue
        yield store, recipe, unfinished
