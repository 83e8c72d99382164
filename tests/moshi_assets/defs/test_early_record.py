"""A run that ends early: the shards that were done are materialized, in a real process and a real instance."""

import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from moshi_assets.defs.early_record import is_early
from tests.moshi_assets.support.pipeline import Pipeline, Running, dialogue, environment, eventually, write_dialogues

SHARDS = [f"talks.{index:06d}" for index in range(3)]


def materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def records(instance: dg.DagsterInstance, asset: str) -> list[tuple[str | None, bool]]:
    """Partition of each materialization, oldest first, and whether it was recorded before the step's end."""
    found = instance.fetch_materializations(dg.AssetKey(asset), limit=100, ascending=True).records
    return [(record.partition_key, is_early(record.asset_materialization)) for record in found]


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """Six dialogues in three shards, parsed."""
    (tmp_path / "home").mkdir()
    pipeline = Pipeline(tmp_path / "data", home=tmp_path / "home")
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(6)])
    pipeline.parse(source, samples_per_shard=2, worker_count=2)
    yield pipeline
    pipeline.instance.dispose()


# -- speech


def test_a_terminated_run_leaves_the_shards_that_were_spoken_materialized(tmp_path, pipeline):
    """Of twelve shards, so that some are left however late the signal is heeded."""
    source = write_dialogues(tmp_path / "long.jsonl", [dialogue(number) for number in range(24)])
    pipeline.parse(source, samples_per_shard=2, worker_count=2, noise={"seconds_per_call": 3})
    shards = pipeline.store().shards()
    command = ["asset", "materialize", "-m", "moshi_assets.definitions", "--select", "mono_syntheses"]
    span = ["--partition-range", f"{shards[0]}...{shards[-1]}"]
    env = environment(tmp_path / "home", tmp_path / "data")
    run = Running("dagster", *command, *span, cwd=tmp_path, env=env)
    try:
        eventually(lambda: shards[0] in materialized(pipeline.instance, "mono_syntheses"), 120)
        run.signal(signal.SIGTERM)
        run.wait(60)
    finally:
        run.end()

    (ended,) = pipeline.instance.get_runs(dg.RunsFilter(job_name="__ASSET_JOB"))
    assert ended.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    done = {(shard, True) for shard in shards if pipeline.store().quality_path(shard).exists()}
    recorded = records(pipeline.instance, "mono_syntheses")
    assert set(recorded) <= done and len(done) - len(recorded) <= 2  # the signal may come in the moment between
    assert (shards[0], True) in recorded and len(set(recorded)) == len(recorded) < len(shards)


def test_each_shard_is_recorded_when_the_last_lane_is_done_with_it_and_again_with_its_lineage_at_the_end(pipeline):
    run = pipeline.materialize("mono_syntheses", SHARDS[0], SHARDS[-1])

    told = [e.materialization for e in run.all_events if e.is_step_materialization]
    early, late = told[:3], sorted(told[3:], key=lambda m: str(m.partition))
    assert [(m.partition, is_early(m)) for m in [*early, *late]] == [(key, True) for key in SHARDS] + [
        (key, False) for key in SHARDS
    ]
    assert [m.metadata for m in early] == [m.metadata for m in late]
    assert all("dagster/code_version" in m.tags for m in late)


def test_a_run_of_one_shard_records_it_once(pipeline):
    pipeline.materialize("mono_syntheses", SHARDS[0])

    assert records(pipeline.instance, "mono_syntheses") == [(SHARDS[0], False)]


# -- recordings and transcripts


def test_shards_that_were_assembled_before_one_fails_are_materialized(pipeline):
    pipeline.materialize("mono_syntheses", SHARDS[0], SHARDS[1])

    run = pipeline.materialize("stereo_pairs", SHARDS[0], SHARDS[-1])

    assert not run.success
    assert materialized(pipeline.instance, "stereo_pairs") == set(SHARDS[:2])


def test_shards_that_were_transcribed_before_one_fails_are_materialized(pipeline):
    pipeline.materialize("mono_syntheses", SHARDS[0], SHARDS[1])
    pipeline.materialize("stereo_pairs", SHARDS[0], SHARDS[1])

    run = pipeline.materialize("transcripts", SHARDS[0], SHARDS[-1])

    assert not run.success
    assert materialized(pipeline.instance, "transcripts") == set(SHARDS[:2])
