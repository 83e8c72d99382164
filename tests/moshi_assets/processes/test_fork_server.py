"""The fork server: what it imports for all worker processes."""

import json
import subprocess
import sys

import pytest

from moshi_assets.engines.registry import ENGINES
from moshi_assets.processes.fork_server import start_method

IMPORTED = """
import importlib, json, sys, threading
for name in sys.argv[1:]:
    importlib.import_module(name)  # the fork server itself would skip what cannot be imported
print(json.dumps({"modules": sorted(sys.modules), "threads": threading.active_count()}))
"""


def preloaded(engine: str) -> dict:
    """What a process holds that imported what the fork server imports for an engine."""
    names = [*start_method()["forkserver"]["preload_modules"], *ENGINES[engine].shared]
    return json.loads(subprocess.check_output([sys.executable, "-c", IMPORTED, *names], timeout=120))


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_that_must_not_be_forked_is_imported(engine):
    state = preloaded(engine)

    assert state["threads"] == 1
    assert not {"torch", "pandas"} & set(state["modules"])
    assert {"moshi_assets.definitions", "dagster._core.storage.sqlite_storage"} <= set(state["modules"])


def test_the_builtin_voice_is_imported_only_for_its_own_lanes():
    assert "hibari" in preloaded("builtin")["modules"]
    assert not {"hibari", "scipy"} & set(preloaded("noise")["modules"])
