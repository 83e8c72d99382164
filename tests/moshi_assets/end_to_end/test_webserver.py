"""Dagster as its users run it: webserver and daemon of `moshi-assets ui`, driven over HTTP, by a browser, an inbox and
a schedule, while the command line builds into the same folder."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from moshi_assets.definitions import defs
from moshi_assets.defs.executor import executor_config
from moshi_assets.defs.run_tags import COMMAND_LINE, DATASET_TAG, DRIVER_TAG
from tests.moshi_assets.support.deployment import NODES, REPOSITORY_SELECTOR, Deployment, deployed
from tests.moshi_assets.support.pipeline import (
    RANGE_END,
    RANGE_START,
    dialogue,
    digests,
    eventually,
    manifest_rows,
    run,
    write_dialogues,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADLESS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1600,1000"
)
SENSORS = """{ sensorsOrError(repositorySelector: {repositoryLocationName: "moshi_assets",
  repositoryName: "__repository__"}) { ... on Sensors { results { name sensorState { status } } } } }"""

ASSETS = ("synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest")
PREVIEW = """query($params: AssetBackfillPreviewParams!) {
  assetBackfillPreview(params: $params) { assetKey { path } partitions { partitionKeys } } }"""
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
TARGETED = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts { numPartitionsTargeted } } } } } }"""
VALID = """query($job: PipelineSelector!, $config: RunConfigData) {
  isPipelineConfigValid(pipeline: $job, mode: "default", runConfigData: $config) {
    __typename ... on RunConfigValidationInvalid { errors { message } } } }"""
CANCEL = "mutation($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose inbox holds a dialogue file with its recipe from the start."""
    folder = tmp_path_factory.mktemp("deployment")
    inbox = folder / "data" / "inbox"
    write_dialogues(inbox / "dropped.jsonl", [dialogue(number) for number in range(6)])
    (inbox / "dropped.yaml").write_text(yaml.safe_dump({"engine": "noise", "samples_per_shard": 3, "worker_count": 2}))
    write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(4)])
    with deployed(folder) as deployment:
        yield deployment


# -- the webserver


def test_the_webserver_shows_the_assets(deployment):
    names = {node["assetKey"]["path"][-1] for node in deployment.graphql(NODES)["assetNodes"]}

    assert names >= {"synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest"}


def test_the_sensors_run_without_being_switched_on(deployment):
    states = {s["name"]: s["sensorState"]["status"] for s in deployment.graphql(SENSORS)["sensorsOrError"]["results"]}

    assert set(states) >= {"inbox", "request_shards", "request_manifest", "throughput", "run_failed", "dead_runs"}
    assert set(states.values()) == {"RUNNING"}


@pytest.fixture(scope="module")
def launched(deployment: Deployment) -> str:
    """Outcome of a run launched over HTTP: the tasks of dataset `talks`."""
    with deployment.instance() as instance:
        instance.add_dynamic_partitions("datasets", ["talks"])
    recipe = {"engine": "noise", "samples_per_shard": 2}
    settings = {"input": str(deployment.folder / "talks.jsonl"), "recipe": recipe}
    config = {"ops": {"synthesis_tasks": {"config": settings}}}
    return deployment.outcome(deployment.launch("parse_dataset", config, dagster__partition="talks"))


def test_a_run_launched_over_http_succeeds(launched):
    assert launched == "SUCCESS"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_asset_graph_opens_in_a_browser(deployment, tmp_path):
    command = [CHROMIUM, *HEADLESS.split(), f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=20000"]
    shown = subprocess.run(
        [*command, "--dump-dom", f"{deployment.url}/asset-groups"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    ).stdout

    assert all(
        name in shown for name in ("synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest")
    ), shown[:2000]


def verdict(deployment: Deployment, recipe: dict[str, Any]) -> str | list[str]:
    """What the launchpad says of a recipe: the type of its answer where it is right, else the messages."""
    config = {"ops": {"synthesis_tasks": {"config": {"recipe": recipe}}}}
    selector = REPOSITORY_SELECTOR | {"pipelineName": "parse_dataset"}
    answer = deployment.graphql(VALID, job=selector, config=config)["isPipelineConfigValid"]
    return [error["message"] for error in answer["errors"]] if "errors" in answer else answer["__typename"]


def test_the_launchpad_accepts_a_setting_and_marks_a_typo_in_it(deployment):
    assert verdict(deployment, {"gap": 0.5}) == "PipelineConfigValidationValid"
    (message,) = verdict(deployment, {"gapp": 0.5})
    assert 'unexpected config entry "gapp"' in message


# -- the daemon: datasets that carry on by themselves


def test_a_dataset_parsed_in_the_ui_carries_on_to_its_manifest(deployment, launched):
    assert len(manifest_rows(deployment.finished("talks"))) == 4


@pytest.fixture(scope="module")
def dropped(deployment: Deployment) -> Path:
    """Folder of the dataset that came from the inbox, with nothing left to do."""
    return deployment.finished("dropped")


def test_a_file_in_the_inbox_becomes_a_dataset_with_its_recipe(dropped):
    assert len(digests(dropped)) == 7
    assert yaml.safe_load((dropped / "recipe.yaml").read_text())["samples_per_shard"] == 3


def test_what_carries_on_by_itself_is_whole(dropped):
    assert run("moshi-assets", "verify", dropped, cwd=dropped.parent).returncode == 0


@pytest.mark.usefixtures("dropped")
def test_every_step_of_a_dataset_was_requested_once(deployment):
    with deployment.instance() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"moshi_assets/dataset": "dropped"}))
    assert sorted(run.job_name for run in runs) == ["build_shards", "parse_dataset", "publish_manifest"]


@pytest.mark.usefixtures("dropped")
def test_requested_shards_have_room_for_the_recipe_s_lanes(deployment):
    with deployment.instance() as instance:
        (built,) = instance.get_runs(dg.RunsFilter(job_name="build_shards", tags={"moshi_assets/dataset": "dropped"}))
    assert built.run_config == executor_config(2)
    assert (built.tags[RANGE_START], built.tags[RANGE_END]) == ("dropped.000000", "dropped.000001")


# -- one history: what the command line builds is there too


@pytest.fixture(scope="module")
def beside(deployment: Deployment) -> Path:
    """Folder of a dataset that `moshi-assets build` made meanwhile, in the folder that the deployment shows."""
    write_dialogues(deployment.folder / "beside.jsonl", [dialogue(number) for number in range(4)])
    command = ["build", "beside.jsonl", "--output", "data", "--engine", "noise", "--samples-per-shard", "2"]
    done = run("moshi-assets", *command, cwd=deployment.folder)
    assert done.returncode == 0, done.stderr
    return deployment.data / "beside"


@pytest.mark.usefixtures("beside")
def test_what_the_command_line_builds_is_shown(deployment):
    assert [deployment.state("mono_syntheses", f"beside.{index:06d}") for index in range(2)] == ["FRESH", "FRESH"]


@pytest.mark.usefixtures("beside")
def test_the_sensors_start_nothing_for_what_the_command_line_builds(deployment):
    with deployment.instance() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={DATASET_TAG: "beside"}))
    assert [run.tags.get(DRIVER_TAG) for run in runs] == [COMMAND_LINE] * 3


# -- the schedules, ticked by the daemon, whose requests it launches


@pytest.fixture(scope="module")
def nightly(deployment: Deployment, dropped: Path) -> dg.DagsterRun:
    """A recording is lost; the run that the night's tick requests, when it has ended."""
    (dropped / "data_stereo" / "talk-004.wav").unlink()
    deployment.switch_on("nightly_backfill")
    deployment.switch_on("nightly_manifests")
    eventually(lambda: deployment.ticks().get("nightly_backfill"), 120, every=0.5)
    with deployment.instance() as instance:
        (requested,) = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": "nightly_backfill"}))
        deployment.outcome(requested.run_id)
        return instance.get_run_by_id(requested.run_id)


def test_the_nightly_schedule_requests_the_shard_that_lost_a_recording(nightly):
    assert (nightly.tags[RANGE_START], nightly.tags[RANGE_END]) == ("dropped.000001", "dropped.000001")


def test_the_run_that_the_schedule_requests_mends_the_dataset(dropped, nightly):
    assert nightly.status == dg.DagsterRunStatus.SUCCESS
    assert run("moshi-assets", "verify", dropped, cwd=dropped.parent).returncode == 0


# -- every tick of the daemon until now


@pytest.fixture(scope="module")
def ticks(deployment: Deployment, beside: Path, nightly: dg.DagsterRun) -> dict[str, list[InstigatorTick]]:
    """Ticks of a minute and more, in which datasets came from the inbox, from the UI and from the command line."""

    def minute() -> dict[str, list[InstigatorTick]] | None:
        ticks = deployment.ticks()
        ends = [tick.timestamp for each in ticks.values() for tick in each]
        return ticks if max(ends) - min(ends) > 60 and ticks.get("nightly_manifests") else None

    return eventually(minute, 180, every=1)


def test_every_sensor_and_schedule_ticks(ticks):
    repository = defs.get_repository_def()

    assert set(ticks) == {each.name for each in (*repository.sensor_defs, *repository.schedule_defs)}
    assert all(ticks.values())


def test_no_tick_fails(ticks):
    failed = [tick.error for each in ticks.values() for tick in each if tick.status == TickStatus.FAILURE]

    assert failed == []


@pytest.mark.usefixtures("ticks")
def test_the_throughput_of_what_was_spoken_is_observed(deployment):
    def rates() -> list[float]:
        with deployment.instance() as instance:
            records = instance.fetch_observations(dg.AssetKey("mono_syntheses"), limit=1000).records
        by_sensor = [record.asset_observation for record in records if record.run_id == RUNLESS_RUN_ID]
        return [event.metadata["x_realtime"].value for event in by_sensor]

    assert all(rate > 0 for rate in eventually(rates, 60))


# -- the lineage: what concerns one dataset leaves the other alone


@pytest.fixture(scope="module")
def parsed_again(deployment: Deployment, nightly: dg.DagsterRun) -> Path:
    """Nothing carries on by itself any more; `talks` is parsed again, with other dialogues."""
    deployment.stop_sensors("request_shards", "request_manifest")
    write_dialogues(deployment.folder / "talks.jsonl", [dialogue(number + 1) for number in range(4)])
    settings = {"input": str(deployment.folder / "talks.jsonl"), "recipe": {"engine": "noise", "samples_per_shard": 2}}
    config = {"ops": {"synthesis_tasks": {"config": settings}}}
    assert deployment.outcome(deployment.launch("parse_dataset", config, dagster__partition="talks")) == "SUCCESS"
    return deployment.data / "talks"


@pytest.mark.usefixtures("parsed_again")
def test_a_parse_puts_the_shards_of_its_dataset_out_of_sync_and_no_others(deployment):
    shards = [f"{dataset}.{index:06d}" for dataset in ("talks", "dropped") for index in range(2)]

    assert [deployment.state("mono_syntheses", shard) for shard in shards] == ["STALE", "STALE", "FRESH", "FRESH"]


@pytest.mark.usefixtures("parsed_again")
def test_materialize_all_with_one_dataset_chosen_covers_that_dataset_alone(deployment):
    everything = {"assetSelection": [{"path": [name]} for name in ASSETS], "partitionNames": ["talks"]}
    shown = deployment.graphql(PREVIEW, params=everything)["assetBackfillPreview"]
    launched = deployment.graphql(BACKFILL, params=everything)["launchPartitionBackfill"]
    statuses = deployment.graphql(TARGETED, id=launched["backfillId"])["partitionBackfillOrError"]
    deployment.graphql(CANCEL, id=launched["backfillId"])

    shards = ["talks.000000", "talks.000001"]
    assert {each["assetKey"]["path"][0]: sorted(each["partitions"]["partitionKeys"]) for each in shown} == {
        "synthesis_tasks": ["talks"],
        **dict.fromkeys(("mono_syntheses", "stereo_pairs", "transcripts"), shards),
        "manifest": ["talks"],
    }
    assert [each["numPartitionsTargeted"] for each in statuses["assetBackfillData"]["assetBackfillStatuses"]] == [
        1,
        2,
        2,
        2,
        1,
    ]
