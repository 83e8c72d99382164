"""The start of worker processes. This module imports nothing heavy: the fork server starts while the rest is still
being imported.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import forkserver

_PRELOAD = ["moshi_assets.cli.warm_start"]
"""Modules that the fork server imports once, for all processes that it will start. None of them may start CUDA (torch
is imported by the lanes) or a thread. A module that cannot be imported is skipped.
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


def warm_up(modules: Sequence[str] = ()) -> None:
    """Start the fork server, which imports the project while this process goes on: a second less before the first step.

    Its children have the environment of this moment. Where the fork server runs, this does nothing.

    Args:
        modules: what the lanes will need besides (`EngineEntry.shared`).
    """
    method = start_method()
    if "forkserver" in method:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*method["forkserver"]["preload_modules"], *modules])
        forkserver.ensure_running()
