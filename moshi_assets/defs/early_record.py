"""Records a shard as materialized when it is done, so that a terminated run has not worked in vain.

Dagster records what a step makes when the step ends, all shards of a range at once, with the versions that its lineage
needs. That stays so. What is recorded early carries a tag, by which sensors and sums tell it from the record that
follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

EARLY_TAG = "moshi_assets/early"
"""On what is recorded while the step still works on other shards."""


def record_shard(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, asset: str, shard: str, metadata: Mapping[str, Any]
) -> None:
    """Record a shard as materialized now. Where it is the run's only one, the step's own record is as early."""
    if len(context.partition_keys) > 1:
        context.log_event(dg.AssetMaterialization(asset, partition=shard, metadata=metadata, tags={EARLY_TAG: "true"}))


def is_early(materialization: dg.AssetMaterialization | None) -> bool:
    """Whether another record of the same shard is to follow in the same run, unless that is terminated."""
    return materialization is not None and EARLY_TAG in (materialization.tags or {})
