"""Jobs: the three runs that make a dataset. Their partitions differ, so one job cannot hold them all."""

from __future__ import annotations

import dagster as dg

from .assets import manifest, shard_assets, synthesis_tasks
from .run_tags import GPU_TAG

parse_dataset = dg.define_asset_job(
    "parse_dataset",
    selection=dg.AssetSelection.assets(synthesis_tasks),
    executor_def=dg.in_process_executor,
    description="Read and validate a dialogue file; cut it into shards of synthesis tasks.",
)
build_shards = dg.define_asset_job(
    "build_shards",
    selection=dg.AssetSelection.assets(shard_assets),
    tags={GPU_TAG: "true"},
    description="Speak a range of shards, assemble their stereo recordings, and write their transcripts.",
)
publish_manifest = dg.define_asset_job(
    "publish_manifest",
    selection=dg.AssetSelection.assets(manifest),
    executor_def=dg.in_process_executor,
    description="Write the manifest of a finished dataset.",
)

JOBS = [parse_dataset, build_shards, publish_manifest]
