"""The sensor that closes killed runs, so that later runs do not wait for them."""

import dagster as dg

from ..dead_runs import close_dead_runs
from ..resources import DataRoot


@dg.sensor(
    description="Marks runs as failed whose processes are gone.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def dead_runs(context: dg.SensorEvaluationContext, data: DataRoot) -> dg.SkipReason:
    """Mark runs as failed if their processes are gone, such as the runs of a killed `moshi-assets build`.

    Until then they would count as running: their dataset would be left alone, and nothing else could use the GPU.
    """
    closed = close_dead_runs(context.instance, data.root)
    for run in closed:
        context.log.warning(f"run {run.run_id} of {run.job_name} is marked failed: its processes are gone")
    return dg.SkipReason(f"{len(closed)} runs marked failed" if closed else "every active run has its processes")
