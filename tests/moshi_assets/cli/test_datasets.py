"""`moshi-assets list` and `moshi-assets remove`."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from moshi_assets.cli.main import cli
from moshi_assets.storage.lock import dataset_lock
from tests.moshi_assets.support.pipeline import BIN, Pipeline, dialogue, environment, write_dialogues


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with `whole`, which is built, and `begun`, of which one shard of three is; and their history."""
    folder = tmp_path_factory.mktemp("stock")
    pipeline = Pipeline(folder / "data", home=_home(folder / "data"))
    source = write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(5)])
    pipeline.build(source, "whole", samples_per_shard=2)
    assert pipeline.parse(source, "begun", samples_per_shard=2).success
    pipeline.speak_and_pair("begun.000001", "begun.000001")
    pipeline.instance.dispose()
    return folder / "data"


def _home(root: Path) -> Path:
    (root / ".dagster").mkdir(parents=True)
    (root / ".dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return root / ".dagster"


@pytest.fixture
def data(stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stock, to take from."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / ".dagster"))
    return Path(shutil.copytree(stock, tmp_path / "data"))


def moshi(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def partitions(root: Path) -> tuple[list[str], list[str]]:
    """Datasets and shards that Dagster knows."""
    with dg.DagsterInstance.from_config(str(root / ".dagster")) as instance:
        return list(instance.get_dynamic_partitions("datasets")), list(instance.get_dynamic_partitions("shards"))


# -- list


def test_each_dataset_is_listed_with_what_is_done_of_it(data):
    rows = {row["name"]: row for row in json.loads(moshi("list", "-o", data, "--json").stdout)}

    begun, whole = rows["begun"], rows["whole"]
    assert (begun["state"], begun["shards_done"], begun["shards"]) == ("incomplete", 1, 3)
    assert (whole["state"], whole["shards_done"], whole["shards"]) == ("complete", 3, 3)
    assert (whole["dialogues"], whole["engine"]) == (5, "noise")
    assert whole["hours"] == pytest.approx(2.5 * begun["hours"], rel=0.1) and begun["hours"] > 0


def test_the_list_is_a_table(data):
    lines = moshi("list", "-o", data).stdout.splitlines()

    assert [line.split()[:3] for line in lines] == [
        ["name", "dialogues", "shards"],
        ["begun", "5", "1/3"],
        ["whole", "5", "3/3"],
    ]


def test_finished_shards_without_a_current_manifest_are_told_apart(data):
    (data / "whole" / "whole.jsonl").unlink()

    assert json.loads(moshi("list", "-o", data, "--json").stdout)[1]["state"] == "no manifest"


def test_a_dataset_that_something_builds_is_listed_so(data):
    with dataset_lock(data / "begun", "a build"):
        assert json.loads(moshi("list", "-o", data, "--json").stdout)[0]["state"] == "being built"


def test_a_damaged_dataset_does_not_hide_the_others(data):
    (data / "begun" / "recipe.yaml").write_text("name: begun\nlayuot: typo\n")

    lines = moshi("list", "-o", data).stdout.splitlines()

    assert "unreadable" in lines[1] and "layuot" in lines[1] and "complete" in lines[2]


def test_a_folder_without_datasets_has_none_and_a_missing_one_is_an_error(tmp_path):
    assert moshi("list", "-o", tmp_path).stdout == f"no datasets in {tmp_path}\n"
    assert moshi("list", "-o", tmp_path / "absent").exit_code == 1


# -- remove


def test_a_dataset_goes_with_its_partitions_and_nothing_else_does(data):
    done = moshi("remove", "begun", "-o", data, "--yes")

    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in data.iterdir()) == [".dagster", "whole"]
    assert partitions(data) == (["whole"], ["whole.000000", "whole.000001", "whole.000002"])


def test_what_links_in_it_lead_to_stays(data, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (data / "begun" / "link").symlink_to(tmp_path / "elsewhere")

    assert moshi("remove", "begun", "-o", data, "--yes").exit_code == 0
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_where_nobody_can_be_asked_nothing_is_removed(data):
    done = moshi("remove", "begun", "-o", data)

    assert (done.exit_code, "say --yes" in done.output) == (2, True)
    assert (data / "begun" / "recipe.yaml").exists() and "begun" in partitions(data)[0]


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, True), ("y", 0, False)])
def test_it_asks_on_a_terminal(data, answer, code, left):
    ours, theirs = pty.openpty()
    command = [BIN / "moshi-assets", "remove", "begun", "-o", data]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=environment(), text=True) as asking:
        os.write(ours, f"{answer}\n".encode())
        assert asking.stdout and "to be removed: " in asking.stdout.read()
    os.close(theirs)
    os.close(ours)

    assert (asking.returncode, (data / "begun").exists()) == (code, left)


def test_a_dataset_that_something_builds_is_not_removed(data):
    with dataset_lock(data / "begun", "run-4711"):
        done = moshi("remove", "begun", "-o", data, "--yes")

    assert done.exit_code == 1 and "is being built (run-4711)" in done.output
    assert (data / "begun" / "recipe.yaml").exists()


@pytest.fixture
def strangers(data: Path) -> Iterator[Path]:
    """A data root with a folder of notes, a link to a dataset elsewhere, and a neighbour."""
    (data / "notes").mkdir()
    (data / "notes" / "text").touch()
    shutil.move(data / "begun", data.parent / "elsewhere")
    (data / "link").symlink_to(data.parent / "elsewhere")
    yield data
    assert (data / "notes" / "text").exists() and (data.parent / "elsewhere" / "recipe.yaml").exists()
    assert (data / "whole" / "recipe.yaml").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "there is no dataset 'absent'"),
        ("notes", "is no dataset"),
        ("link", "is a link"),
        ("../elsewhere", "is not allowed"),
        ("..", "is not allowed"),
        (".dagster", "is not allowed"),
        ("inbox", "is not allowed"),
    ],
)
def test_what_is_no_dataset_is_not_removed(strangers, name, reason):
    done = moshi("remove", name, "-o", strangers, "--yes")

    assert done.exit_code == 1 and reason in done.output


def test_a_removal_that_was_killed_is_finished_by_the_next(data):
    (data / "begun").rename(data / ".removing-begun.4711")

    done = moshi("remove", "begun", "-o", data, "--yes")

    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in data.iterdir()) == [".dagster", "whole"]
    assert partitions(data)[0] == ["whole"]


def test_what_a_killed_first_build_left_can_be_removed(data):
    (data / "half").mkdir()
    (data / "half" / ".lock").write_text("a build\npid 4711\n")

    assert moshi("remove", "half", "-o", data, "--yes").exit_code == 0
    assert not (data / "half").exists()


def test_a_removed_dataset_can_be_built_anew(data, tmp_path):
    assert moshi("remove", "whole", "-o", data, "--yes").exit_code == 0
    pipeline = Pipeline(data, home=data / ".dagster")

    assert pipeline.parse(write_dialogues(tmp_path / "new.jsonl", [dialogue(1)]), "whole").success

    assert pipeline.shards() == ["begun.000000", "begun.000001", "begun.000002", "whole.000000"]
    pipeline.instance.dispose()
