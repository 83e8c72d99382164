"""Lanes as processes: how many, how they start, and that each loads its engine once."""

import dagster as dg
import pytest

from moshi_assets.defs.executor import executor_config
from moshi_assets.processes.fork_server import start_method
from tests.moshi_assets.support.pipeline import Probe, dialogue, environment, run, write_dialogues


def methods(probe: Probe) -> set[str]:
    """Start methods of the processes that loaded an engine."""
    return {line.split()[1] for lines in probe.notes().values() for line in lines if line.startswith("load")}


def test_an_engine_is_loaded_once_per_lane_however_many_shards(contested):
    loads = [sum(line.startswith("load") for line in lines) for lines in contested.probe.notes().values()]

    assert loads == [1, 1]


def test_lanes_share_the_work_evenly(contested):
    shares = [sum(line.startswith("speak") for line in lines) for lines in contested.probe.notes().values()]

    assert shares == [16, 16]


def test_lanes_speak_at_the_same_time(contested):
    _, events = contested.spoken_run()
    lanes = [(e.dagster_event_type, e.timestamp) for e in events if e.step_key and "make_shards" in e.step_key]

    started = [time for kind, time in lanes if kind == dg.DagsterEventType.STEP_START]
    ended = [time for kind, time in lanes if kind == dg.DagsterEventType.STEP_SUCCESS]
    assert len(started) == len(ended) == 2
    assert max(started) < min(ended)


def test_observations_follow_each_lane_during_a_long_run(contested):
    _, events = contested.spoken_run()
    observed = [e.get_dagster_event().asset_observation_data.asset_observation for e in events if _is_observation(e)]

    assert len(observed) >= 2
    assert all(o.partition and o.metadata["x_realtime"].value > 0 for o in observed)


def _is_observation(entry: dg.EventLogEntry) -> bool:
    return entry.dagster_event_type == dg.DagsterEventType.ASSET_OBSERVATION


def test_the_executor_s_width_follows_the_recipe(contested):
    record, _ = contested.spoken_run()

    assert record.run_config["execution"] == executor_config(2)["execution"]


def test_lanes_come_from_a_fork_server_where_there_is_one(contested):
    assert methods(contested.probe) == {"forkserver"}


def test_lanes_are_spawned_where_the_environment_says_so(tmp_path):
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)])
    probe = Probe(tmp_path / "probe")
    env = environment(tmp_path / "home", MOSHI_ASSETS_START="spawn", **probe.variables)

    done = run("moshi-assets", "build", "talks.jsonl", "-o", "data", "--engine", "noise", cwd=tmp_path, env=env)

    assert done.returncode == 0, done.stderr
    assert methods(probe) == {"spawn"}


def test_start_method_falls_back_to_spawn_where_there_is_no_fork_server(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])

    assert start_method() == {"spawn": {}}


def test_an_unknown_start_method_is_an_error(monkeypatch):
    monkeypatch.setenv("MOSHI_ASSETS_START", "fork")

    with pytest.raises(ValueError, match="use 'forkserver' or 'spawn'"):
        start_method()
