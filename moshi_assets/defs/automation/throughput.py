"""Follows the throughput of materialized shards and warns when it falls."""

import os
import statistics

import dagster as dg

from ...partition_mapping import dataset_of
from ..early_record import is_early

SHARE_VARIABLE = "MOSHI_ASSETS_THROUGHPUT_SHARE"
DEFAULT_SHARE = 0.5
"""A shard slower than this share of the recent median gets a warning."""
_RECENT = 50
_MIN_RECENT = 5
_EVENTS_PER_TICK = 500


def warning_share() -> float:
    """Configured share of the recent median below which a shard counts as slow, in (0, 1]."""
    value = float(os.environ.get(SHARE_VARIABLE, DEFAULT_SHARE))
    if not 0 < value <= 1:
        raise ValueError(f"{SHARE_VARIABLE} is {value}: give a share between 0 and 1, such as 0.5")
    return value


@dg.sensor(
    description="Observes how fast shards are spoken, and warns when it falls.",
    asset_selection=None,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def throughput(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Report an observation with the latest throughput beside the recent median; warn when it fell.

    Shards are compared with earlier ones of their own dataset. Those in which little was spoken (resumed ones) say
    nothing about speed and are left out.
    """
    cursor = int(context.cursor) if context.cursor else None
    asset = dg.AssetKey("mono_syntheses")
    fresh = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, after_storage_id=cursor), limit=_EVENTS_PER_TICK, ascending=True
    ).records
    if not fresh:
        return dg.SkipReason("no shard was spoken since the last tick")
    context.update_cursor(
        str(fresh[-1].storage_id)
    )  # hence no cursor in the results below: Dagster takes one of the two
    # Datasets differ in engine, texts and voices: only the last one's own shards say whether it became slower.
    dataset = dataset_of(fresh[-1].partition_key or "")
    rates = [rate for record in fresh if (rate := _rate(record, dataset))]
    if not rates:
        return dg.SkipReason("no shard was spoken anew since the last tick")
    earlier_records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, before_storage_id=fresh[0].storage_id), limit=_RECENT
    ).records
    earlier = [rate for record in earlier_records if (rate := _rate(record, dataset))]
    latest = statistics.median(rates)
    metadata: dict = {"dataset": dataset, "x_realtime": round(latest, 3), "shards": len(rates)}
    if len(earlier) >= _MIN_RECENT:
        median = statistics.median(earlier)
        metadata |= {"recent_median_x_realtime": round(median, 3), "share_of_median": round(latest / median, 3)}
        if latest < warning_share() * median:
            metadata["slow"] = True
            context.log.warning(
                f"{dataset}: throughput fell to {latest:.2f} x real time, {100 * latest / median:.0f} % of the recent "
                f"median "
                f"{median:.2f}: look for another process on the GPU, a full disk or longer texts"
            )
    return dg.SensorResult(asset_events=[dg.AssetObservation("mono_syntheses", metadata=metadata)])


def _rate(record: dg.EventLogRecord, dataset: str) -> float | None:
    """X real time of one materialization that spoke at least half of its tasks, where it is of the dataset."""
    materialization = record.asset_materialization
    if materialization is None or is_early(materialization) or dataset_of(record.partition_key or "") != dataset:
        return None
    values = {name: value.value for name, value in materialization.metadata.items()}
    spoken, tasks, rate = values.get("spoken"), values.get("tasks"), values.get("x_realtime")
    if not isinstance(spoken, int) or not isinstance(tasks, int) or not isinstance(rate, float):
        return None
    return rate if rate > 0 and 2 * spoken >= tasks else None
