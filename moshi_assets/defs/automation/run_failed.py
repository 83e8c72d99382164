"""Advice after a failed run, in the sensor's log and in the run's own."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from ..dead_runs import data_root_of
from ..resources import DATA_VARIABLE, DataRoot
from ..run_failure import RunFailure, run_failure
from ..run_tags import DATASET_TAG

_START, _END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_JOB_ASSETS = {"parse_dataset": {"synthesis_tasks"}, "publish_manifest": {"manifest"}}


def rerun_command(run: dg.DagsterRun, step: str | None, home: str, root: Path) -> str:
    """Command for a shell that does what a failed run did not finish; what it did finish is kept.

    A run over shards is finished by all that makes them, because the reason may lie before the asset that failed.

    Args:
        run: the failed run; its partitions, and what its config says of the dataset and the lanes, are taken over.
        step: key of the step that failed; it names the asset if the run does not.
        home: DAGSTER_HOME of its history.
        root: folder of its datasets.
    """
    tags, config = run.tags, run.run_config
    assets = {key.to_user_string() for key in run.asset_selection or ()} or _JOB_ASSETS.get(run.job_name, set())
    assets = assets or {(step or "").partition(".")[0]}
    if not assets <= {"synthesis_tasks", "manifest"}:
        assets = {"mono_syntheses", "stereo_pairs", "transcripts"}
    command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
    command += ["-m", "moshi_assets.definitions", "--select", ",".join(sorted(assets))]
    if _START in tags:
        command += ["--partition-range", f"{tags[_START]}...{tags[_END]}"]
    else:
        command += ["--partition", tags.get("dagster/partition") or tags.get(DATASET_TAG) or "NAME"]
    if kept := {key: config[key] for key in ("ops", "execution") if _says_something(config.get(key))}:
        command += ["--config-json", json.dumps(kept)]
    return f"DAGSTER_HOME={shlex.quote(home)} {DATA_VARIABLE}={shlex.quote(str(root))} {shlex.join(command)}"


def _says_something(config: Any) -> bool:
    """False for a config that holds empty mappings alone."""
    return any(map(_says_something, config.values())) if isinstance(config, Mapping) else config is not None


def advice(run: dg.DagsterRun, why: RunFailure, home: str, root: Path) -> str:
    """Advice on a failed run: the reason, and the command that finishes it, unless it would fail in the same way."""
    told = f"run {run.run_id} of {run.job_name} failed: {why.message.rstrip('.')}"
    if why.at_fault == "input":
        return f"{told}. This is to be mended first: the same run would fail again"
    return f"{told}. {'Then, to' if why.at_fault else 'To'} finish it: {rerun_command(run, why.step, home, root)}"


@dg.run_failure_sensor(
    description="Failed run: logs why, and what to mend or the command that finishes it.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
)
def run_failed(context: dg.RunFailureSensorContext, data: DataRoot) -> None:
    """Log the reason of a failure, and the remedy or the command that finishes the run."""
    run = context.dagster_run
    why = run_failure([*context.get_step_failure_events(), context.failure_event])
    told = advice(run, why, context.instance.root_directory, data_root_of(run, data.root))
    context.log.error(told)
    context.instance.report_engine_event(told, run)
