"""The pipeline as tests drive it: assets in this process, commands in others, and what they leave on disk."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from moshi_assets.defs.assets import ASSETS
from moshi_assets.defs.resources import DataRoot, EngineResource
from moshi_assets.defs.run_failure import run_failure
from moshi_assets.storage.dataset import DatasetStore

REPOSITORY = Path(__file__).resolve().parents[3]
WORKSPACE = REPOSITORY / "workspace.yaml"
SAMPLE = REPOSITORY / "examples" / "moshi_sample.jsonl"
BIN = Path(sys.executable).parent
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


# -- dialogue files


def dialogue(number: int, **changes: Any) -> dict[str, Any]:
    """A good record; `changes` replace or add fields."""
    return {
        "id": f"talk-{number:03d}",
        "user_text": f"This is question number {number}, could you help me with it?",
        "assistant_text": f"Of course I can help you with number {number}, here is what I know about it.",
    } | changes


def write_dialogues(path: Path, records: Iterable[dict[str, Any] | str]) -> Path:
    """Write records as JSONL; a string is a line as it is."""
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# -- what lies on disk


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of what a trainer reads: the manifest and every recording, by path relative to the dataset folder."""
    files = [*folder.glob("*.jsonl"), *(folder / "data_stereo").rglob("*.wav")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def manifest_rows(folder: Path) -> list[dict[str, Any]]:
    """Rows of the manifest of the dataset in `folder`."""
    return [json.loads(line) for line in (folder / f"{folder.name}.jsonl").read_text(encoding="utf-8").splitlines()]


def flip_byte(path: Path, offset: int = -1000) -> None:
    """Damage a file without changing its length."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


# -- assets in this process


class Pipeline:
    """The assets, materialized in this process: on an instance in memory, or on one on disk below `home`."""

    def __init__(self, root: Path, engines: EngineResource | None = None, home: Path | None = None) -> None:
        self.root = root
        self.instance = dg.DagsterInstance.from_config(str(home)) if home else dg.DagsterInstance.ephemeral()
        self.engines = engines or EngineResource()
        self.tags: dict[str, str] = {}
        """Tags of every run."""

    def store(self, dataset: str = "talks") -> DatasetStore:
        return DatasetStore(self.root, dataset)

    def shards(self) -> list[str]:
        """Registered shard keys."""
        return list(self.instance.get_dynamic_partitions("shards"))

    def materialize(
        self, asset: str | list[str], first: str, last: str | None = None, config: dict[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize one partition of an asset, or of several, or the range `first`...`last`."""
        return dg.materialize(
            ASSETS,
            selection=[asset] if isinstance(asset, str) else asset,
            instance=self.instance,
            resources={"data": DataRoot(path=str(self.root)), "engines": self.engines},
            partition_key=None if last else first,
            tags=self.tags | ({RANGE_START: first, RANGE_END: last} if last else {}),
            run_config=config,
            raise_on_error=False,
        )

    def parse(self, source: Path, dataset: str = "talks", **settings: Any) -> dg.ExecuteInProcessResult:
        """Materialize `synthesis_tasks` for a dataset; the engine is noise unless set."""
        self.instance.add_dynamic_partitions("datasets", [dataset])
        config = {"input": str(source), "recipe": {"engine": "noise", **settings}}
        return self.materialize("synthesis_tasks", dataset, config={"ops": {"synthesis_tasks": {"config": config}}})

    def make(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        """Materialize the three assets of a range of shards in one pass."""
        return self.materialize(["mono_syntheses", "stereo_pairs", "transcripts"], first, last)

    def speak_and_pair(self, first: str, last: str) -> list[dg.ExecuteInProcessResult]:
        """Materialize `mono_syntheses` and `stereo_pairs` for a range, whose runs are returned, and `transcripts`."""
        runs = [self.materialize(asset, first, last) for asset in ("mono_syntheses", "stereo_pairs")]
        self.materialize("transcripts", first, last)
        return runs

    def build(self, source: Path, dataset: str = "talks", **settings: Any) -> DatasetStore:
        """Materialize everything; asserts that every run succeeds."""
        runs = [self.parse(source, dataset, **settings)]
        keys = self.store(dataset).shards()
        runs += [*self.speak_and_pair(keys[0], keys[-1]), self.materialize("manifest", dataset)]
        for run in runs:
            assert run.success, failure(run)
        return self.store(dataset)


def metadata(run: dg.ExecuteInProcessResult, asset: str) -> dict[str, dict[str, Any]]:
    """Metadata values of an asset's materializations in a run, by partition."""
    return {
        str(m.partition): {name: value.value for name, value in m.metadata.items()}
        for event in run.all_events
        if event.is_step_materialization and (m := event.materialization).asset_key == dg.AssetKey(asset)
    }


def checks(run: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Outcome of every asset check of a run, by name."""
    return {e.check_name: e.passed for e in run.get_asset_check_evaluations()}


def failure(run: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, as its user is told."""
    return run_failure(run.all_events).message


# -- commands in other processes


def environment(home: Path | None = None, data: Path | None = None, **variables: str) -> dict[str, str]:
    """Environment of a command, with its own instance and data root where given."""
    chosen = {"DAGSTER_HOME": str(home)} if home else {}
    chosen |= {"MOSHI_ASSETS_DATA": str(data)} if data else {}
    return os.environ | chosen | {"COLUMNS": "110"} | variables


def run(
    program: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run an installed program to its end."""
    command = [BIN / program, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=env or environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


class Running:
    """A program in a process group of its own. Its processes carry a mark, so that orphans are found too."""

    def __init__(
        self, program: str | Path, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._mark = f"MOSHI_TEST_MARK={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self.log = cwd / f"{Path(program).name}-{value[:8]}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BIN / program, *arguments],
                cwd=cwd,
                env={**(env or environment()), name: value},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def alive(self) -> list[int]:
        """Ids of all processes that it started and that still run, itself included."""
        mark, found = self._mark.encode(), []
        for entry in Path("/proc").iterdir():
            try:
                if not entry.name.isdigit() or mark not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended in this moment, or belongs to somebody else
        return found

    def signal(self, number: int, group: bool = False) -> None:
        """Send a signal to the program, or as a terminal does to its whole group."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            os.kill(self.process.pid, number)

    def wait(self, timeout: float) -> int:
        """Exit code."""
        return self.process.wait(timeout)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        for number in (15, 9):
            for pid in self.alive():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            if number == 15 and self.alive():
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    continue
        self.process.wait(10)


def eventually(condition: Callable[[], Any], timeout: float, every: float = 0.1) -> Any:
    """First true value of `condition`; asserts that one comes within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true within {timeout} s"
        time.sleep(every)
    return value


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Probe:
    """Notes of every engine in the processes of a build; see probe/sitecustomize.py."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that let a build take notes."""
        return {"PYTHONPATH": str(Path(__file__).parent / "probe"), "MOSHI_TEST_PROBE": str(self._folder)}

    def notes(self) -> dict[int, list[str]]:
        """Lines by process id, for processes that loaded an engine."""
        return {int(path.name): path.read_text().splitlines() for path in self._folder.iterdir()}

    def spoken(self) -> list[str]:
        """Content key of each utterance that an engine was asked for, repeats too."""
        lines = [line for lines in self.notes().values() for line in lines]
        return [line.removeprefix("speak ") for line in lines if line.startswith("speak ")]


class Contested(NamedTuple):
    """A long build on two lanes, and a second build of the same dataset meanwhile."""

    first: subprocess.CompletedProcess[str]
    """Its standard error is part of its output."""
    second: subprocess.CompletedProcess[str]
    probe: Probe
    home: Path

    def spoken_run(self) -> tuple[dg.DagsterRun, list[dg.EventLogEntry]]:
        """The run of the first build that spoke, and its events."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            (record,) = instance.get_runs(dg.RunsFilter(job_name="build_shards"))
            return record, list(instance.all_logs(record.run_id))


def contested_build(folder: Path) -> Contested:
    """Build 16 dialogues in eight shards, with a fork server; some ten seconds of work for two lanes."""
    write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(16)])
    recipe = {"engine": "noise", "samples_per_shard": 2, "worker_count": 2, "noise": {"seconds_per_call": 3}}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    probe = Probe(folder / "probe")
    env = environment(folder / "home", MOSHI_ASSETS_START="forkserver", **probe.variables)
    command = ["build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml", "--log-format", "json"]
    first = Running("moshi-assets", *command, cwd=folder, env=env)
    try:
        eventually((folder / "data/talks/tasks/summary.json").exists, 180)
        second = run("moshi-assets", *command, cwd=folder, env=env)
        done = subprocess.CompletedProcess(command, first.wait(240), first.output)
        return Contested(done, second, probe, folder / "home")
    finally:
        first.end()
