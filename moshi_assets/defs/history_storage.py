"""The SQLite databases of a command-line build: Dagster's own, opened without a look at the history of their schema.

Each time that Dagster opens a database, it imports the hundred scripts of its migrations to learn the newest version of
the schema, of which it makes no use where the database is not empty. Each step opens four of them, and each run gets a
new one: that was a fifth of the work of a small build. Other programs read and write the same files in Dagster's way.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sql import get_alembic_config
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

INDEX = "index"
"""Name of the database that holds what is known of the events of all runs."""
_PATIENCE = 30
"""Seconds to wait for another process that writes."""
_VERSION = "SELECT version_num FROM alembic_version"
_VERSION_TABLE = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""What alembic makes in every database to hold its version."""


class HistoryStorage(DagsterSqliteStorage):
    """Runs, events and schedules in the files and tables of Dagster's own SQLite storage.

    A database that is missing is made as Dagster makes it; one that is not whole is left to Dagster.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """
        Args:
            base_dir: folder of the instance.
            inst_data: what the instance keeps about this storage.
        """
        self.base_dir, self._inst_data = base_dir, inst_data
        self._run_storage = Runs.from_local(os.path.join(base_dir, "history"))
        self._event_log_storage = Events(os.path.join(base_dir, "history", "runs"))
        self._schedule_storage = Schedules.from_local(os.path.join(base_dir, "schedules"))
        super(DagsterSqliteStorage, self).__init__()  # not Dagster's own, which opens the databases its way

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        return cls.from_local(inst_data=inst_data, **config_value)


class _KeptOpen:
    """In front of a storage of Dagster's with one database: made where it is missing, its connections kept open."""

    _name: ClassVar[str]
    """Of the database."""
    _tables: ClassVar[sa.MetaData]

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)  # type: ignore[call-arg]  # Dagster's, behind this one
        self._engine = _engine(conn_string)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Any:
        made = _make(Path(base_dir, f"{cls._name}.db"), cls._tables)
        if made is None:
            return super().from_local(base_dir, inst_data)  # type: ignore[misc]  # Dagster's
        storage: Any = cls(create_db_conn_string(base_dir, cls._name), inst_data)
        if made:
            storage.migrate()
            storage.optimize()
        return storage


class Runs(_KeptOpen, SqliteRunStorage):
    """Dagster's runs."""

    _name, _tables = "runs", RunStorageSqlMetadata


class Schedules(_KeptOpen, SqliteScheduleStorage):
    """Dagster's schedules and sensors."""

    _name, _tables = "schedules", ScheduleStorageSqlMetadata


class Events(SqliteEventLogStorage):
    """Dagster's events: a database for each run, and the index of all."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if shard not in self._engines:
                engine = _engine(self.conn_string_for_shard(shard))
                self._initdb(engine)
                self._engines[shard] = engine
            with self._engines[shard].begin() as connection:
                yield connection

    def dispose(self) -> None:
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        path, index = Path(engine.url.database or ""), Path(self.path_for_shard(INDEX))
        made = _make(path, SqlEventLogStorageMetadata) if path == index else _make_alike(path, index)
        if made is None:
            super()._initdb(engine, for_index_shard)


def _engine(address: str) -> sa.Engine:
    """Connections to a database, kept open. What a power cut takes of the history is its end, no more."""
    engine = sa.create_engine(address, connect_args={"timeout": _PATIENCE})
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return engine


def _make(path: Path, tables: sa.MetaData) -> bool | None:
    """Make a database where it is missing: True if it was, None if it is there but not whole."""
    if (whole := _is_whole(path)) is not None:
        return False if whole else None
    made = [*tables.sorted_tables, _VERSION_TABLE]
    statements: list[CreateTable | CreateIndex] = [CreateTable(table) for table in made]
    statements += [CreateIndex(index) for table in made for index in table.indexes]
    return _write(path, [str(each.compile(dialect=sqlite.dialect())) for each in statements], _newest_version())


def _make_alike(path: Path, other: Path) -> bool | None:
    """Make a database where it is missing, with the tables of another one, which is whole."""
    if (whole := _is_whole(path)) is not None:
        return False if whole else None
    if not _is_whole(other):
        return None
    with closing(sqlite3.connect(other, timeout=_PATIENCE)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC").fetchall()
        (version,) = connection.execute(_VERSION).fetchone()
    return _write(path, [sql for (sql,) in rows], version)


@cache
def _newest_version() -> str:
    """The version of the schema that the tables of this Dagster have."""
    head = ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__)).get_current_head()
    assert head is not None
    return head


def _is_whole(path: Path) -> bool | None:
    """Whether a database names the one version of its schema, which Dagster writes last; None where there is none."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        try:
            return len(connection.execute(_VERSION).fetchall()) == 1
        except sqlite3.DatabaseError:
            return False


def _write(path: Path, statements: list[str], version: str) -> bool | None:
    """Make a database by one transaction, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return _is_whole(path)
        for statement in statements:
            connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        connection.execute("COMMIT")
    return True
