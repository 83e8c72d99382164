"""The Dagster instance beside the datasets: its settings, and databases that are made once, whole, by one process."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from moshi_assets.defs.instance_home import SETTINGS, instance_home
from moshi_assets.defs.instance_storage import DATABASES, prepare_storage
from tests.moshi_assets.support.pipeline import (
    SAMPLE,
    WORKSPACE,
    Running,
    dialogue,
    eventually,
    manifest_rows,
    run,
    write_dialogues,
)

BEGIN = """
import sys
from pathlib import Path
import dagster as dg
from moshi_assets.defs.instance_home import instance_home
from moshi_assets.defs.instance_storage import prepare_storage
input()
prepare_storage(instance_home(Path(sys.argv[1])))
with dg.DagsterInstance.get() as instance:
    instance.add_dynamic_partitions("datasets", [sys.argv[2]])
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root; DAGSTER_HOME is as before afterwards."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path / "data"


def datasets(home: Path) -> set[str]:
    """What the instance in `home` knows."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return set(instance.get_dynamic_partitions("datasets"))


# -- settings


def test_a_new_instance_has_the_committed_settings(root):
    home = instance_home(root)

    assert home == root / ".dagster"
    assert (home / "dagster.yaml").read_text().endswith(SETTINGS.read_text())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.run_monitoring_enabled and not instance.telemetry_enabled


def test_the_settings_of_the_package_are_those_of_the_repository():
    assert SETTINGS.read_text() == (WORKSPACE.parent / "dagster_home" / "dagster.yaml").read_text()


def test_an_instance_of_an_earlier_version_gets_the_new_settings(root):
    (root / ".dagster").mkdir(parents=True)
    (root / ".dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")

    assert "run_monitoring" in (instance_home(root) / "dagster.yaml").read_text()


def test_settings_that_somebody_changed_are_kept(root):
    settings = instance_home(root) / "dagster.yaml"
    settings.write_text(changed := settings.read_text().replace("max_concurrent_runs: 4", "max_concurrent_runs: 1"))
    instance_home(root)

    assert settings.read_text() == changed


def test_settings_of_another_version_are_brought_up_to_date(root, monkeypatch, tmp_path):
    (tmp_path / "older.yaml").write_text("telemetry: {enabled: false}\n")
    with monkeypatch.context() as older:
        older.setattr("moshi_assets.defs.instance_home.SETTINGS", tmp_path / "older.yaml")
        instance_home(root)

    assert "run_monitoring" in (instance_home(root) / "dagster.yaml").read_text()


def test_an_instance_of_the_user_s_own_is_honoured(root, monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "mine"))

    assert instance_home(root) == tmp_path / "mine"
    assert (tmp_path / "mine" / "dagster.yaml").is_file() and not root.exists()


# -- its databases


def test_programs_that_begin_together_share_one_instance(root):
    command = [sys.executable, "-c", BEGIN, root]
    programs = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in "abcd"
    ]
    errors = [program.communicate("\n", timeout=120)[1] for program in programs]

    assert [program.returncode for program in programs] == [0] * 4, errors
    assert datasets(root / ".dagster") == set("abcd")


def test_builds_that_begin_together_in_a_new_folder_all_succeed(tmp_path):
    builds = []
    for name in "ab":
        write_dialogues(tmp_path / f"{name}.jsonl", [dialogue(1)])
        command = ["build", f"{name}.jsonl", "--output", "data", "--engine", "noise"]
        builds.append(Running("moshi-assets", *command, cwd=tmp_path))
    try:
        assert [build.wait(240) for build in builds] == [0, 0], [build.output for build in builds]
    finally:
        for build in builds:
            build.end()
    assert [len(manifest_rows(tmp_path / "data" / name)) for name in "ab"] == [1, 1]
    assert datasets(tmp_path / "data" / ".dagster") == {"a", "b"}


def test_an_instance_whose_making_was_killed_is_made_whole(root):
    program = subprocess.Popen([sys.executable, "-c", BEGIN, root, "a"], stdin=subprocess.PIPE)
    assert program.stdin
    program.stdin.write(b"\n")
    program.stdin.flush()
    eventually(lambda: list((root / ".dagster").glob(".making-*/history/*.db")), 60, every=0.001)
    program.send_signal(signal.SIGKILL)
    program.wait()
    home = root / ".dagster"
    assert not any((home / name).exists() for name in DATABASES)

    prepare_storage(home)

    assert datasets(home) == set()
    assert sorted(path.name for path in home.iterdir()) == [".lock", "dagster.yaml", "history", "schedules"]


@pytest.fixture
def known(root: Path, home: Path) -> Path:
    """An instance that knows a dataset."""
    instance_home(root)
    shutil.copytree(home, root / ".dagster", dirs_exist_ok=True)
    with dg.DagsterInstance.from_config(str(root / ".dagster")) as instance:
        instance.add_dynamic_partitions("datasets", ["talks"])
    return root / ".dagster"


def test_whole_databases_are_left_alone(known):
    prepare_storage(known)

    assert datasets(known) == {"talks"} and not (known / "set-aside").exists()


def test_a_database_with_two_versions_is_mended_with_all_that_it_holds(known):
    with sqlite3.connect(known / "history/runs/index.db") as index:
        index.execute("INSERT INTO alembic_version VALUES ('5771160a95ad')")
    with pytest.raises(Exception, match="more than one head"):
        datasets(known)

    prepare_storage(known, patience=0)

    assert datasets(known) == {"talks"}
    assert len(list(known.glob("set-aside/*/history/runs/index.db"))) == 1


def test_a_table_that_is_missing_is_added(known):
    with sqlite3.connect(known / "history/runs/index.db") as index:
        index.execute("DROP TABLE asset_keys")

    prepare_storage(known, patience=0)

    with dg.DagsterInstance.from_config(str(known)) as instance:
        assert list(instance.get_asset_keys()) == []
    assert datasets(known) == {"talks"}


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("fault", ["no version", "no database", "empty"])
def test_a_database_that_was_not_finished_is_made_anew_and_kept_aside(known, name, fault):
    if fault == "no version":
        with sqlite3.connect(known / name) as database:
            database.execute("DROP TABLE alembic_version")
    else:
        (known / name).write_bytes(b"rubbish" * 1000 if fault == "no database" else b"")
    before = (known / name).read_bytes()

    prepare_storage(known, patience=0)

    (aside,) = known.glob(f"set-aside/*/{name}")
    assert aside.read_bytes() == before
    with dg.DagsterInstance.from_config(str(known)) as instance:
        assert (instance.get_runs(), instance.all_instigator_state()) == ([], [])
        assert set(instance.get_dynamic_partitions("datasets")) <= {"talks"}


def test_a_file_where_the_instance_should_lie_is_an_error_that_names_it(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".dagster").write_text("")

    done = run("moshi-assets", "build", SAMPLE, "--output", "data", "--engine", "noise", cwd=tmp_path)

    assert (done.returncode, ".dagster" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
