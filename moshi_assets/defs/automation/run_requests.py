"""Run requests for ranges of shards and for manifests, shared by all sensors and schedules."""

import dagster as dg

from ...recipe import Recipe
from ...storage.dataset import DatasetStore
from ..executor import executor_config
from ..partitions import contiguous_ranges, register_dataset
from ..run_tags import DATASET_TAG, GPU_TAG

SHARDS_PER_RUN = 64
"""Most shards of one requested run: 16 384 dialogues at the default shard size, hours of work, yet resumable in the
UI.
"""

WAITING_OR_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def shard_requests(
    instance: dg.DagsterInstance, store: DatasetStore, recipe: Recipe, wanted: list[str], cause: str
) -> list[dg.RunRequest]:
    """One request per contiguous range of `wanted`, with room for the recipe's lanes.

    Args:
        instance: learns of the shards where it does not know them; a run of unknown ones would never start.
        store, recipe: the dataset.
        wanted: shard keys.
        cause: what asks for them; with the range it makes the run key, so that asking twice starts nothing twice.
    """
    register_dataset(instance, store)
    return [
        dg.RunRequest(
            run_key=f"{cause}:{first}:{last}",
            job_name="build_shards",
            run_config=executor_config(recipe.worker_count),
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
                DATASET_TAG: store.name,
                GPU_TAG: "true",
            },
        )
        for first, last in contiguous_ranges(wanted, store.shards(), SHARDS_PER_RUN)
    ]


def manifest_request(instance: dg.DagsterInstance, store: DatasetStore, cause: str) -> dg.RunRequest:
    """Request for a dataset's manifest; `instance` and `cause` as in `shard_requests`."""
    register_dataset(instance, store)
    return dg.RunRequest(
        run_key=f"{cause}:{store.name}",
        job_name="publish_manifest",
        partition_key=store.name,
        tags={DATASET_TAG: store.name},
    )


def datasets_underway(instance: dg.DagsterInstance) -> set[str]:
    """Datasets that a run waits for or works on, whoever started it."""
    names = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=WAITING_OR_ACTIVE)):
        for tag in (DATASET_TAG, "dagster/partition", "dagster/asset_partition_range_start"):
            if tag in run.tags:
                names.add(run.tags[tag].partition(".")[0])
    return names
