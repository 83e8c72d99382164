"""The three jobs of a build, as child processes load them, and how one is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from ..definitions import defs

Job = Callable[[], dg.JobDefinition]


# Dagster names them by module and function to its steps.
def parse_dataset() -> dg.JobDefinition:
    """The job that plans a dataset."""
    return defs.resolve_job_def("parse_dataset")


def build_shards() -> dg.JobDefinition:
    """The job that speaks shards and makes their recordings and transcripts."""
    return defs.resolve_job_def("build_shards")


def publish_manifest() -> dg.JobDefinition:
    """The job that publishes the manifest, the card and the report."""
    return defs.resolve_job_def("publish_manifest")


def execute(
    instance: dg.DagsterInstance, job: Job, config: Mapping[str, Any], tags: Mapping[str, str]
) -> tuple[str, bool]:
    """Run a job in this process and its children; return the run's id and whether it succeeded."""
    with dg.execute_job(
        dg.reconstructable(job), instance, run_config=config, tags=tags, raise_on_error=False
    ) as result:
        return result.run_id, result.success
