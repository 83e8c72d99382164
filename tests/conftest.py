"""Which tests are slow: whole builds, servers, models, kills and benchmarks. `make test-fast` leaves them out."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SLOW = (
    "benchmarks",
    "docs/test_readme.py",
    "indextts/checkpoint",
    "indextts/decoding",
    "indextts/device",
    "indextts/engine",
    "indextts/models/test_attention.py",
    "indextts/models/test_flow_loops.py",
    "indextts/published",
    "indextts/test_cli.py",
    "indextts/test_infer.py",
    "indextts/test_parity.py",
    "indextts/text/test_read_ahead.py",
    "moshi_assets/cli",
    "moshi_assets/defs",
    "moshi_assets/end_to_end",
    "moshi_assets/engines",
    "moshi_assets/export",
    "moshi_assets/processes",
    "moshi_assets/publish",
    "moshi_assets/test_api.py",
)
"""Folders and files below tests/ whose tests take more than a few tenths of a second each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that nobody has to remember it for a new test."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        if place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
