"""Marks runs as failed after their processes were killed, so that no later run waits for them.

Dagster's own run monitoring does not look at them where runs are processes of this machine.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import dagster as dg

from ..storage.lock import holder
from .run_tags import DATASET_TAG, is_driven, lock_owner

ACTIVE = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_SERVER_TAG = ".dagster/grpc_info"
"""Tag with the address of the code server of a launched run, which ends together with webserver and daemon."""


def close_dead_runs(instance: dg.DagsterInstance, root: Path) -> list[dg.DagsterRun]:
    """Mark runs as failed that are active by their record and whose processes are gone.

    Args:
        instance: holds the runs.
        root: folder that holds the datasets of runs that name no other.

    Returns:
        The runs that were marked.
    """
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE)) if _is_dead(run, root)]
    for run in dead:
        instance.report_run_failed(run, "The processes of this run were killed; what they wrote is kept.")
    return dead


def data_root_of(run: dg.DagsterRun, otherwise: Path) -> Path:
    """Folder that holds the datasets of a run: as its config says, else `otherwise`."""
    config: Any = run.run_config
    for key in ("resources", "data", "config"):
        config = config.get(key, {})
    return Path(config.get("path") or otherwise)


def _is_dead(run: dg.DagsterRun, root: Path) -> bool:
    """True if no process can be working on a run. A build locks its dataset from before its runs begin until they have
    ended.

    A build locks its dataset before its runs begin, until they have ended.
    """
    dataset = run.tags.get(DATASET_TAG) or run.tags.get("dagster/partition")
    locked = holder(data_root_of(run, root) / dataset) if dataset else None
    if locked == lock_owner(run.tags, run.run_id):
        return False
    if is_driven(run.tags):
        return True
    return _SERVER_TAG in run.tags and not _answers(json.loads(run.tags[_SERVER_TAG]))


def _answers(server: dict) -> bool:
    """True when something listens at the address of a code server."""
    path = server.get("socket")
    family, address = (socket.AF_UNIX, path) if path else (socket.AF_INET, (server["host"], server["port"]))
    with socket.socket(family) as connection:
        connection.settimeout(5)
        return connection.connect_ex(address) == 0
