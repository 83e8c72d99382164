"""`dagster asset materialize`: each asset, for one partition and for a range, in processes of its own."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
import yaml

from moshi_assets.defs.executor import executor_config
from tests.moshi_assets.support.pipeline import dialogue, digests, environment, manifest_rows, run, write_dialogues

WIDE = {"engine": "noise", "samples_per_shard": 2, "worker_count": 3}


class Commands(NamedTuple):
    """A data root with the dialogue files `a` and `b` in its inbox, and the commands that ran on it."""

    folder: Path
    done: dict[str, subprocess.CompletedProcess[str]]

    def materialize(self, name: str, assets: str, *arguments: str) -> None:
        """Run one command and remember it as `name`."""
        command = ["asset", "materialize", "-m", "moshi_assets.definitions", "--select", assets, *arguments]
        env = environment(self.folder / "home", self.folder / "data")
        self.done[name] = run("dagster", *command, cwd=self.folder, env=env)

    def materialized(self, asset: str) -> set[str]:
        """Partitions of an asset that the instance knows as materialized."""
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "home").mkdir()
    for name in "ab":
        write_dialogues(folder / "data" / "inbox" / f"{name}.jsonl", [dialogue(number) for number in range(6)])
    (folder / "a.yaml").write_text(yaml.safe_dump({"ops": {"synthesis_tasks": {"config": {"recipe": WIDE}}}}))
    (folder / "narrow.yaml").write_text(yaml.safe_dump(executor_config(2)))
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        instance.add_dynamic_partitions("datasets", ["a", "b"])
    commands = Commands(folder, {})
    commands.materialize("parse a", "synthesis_tasks", "--partition", "a", "-c", "a.yaml")
    commands.materialize("parse both", "synthesis_tasks", "--partition-range", "a...b")
    commands.materialize("speak one", "mono_syntheses", "--partition", "a.000001", "-c", "narrow.yaml")
    commands.materialize("pair one", "stereo_pairs", "--partition", "a.000001")
    commands.materialize(
        "build both", "mono_syntheses,stereo_pairs,transcripts", "--partition-range", "a.000000...b.000000"
    )
    commands.materialize("publish a", "manifest", "--partition", "a")
    commands.materialize("publish both", "manifest", "--partition-range", "a...b")
    return commands


@pytest.mark.parametrize(
    "name", ["parse a", "parse both", "speak one", "pair one", "build both", "publish a", "publish both"]
)
def test_a_command_succeeds(commands, name):
    assert commands.done[name].returncode == 0, commands.done[name].stderr


@pytest.mark.parametrize(
    ("asset", "partitions"),
    [
        ("synthesis_tasks", {"a", "b"}),
        ("mono_syntheses", {"a.000000", "a.000001", "a.000002", "b.000000"}),
        ("stereo_pairs", {"a.000000", "a.000001", "a.000002", "b.000000"}),
        ("transcripts", {"a.000000", "a.000001", "a.000002", "b.000000"}),
        ("manifest", {"a", "b"}),
    ],
)
def test_its_partitions_are_recorded_as_materialized(commands, asset, partitions):
    assert commands.materialized(asset) == partitions


@pytest.mark.parametrize("dataset", ["a", "b"])
def test_the_manifest_lists_what_was_built(commands, dataset):
    rows = manifest_rows(commands.folder / "data" / dataset)

    assert [row["path"] for row in rows] == [f"data_stereo/talk-{number:03d}.wav" for number in range(6)]
    assert len(digests(commands.folder / "data" / dataset)) == 7


def test_a_range_speaks_only_what_one_shard_has_left(commands):
    spoken = re.findall(r"a: (\d+) tasks spoken", commands.done["build both"].stderr)
    assert sum(map(int, spoken)) == 8


def test_a_run_with_fewer_workers_than_lanes_uses_fewer_lanes_and_says_so(commands):
    log = commands.done["speak one"].stderr

    assert "the run has room for 2 lanes, the recipe asks for 3" in log
    assert set(re.findall(r"make_shards\[lane_\d\]", log)) == {"make_shards[lane_0]", "make_shards[lane_1]"}
