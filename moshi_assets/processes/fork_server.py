"""The start of worker processes. This module imports nothing heavy: the fork server starts while the rest is still
being imported.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver

_PRELOAD = [
    "dagster",
    "moshi_assets.definitions",
    "sqlalchemy",
    "alembic.command",
    "dagster._core.storage.sqlite_storage",
]
"""Modules that the fork server imports once: the project, and the imports that every step needs to reach the instance's
storage (0.6 s a step). None of them may start CUDA (torch is imported by the lanes). A module that cannot be imported
is skipped.
"""


def start_method() -> dict:
    """The start method of worker processes: `forkserver` where the platform has it (0.9 s a step against 3.3 s with
    `spawn`); MOSHI_ASSETS_START overrides.
    """
    chosen = os.environ.get("MOSHI_ASSETS_START", "")
    if chosen not in ("", "spawn", "forkserver"):
        raise ValueError(f"MOSHI_ASSETS_START is {chosen!r}: use 'forkserver' or 'spawn'")
    if chosen == "spawn" or "forkserver" not in multiprocessing.get_all_start_methods():
        return {"spawn": {}}
    return {"forkserver": {"preload_modules": _PRELOAD}}


def warm_up() -> None:
    """Start the fork server, which imports the project while this process goes on: a second less before the first step.

    Its children have the environment of this moment.
    """
    method = start_method()
    if "forkserver" in method:
        multiprocessing.get_context("forkserver").set_forkserver_preload(method["forkserver"]["preload_modules"])
        forkserver.ensure_running()
