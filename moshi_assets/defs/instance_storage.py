"""The SQLite databases of a Dagster instance, made by one process at a time and whole or not at all.

Dagster makes them at first use and without a lock: two programs that begin together trip over each other, and one that
is killed meanwhile leaves a database that no later one can open.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef, compute_logs_directory

logger = logging.getLogger("moshi_assets.build")
DATABASES = {
    "history/runs.db": {"runs", "run_tags", "kvs", "daemon_heartbeats", "instance_info"},
    "history/runs/index.db": {"event_logs", "asset_keys", "dynamic_partitions", "secondary_indexes"},
    "schedules/schedules.db": {"instigators", "jobs", "job_ticks"},
}
"""Databases below the instance's folder, and tables that each has in every version of Dagster.

The events of a run have a file of their own beside the index, made with the run.
"""
_STORAGE_SETTINGS = {"storage", "run_storage", "event_log_storage", "schedule_storage"}
_MAKING, _ASIDE = ".making-", "set-aside"


def prepare_storage(home: Path, patience: float = 5.0) -> None:
    """Make the databases of the instance in `home`, or mend what is there; cheap where they are whole.

    A database that was never finished holds nothing: it is moved to `set-aside` in `home` and made anew, as is a file
    that is no database. One that two programs finished at once is mended, and a copy is kept there. Where the settings
    name another storage (PostgreSQL, another folder), Dagster makes it, under the same lock.

    Args:
        home: folder of the instance, with its `dagster.yaml`.
        patience: seconds for which another Dagster program, which knows no lock, may still be making what looks
            unfinished.

    Raises:
        OSError: the databases cannot be made or opened, because the disk is full, say.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        with _alone(home):
            settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) or {}
            if _STORAGE_SETTINGS & set(settings):
                dg.DagsterInstance.from_config(str(home)).dispose()
            elif faulty := _faulty(home, patience):
                _make(home, faulty)
    except yaml.YAMLError as error:
        raise OSError(f"{home / 'dagster.yaml'} is not YAML: {error}") from None
    except (sqlite3.Error, DBAPIError) as error:
        raise OSError(f"the history in {home} cannot be opened: {getattr(error, 'orig', error)}") from error


@contextmanager
def quick_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance in `home`, with a storage and a capture of output that open faster, unless it has others."""
    settings = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) or {}
    quick: dict = {}
    if not _STORAGE_SETTINGS & set(settings):
        storage = {"module": "moshi_assets.defs.history_storage", "class": "HistoryStorage"}
        quick["storage"] = {"custom": storage | {"config": {"base_dir": str(home)}}}
    if "compute_logs" not in settings:
        output = {"module": "moshi_assets.defs.step_output", "class": "StepOutput"}
        quick["compute_logs"] = output | {"config": {"base_dir": compute_logs_directory(str(home))}}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=quick)) as instance:
        yield instance


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other processes out; the lock ends with this one, however that ends."""
    handle = os.open(home / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _faulty(home: Path, patience: float) -> list[str]:
    """Databases that are missing or not whole, once no other program can still be making them."""
    for leftover in home.glob(f"{_MAKING}*"):
        shutil.rmtree(leftover)
    deadline = time.monotonic() + patience
    while faulty := [name for name in DATABASES if not _is_whole(home, name)]:
        if len(faulty) == len(DATABASES) and not any((home / name).exists() for name in faulty):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return faulty


def _is_whole(home: Path, name: str) -> bool:
    """True when the database has its tables and, which Dagster writes last, one version of its schema."""
    path = home / name
    return path.exists() and len(_versions(path)) == 1 and DATABASES[name] <= {table for _, table in _objects(path)}


def _versions(path: Path) -> list[str]:
    """Versions of the schema that a database claims; none when it is unfinished or no database."""
    return [version for (version,) in _rows(path, "SELECT version_num FROM alembic_version")]


def _objects(path: Path) -> dict[tuple[str, str], str]:
    """SQL of the tables and indexes of a database, by kind and name, tables first."""
    rows = _rows(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC")
    return {(kind, name): sql for kind, name, sql in rows}


def _rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        except sqlite3.DatabaseError:  # "not a database", "malformed"; what only prevents access is an OperationalError
            return []


def _make(home: Path, names: list[str]) -> None:
    """Make the databases `names` in a temporary folder and move them into place."""
    from .history_storage import HistoryStorage

    making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=home))
    HistoryStorage(str(making)).dispose()
    aside = home / _ASIDE / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for name in names:
        path, made = home / name, making / name
        (head,) = _versions(made)
        if path.exists() and head in _versions(path):
            _set_aside(path, aside / name, shutil.copy2)
            _complete(path, made, head)
            logger.warning(f"{path} was made by two programs at once: mended, with a copy in {aside}")
            continue
        if path.exists():
            logger.warning(f"{path} was not finished when it was made: made anew, with what was there in {aside}")
        _set_aside(path, aside / name, shutil.move)
        path.parent.mkdir(parents=True, exist_ok=True)
        made.rename(path)
    shutil.rmtree(making)


def _complete(path: Path, whole: Path, version: str) -> None:
    """Give a database the tables and indexes that it lacks beside a whole one, and one version."""
    present = _objects(path)
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        for key, sql in _objects(whole).items():
            if key not in present:
                connection.execute(sql)
        connection.execute("DELETE FROM alembic_version WHERE version_num != ?", (version,))


def _set_aside(path: Path, target: Path, transfer: Callable[[Path, Path], object]) -> None:
    """Copy or move a database with its journal, which belongs to it alone."""
    for ending in ("", "-wal", "-shm"):
        source = path.with_name(path.name + ending)
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            transfer(source, target.with_name(target.name + ending))
