"""What Dagster loads: names that users, sensors and commands rely on."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from moshi_assets.definitions import defs
from moshi_assets.defs.run_tags import GPU_TAG
from tests.moshi_assets.support.definitions_snapshot import SNAPSHOT, snapshot
from tests.moshi_assets.support.pipeline import WORKSPACE, environment, run


@pytest.fixture(scope="module")
def graph() -> AssetGraph:
    return defs.resolve_asset_graph()


def test_assets_and_what_they_depend_on(graph):
    parents = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }

    assert parents == {
        "synthesis_tasks": [],
        "mono_syntheses": ["synthesis_tasks"],
        "stereo_pairs": ["mono_syntheses"],
        "transcripts": ["stereo_pairs"],
        "manifest": ["transcripts"],
    }


def test_assets_are_partitioned_by_dataset_or_by_shard(graph):
    names = {key.to_user_string(): graph.get(key).partitions_def.name for key in graph.get_all_asset_keys()}

    assert names == {
        "synthesis_tasks": "datasets",
        "mono_syntheses": "shards",
        "stereo_pairs": "shards",
        "transcripts": "shards",
        "manifest": "datasets",
    }


def test_every_asset_covers_a_range_in_one_run(graph):
    policies = {graph.get(key).backfill_policy for key in graph.get_all_asset_keys()}

    assert policies == {dg.BackfillPolicy.single_run()}


def test_every_asset_has_a_description(graph):
    assert all(graph.get(key).description for key in graph.get_all_asset_keys())


def test_all_that_dagster_is_told_is_what_the_snapshot_tells():
    assert snapshot() == SNAPSHOT.read_text(encoding="utf-8"), (
        "wanted? python tests/moshi_assets/support/definitions_snapshot.py > "
        "tests/moshi_assets/support/definitions.yaml"
    )


def test_sensors_and_schedules_say_what_they_are_for():
    repository = defs.get_repository_def()

    assert all(each.description for each in [*repository.sensor_defs, *repository.schedule_defs])


def test_asset_checks(graph):
    names = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}

    assert names == {
        ("stereo_pairs", "format"),
        ("stereo_pairs", "channels"),
        ("stereo_pairs", "roles"),
        ("stereo_pairs", "padding"),
        ("stereo_pairs", "silence"),
        ("stereo_pairs", "clipping"),
        ("stereo_pairs", "gates"),
        ("transcripts", "transcripts"),
        ("transcripts", "order"),
        ("transcripts", "bounds"),
        ("transcripts", "assistant_words"),
        ("transcripts", "early_words"),
        ("transcripts", "late_words"),
        ("transcripts", "word_level"),
        ("manifest", "manifest"),
        ("manifest", "counts"),
    }


def test_asset_checks_block_what_comes_after(graph):
    assert all(graph.get_check_spec(key).blocking for key in graph.asset_check_keys)


def test_jobs_and_their_assets():
    jobs = {
        name: sorted(key.to_user_string() for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys)
        for name in ("parse_dataset", "build_shards", "publish_manifest")
    }

    assert jobs == {
        "parse_dataset": ["synthesis_tasks"],
        "build_shards": ["mono_syntheses", "stereo_pairs", "transcripts"],
        "publish_manifest": ["manifest"],
    }


def test_only_the_job_with_an_engine_takes_the_gpu():
    tagged = {job.name for job in defs.jobs or () if GPU_TAG in (job.tags or {})}

    assert tagged == {"build_shards"}


def test_sensors_start_by_themselves():
    sensors = {sensor.name: sensor.default_status for sensor in defs.sensors or ()}

    assert sensors == dict.fromkeys(
        ("inbox", "request_shards", "request_manifest", "throughput", "run_failed", "dead_runs"),
        dg.DefaultSensorStatus.RUNNING,
    )


def test_schedules_and_their_times():
    schedules = {s.name: (s.cron_schedule, s.execution_timezone) for s in defs.schedules or ()}  # type: ignore[union-attr]

    assert schedules == {"nightly_backfill": ("0 2 * * *", "UTC"), "nightly_manifests": ("30 5 * * *", "UTC")}


def test_dagster_validates_the_workspace(tmp_path: Path):
    done = run("dagster", "definitions", "validate", "-w", WORKSPACE, cwd=tmp_path, env=environment(tmp_path))

    assert done.returncode == 0, done.stderr


def test_committed_instance_settings_are_valid_and_keep_one_gpu_run(tmp_path: Path):
    committed = WORKSPACE.parent / "dagster_home" / "dagster.yaml"
    (tmp_path / "dagster.yaml").write_text(committed.read_text())

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
        settings = (instance.telemetry_enabled, instance.run_monitoring_enabled)

    assert {"key": GPU_TAG, "limit": 1} in limits
    assert settings == (False, True)


def test_the_link_to_the_code_leads_to_the_asset_s_own_file(graph):
    links = {
        key: graph.get(key).metadata["dagster/code_references"].code_references for key in graph.get_all_asset_keys()
    }

    assert {Path(links[dg.AssetKey(name)][0].file_path).name for name in ("manifest", "stereo_pairs")} == {
        "manifest.py",
        "shards.py",
    }
