"""The storage of a command-line build: Dagster's own databases, opened without the scripts of its migrations."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from moshi_assets.defs.history_storage import HistoryStorage, Runs
from moshi_assets.defs.instance_home import instance_home
from moshi_assets.defs.instance_storage import prepare_storage, quick_instance

RUN = "6f0e1c62-3a3b-4b4e-8d5e-2f4f6f4f2f00"
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instance without databases."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    return instance_home(tmp_path / "data")


def contents(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Everything that the databases in a folder hold, but for the times at which it was written, and their journals."""
    found = {}
    for path in sorted(folder.glob("**/*.db")):
        with closing(sqlite3.connect(path)) as database:
            lines = sorted(TIME.sub("TIME", line) for line in database.iterdump())
            found[str(path.relative_to(folder))] = (lines, database.execute("PRAGMA journal_mode").fetchone()[0])
    return found


def make(storage: type[DagsterSqliteStorage], folder: Path) -> None:
    """Make the databases of an instance, and that of a run."""
    made = storage(str(folder))
    for connection in (made.event_log_storage.index_connection(), made.event_log_storage.run_connection(RUN)):
        with connection:
            pass
    made.dispose()


def test_the_databases_are_those_that_dagster_makes(tmp_path):
    make(DagsterSqliteStorage, tmp_path / "dagster")
    make(HistoryStorage, tmp_path / "ours")

    made = contents(tmp_path / "ours")
    assert made == contents(tmp_path / "dagster")
    assert f"history/runs/{RUN}.db" in made and len(made) == 4


def test_the_scripts_of_the_migrations_are_read_once_for_a_new_instance_and_never_again(home, monkeypatch):
    prepare_storage(home)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda config: pytest.fail("the scripts were read"))

    make(HistoryStorage, home)  # negative control: Dagster's own storage reads them
    with pytest.raises(pytest.fail.Exception, match="the scripts were read"):
        make(DagsterSqliteStorage, home)


def test_each_storage_reads_what_the_other_wrote(home):
    prepare_storage(home)
    with quick_instance(home) as instance:
        assert isinstance(instance.run_storage, Runs)
        instance.add_dynamic_partitions("datasets", ["talks"])
        run = instance.create_run_for_job(dg.job(name="job")(lambda: None))
        instance.report_engine_event("by the build", run)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not isinstance(instance.run_storage, Runs)
        assert instance.get_dynamic_partitions("datasets") == ["talks"]
        assert [entry.message for entry in instance.all_logs(run.run_id)] == ["by the build"]
        instance.report_engine_event("by the UI", run)

    with quick_instance(home) as instance:
        messages = [entry.message for entry in instance.all_logs(run.run_id)]
    assert messages == ["by the build", "by the UI"]


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_a_database_that_was_begun_is_left_to_dagster(tmp_path, name):
    make(DagsterSqliteStorage, tmp_path / "whole")
    path = tmp_path / "begun" / name
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:  # before its first table
        database.execute("PRAGMA journal_mode=WAL")

    make(HistoryStorage, tmp_path / "begun")

    tables = {line for line in contents(tmp_path / "whole")[name][0] if line.startswith("CREATE")}
    assert tables <= set(contents(tmp_path / "begun")[name][0])


def test_an_instance_with_a_storage_of_its_own_keeps_it(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (home / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {elsewhere}\n")
    prepare_storage(home)

    with quick_instance(home) as instance:
        instance.add_dynamic_partitions("datasets", ["talks"])

    assert (elsewhere / "history" / "runs.db").is_file() and not (home / "history").exists()
