"""`dg`, Dagster's command: the project is found by `[tool.dg]`, in a plain virtual environment and without uv."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.pipeline import REPOSITORY, Running, environment, eventually, free_port, run

PROJECT = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "faulty"
code_location_target_module = "faulty.definitions"
"""


def dg(*arguments: str, folder: Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run `dg` in the checkout, with an instance and a data root below `folder`."""
    return run("dg", *arguments, cwd=cwd, env=environment(home(folder), folder / "data"))


def home(folder: Path) -> Path:
    """The instance below `folder`, configured as the committed one is, without telemetry."""
    (folder / "home").mkdir(exist_ok=True)
    return Path(shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", folder / "home")).parent


def test_the_definitions_are_found_and_load(tmp_path):
    done = dg("check", "defs", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "All definitions loaded successfully" in done.stdout
    assert "virtual environment" not in done.stderr


def test_definitions_that_do_not_load_are_noticed(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "faulty").mkdir()
    (tmp_path / "faulty" / "definitions.py").write_text("defs = no_such_definitions")

    done = dg("check", "defs", folder=tmp_path, cwd=tmp_path)

    assert done.returncode == 1
    assert "no_such_definitions" in done.stdout + done.stderr


def test_every_asset_is_listed(tmp_path):
    done = dg("list", "defs", "--json", "--assets", "*", folder=tmp_path)

    assert {asset["asset_key"] for asset in json.loads(done.stdout)["assets"]} == {
        "synthesis_tasks",
        "mono_syntheses",
        "stereo_pairs",
        "transcripts",
        "manifest",
    }


def test_the_example_run_config_is_launched_and_its_shards_as_a_range(tmp_path):
    env = environment(home(tmp_path), tmp_path / "data")
    assert run("moshi-assets", "register", "talks", cwd=REPOSITORY, env=env).returncode == 0

    for assets, *partitions in (
        ("synthesis_tasks", "--partition", "talks", "-c", "examples/run.yaml"),
        ("mono_syntheses", "--partition-range", "talks.000000...talks.000001"),
    ):
        done = dg("launch", "--assets", assets, *partitions, folder=tmp_path)
        assert done.returncode == 0, done.stderr

    store = DatasetStore(tmp_path / "data", "talks")
    assert (store.recipe().worker_count, store.summary().dialogues) == (2, 12)
    assert all(any(store.mono_folder(shard).iterdir()) for shard in store.shards())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Address of the webserver of `dg dev`."""
    port = free_port()
    env = environment(home(tmp_path), tmp_path / "data")
    process = Running("dg", "dev", "--port", str(port), "--target-path", str(REPOSITORY), cwd=tmp_path, env=env)
    yield f"http://127.0.0.1:{port}/graphql"
    process.end()


def test_dg_dev_serves_the_definitions_of_the_checkout(served):
    query = json.dumps({"query": "{ assetNodes { assetKey { path } repository { location { name } } } }"}).encode()

    def nodes() -> list | None:
        try:
            request = urllib.request.Request(served, query, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]["assetNodes"]
        except OSError:
            return None

    assert {node["repository"]["location"]["name"] for node in eventually(nodes, 120)} == {"moshi_assets"}
