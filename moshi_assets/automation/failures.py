"""What to do after a failed run, said where one looks: in the sensor's log and the run's own."""

import dagster as dg

from ..run_failure import run_failure
from ..run_tags import DATASET_TAG

_START, _END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def rerun_advice(run: dg.DagsterRun) -> str:
    """Command that does what a failed run did not finish; what it did finish is kept."""
    tags = run.tags
    if _START in tags:
        partitions = f"--partition-range {tags[_START]}...{tags[_END]}"
        assets = "mono_syntheses,stereo_pairs,transcripts"
    else:
        partitions = f"--partition {tags.get('dagster/partition', tags.get(DATASET_TAG, 'DATASET'))}"
        assets = ",".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or {
            "parse_dataset": "synthesis_tasks",
            "publish_manifest": "manifest",
            "build_shards": "mono_syntheses,stereo_pairs,transcripts",
        }.get(run.job_name, "ASSET")
    return f"dagster asset materialize -m moshi_assets.definitions --select {assets} {partitions}"


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=15)
def run_failed(context: dg.RunFailureSensorContext) -> None:
    """Log what failed and the command that finishes it."""
    run = context.dagster_run
    why = run_failure([*context.get_step_failure_events(), context.failure_event]).message
    advice = f"run {run.run_id} of {run.job_name} failed: {why.rstrip('.')}. To finish it: {rerun_advice(run)}"
    context.log.error(advice)
    context.instance.report_engine_event(advice, run)
