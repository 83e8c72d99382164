"""Dagster as its users run it: webserver and daemon on workspace.yaml, driven over HTTP, by a browser and by an inbox."""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from pipeline import (
    RANGE_END,
    RANGE_START,
    WORKSPACE,
    Running,
    dialogue,
    digests,
    environment,
    eventually,
    free_port,
    manifest_rows,
    run,
    write_dialogues,
)

from moshi_assets.automation.requests import datasets_underway
from moshi_assets.executor import executor_config

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADLESS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1600,1000"
)
LAUNCH = """
mutation($job: String!, $config: RunConfigData, $tags: [ExecutionTag!], $assets: [AssetKeyInput!]) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "moshi_assets", repositoryName: "__repository__", jobName: $job,
               assetSelection: $assets},
    runConfigData: $config, executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
       ... on RunConfigValidationInvalid { errors { message } } }
}"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"
NODES = "{ assetNodes { assetKey { path } } }"
SENSORS = """{ sensorsOrError(repositorySelector: {repositoryLocationName: "moshi_assets",
  repositoryName: "__repository__"}) { ... on Sensors { results { name sensorState { status } } } } }"""

TICK = """
mutation($schedule: String!, $time: Float!) {
  scheduleDryRun(timestamp: $time, selectorData: {repositoryLocationName: "moshi_assets",
                 repositoryName: "__repository__", scheduleName: $schedule}) {
    __typename ... on DryRunInstigationTick { evaluationResult { error { message }
      runRequests { runKey jobName tags { key value } runConfigYaml } } } ... on PythonError { message }
  }
}"""


@dataclass
class Deployment:
    """`dagster dev` with its own instance and data root."""

    folder: Path
    port: int
    process: Running

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def answers(self) -> bool:
        """True once the webserver has loaded the workspace."""
        try:
            return bool(self.graphql(NODES)["assetNodes"])
        except OSError:
            return False

    def launch(self, job: str, config: dict[str, Any] | None = None, **tags: str) -> str:
        """Run id of a job launched as the UI does."""
        pairs = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
        launched = self.graphql(LAUNCH, job=job, config=config or {}, tags=pairs, assets=None)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def outcome(self, run_id: str) -> str:
        """Status of a run once it has ended."""
        ended = {"SUCCESS", "FAILURE", "CANCELED"}

        def status() -> str | None:
            state = self.graphql(STATUS, id=run_id)["runOrError"]["status"]
            return state if state in ended else None

        return eventually(status, 240, every=0.5)

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.folder / "home"))

    def finished(self, dataset: str) -> Path:
        """Folder of a dataset once it has its manifest and the last of its runs, which still checks it, has ended."""
        folder = self.data / dataset
        eventually((folder / f"{dataset}.jsonl").exists, 240, every=0.5)
        with self.instance() as instance:
            eventually(lambda: dataset not in datasets_underway(instance), 240, every=0.5)
        return folder


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose inbox holds a dialogue file with its recipe from the start."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "home").mkdir()
    shutil.copy(WORKSPACE.parent / "dagster_home" / "dagster.yaml", folder / "home")
    inbox = folder / "data" / "inbox"
    write_dialogues(inbox / "dropped.jsonl", [dialogue(number) for number in range(6)])
    (inbox / "dropped.yaml").write_text(yaml.safe_dump({"engine": "noise", "samples_per_shard": 3, "worker_count": 2}))
    write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(4)])
    port = free_port()
    env = environment(folder / "home", folder / "data")
    process = Running("dagster", "dev", "-w", WORKSPACE, "-h", "127.0.0.1", "-p", str(port), cwd=folder, env=env)
    deployment = Deployment(folder, port, process)
    try:
        eventually(deployment.answers, 180, every=0.5)
        yield deployment
    finally:
        process.signal(signal.SIGINT)
        process.end()


# -- the webserver


def test_the_webserver_shows_the_assets(deployment):
    names = {node["assetKey"]["path"][-1] for node in deployment.graphql(NODES)["assetNodes"]}

    assert names >= {"synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest"}


def test_the_sensors_run_without_being_switched_on(deployment):
    states = {s["name"]: s["sensorState"]["status"] for s in deployment.graphql(SENSORS)["sensorsOrError"]["results"]}

    assert set(states) >= {"inbox", "request_shards", "request_manifest", "throughput", "run_failed"}
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

    assert all(name in shown for name in ("synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest")), shown[
        :2000
    ]


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


# -- the schedule, evaluated by the deployment's own code server; its request is then launched


@pytest.fixture(scope="module")
def mended(deployment: Deployment, dropped: Path) -> tuple[list[dict[str, Any]], str]:
    """A recording is lost; what the nightly tick requests, and how the requested run ends."""
    (dropped / "data_stereo" / "talk-004.wav").unlink()
    tick = deployment.graphql(TICK, schedule="nightly_backfill", time=1893549600.0)["scheduleDryRun"]
    assert tick["__typename"] == "DryRunInstigationTick", tick
    requests = tick["evaluationResult"]["runRequests"]
    tags = {tag["key"].replace("/", "__"): tag["value"] for tag in requests[0]["tags"]}
    config = yaml.safe_load(requests[0]["runConfigYaml"])
    return requests, deployment.outcome(deployment.launch("build_shards", config, **tags))


def test_the_nightly_schedule_requests_the_shard_that_lost_a_recording(mended):
    requests, _ = mended

    ranges = [{tag["key"]: tag["value"] for tag in request["tags"]} for request in requests]
    assert [(tags[RANGE_START], tags[RANGE_END]) for tags in ranges] == [("dropped.000001", "dropped.000001")]


def test_the_run_that_the_schedule_requests_mends_the_dataset(dropped, mended):
    assert mended[1] == "SUCCESS"
    assert run("moshi-assets", "verify", dropped, cwd=dropped.parent).returncode == 0
