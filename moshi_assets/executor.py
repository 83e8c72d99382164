"""The executor: one process a lane, as many as the run config says."""

from __future__ import annotations

import dagster as dg

from .files import usable_cores
from .fork_server import start_method


# dg.configured with a schema, because multiprocess_executor.configured({...}) would ignore run config.
@dg.configured(
    dg.multiprocess_executor,
    config_schema={
        "max_concurrent": dg.Field(
            int,
            default_value=usable_cores(),
            description="Worker processes of the run; must be at least the recipe's worker_count.",
        )
    },
)
def lanes_executor(config: dict) -> dict:
    """Multiprocess executor whose width follows the recipe's worker_count."""
    return {"max_concurrent": config["max_concurrent"], "start_method": start_method()}


def executor_config(worker_count: int) -> dict:
    """Run config that makes room for `worker_count` lanes."""
    return {"execution": {"config": {"max_concurrent": max(1, worker_count)}}}
