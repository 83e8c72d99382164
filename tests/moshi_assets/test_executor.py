"""Lanes as processes: how many, how they start, and that each loads its engine once."""

from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
import yaml
from pipeline import Probe, dialogue, environment, run, write_dialogues

from moshi_assets.executor import start_method


class Ran(NamedTuple):
    """A finished build and what its engines noted."""

    probe: Probe
    home: Path

    def events(self, kind: dg.DagsterEventType) -> list[dg.EventLogEntry]:
        """Events of the run that spoke."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            (record,) = instance.get_runs(dg.RunsFilter(job_name="build_shards"))
            return list(instance.all_logs(record.run_id, of_type=kind))


def ran(folder: Path, method: str, lanes: int) -> Ran:
    """Build 24 dialogues in four shards with the given start method."""
    write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(24)])
    recipe = {"engine": "noise", "samples_per_shard": 6, "worker_count": lanes, "noise": {"seconds_per_call": 0.5}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    probe = Probe(folder / "probe")
    env = environment(folder / "home", MOSHI_ASSETS_START=method, **probe.variables)
    done = run("moshi-assets", "build", "talks.jsonl", "-o", "data", "--recipe", "recipe.yaml", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return Ran(probe, folder / "home")


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return ran(tmp_path_factory.mktemp("forkserver"), "forkserver", 3)


@pytest.fixture(scope="module")
def spawned(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return ran(tmp_path_factory.mktemp("spawn"), "spawn", 1)


def test_an_engine_is_loaded_once_per_lane_however_many_shards(forked):
    loads = [sum(line.startswith("load") for line in lines) for lines in forked.probe.notes().values()]

    assert loads == [1, 1, 1]


def test_lanes_share_the_work_evenly(forked):
    shares = [sum(line.startswith("speak") for line in lines) for lines in forked.probe.notes().values()]

    assert shares == [16, 16, 16]


def test_lanes_speak_at_the_same_time(forked):
    started = {e.step_key: e.timestamp for e in forked.events(dg.DagsterEventType.STEP_START)}
    ended = {e.step_key: e.timestamp for e in forked.events(dg.DagsterEventType.STEP_SUCCESS)}
    lanes = [key for key in started if key and "speak_lane" in key]

    assert len(lanes) == 3
    assert max(started[key] for key in lanes) < min(ended[key] for key in lanes)


def test_the_executor_s_width_follows_the_recipe(forked):
    with dg.DagsterInstance.from_config(str(forked.home)) as instance:
        (record,) = instance.get_runs(dg.RunsFilter(job_name="build_shards"))

    assert record.run_config["execution"]["config"]["max_concurrent"] == 3


@pytest.mark.parametrize(("fixture", "method"), [("forked", "forkserver"), ("spawned", "spawn")])
def test_lanes_start_as_the_environment_says(request, fixture, method):
    notes = request.getfixturevalue(fixture).probe.notes()

    methods = {line.split()[1] for lines in notes.values() for line in lines if line.startswith("load")}
    assert methods == {method}


def test_start_method_falls_back_to_spawn_where_there_is_no_fork_server(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])

    assert start_method() == {"spawn": {}}


def test_an_unknown_start_method_is_an_error(monkeypatch):
    monkeypatch.setenv("MOSHI_ASSETS_START", "fork")

    with pytest.raises(ValueError, match="use 'forkserver' or 'spawn'"):
        start_method()
