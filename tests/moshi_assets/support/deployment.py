"""Dagster as its users run it: `moshi-assets ui`, which is `make ui`, on a data root with its history."""

from __future__ import annotations

import datetime
import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.remote_origin import RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    ScheduleInstigatorData,
    TickStatus,
)

from moshi_assets.definitions import defs
from moshi_assets.defs.automation.run_requests import datasets_underway
from tests.moshi_assets.support.pipeline import Running, environment, eventually, free_port

REPOSITORY_SELECTOR = {"repositoryLocationName": "moshi_assets", "repositoryName": "__repository__"}
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
SENSOR = """query($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState { id } } } }"""
STOP = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
STALE = """query($asset: AssetKeyInput!, $partition: String) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode { staleStatus(partition: $partition) } } }"""
NODES = "{ assetNodes { assetKey { path } } }"


@dataclass
class Deployment:
    """A UI with its daemon, and the folder in which it was started."""

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

    def state(self, asset: str, partition: str) -> str:
        """What is shown for a partition: FRESH, STALE (the UI says "unsynced") or MISSING."""
        return self.graphql(STALE, asset={"path": [asset]}, partition=partition)["assetNodeOrError"]["staleStatus"]

    def stop_sensors(self, *names: str) -> None:
        """Switch sensors off, as the UI does."""
        for name in names:
            sensor = self.graphql(SENSOR, selector=REPOSITORY_SELECTOR | {"sensorName": name})["sensorOrError"]
            self.graphql(STOP, id=sensor["sensorState"]["id"])

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.data / ".dagster"))

    def ticks(self) -> dict[str, list[InstigatorTick]]:
        """What the daemon recorded of its ticks that have ended, by sensor or schedule."""
        with self.instance() as instance:
            return {
                state.instigator_name: [
                    tick
                    for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
                    if tick.status != TickStatus.STARTED
                ]
                for state in instance.all_instigator_state()
            }

    def switch_on(self, schedule: str) -> None:
        """Switch a schedule on as of a day ago, so that the daemon makes up for the night's tick now."""
        cron = defs.get_repository_def().get_schedule_def(schedule).cron_schedule
        yesterday = datetime.datetime.now().timestamp() - 24 * 3600 + 60
        with self.instance() as instance:
            place = instance.all_instigator_state()[0].origin.repository_origin
            data = ScheduleInstigatorData(cron, yesterday)
            origin = RemoteInstigatorOrigin(place, schedule)
            instance.add_instigator_state(
                InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
            )

    def finished(self, dataset: str) -> Path:
        """Folder of a dataset once it has its manifest and the last of its runs, which still checks it, has ended."""
        folder = self.data / dataset
        eventually((folder / f"{dataset}.jsonl").exists, 240, every=0.5)
        with self.instance() as instance:
            eventually(lambda: dataset not in datasets_underway(instance), 240, every=0.5)
        return folder


@contextmanager
def deployed(folder: Path, program: str | Path = "moshi-assets") -> Iterator[Deployment]:
    """A deployment on `folder / "data"`. It ends with the block, by Ctrl-C, and leaves no process behind."""
    port = free_port()
    process = Running(program, "ui", "--output", "data", "--port", str(port), cwd=folder, env=environment())
    deployment = Deployment(folder, port, process)
    try:
        eventually(deployment.answers, 180, every=0.5)
        yield deployment
        process.signal(signal.SIGINT, group=True)
        eventually(lambda: not process.alive(), 90)
    finally:
        process.end()
