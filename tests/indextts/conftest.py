"""Goldens and the tiny configuration.

``INDEXTTS_GOLDEN`` names another folder of goldens with the same file names: other seeds, lengths and texts, so
every test reads tags, lengths and sizes from the files.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from goldens import Arrays

TESTS = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return Path(os.environ.get("INDEXTTS_GOLDEN") or TESTS.parent / "golden")


@pytest.fixture(scope="session")
def golden(golden_dir: Path) -> Callable[[str], Arrays]:
    """``golden("h_cfm")`` -> the arrays of ``h_cfm.npz``."""
    cache: dict[str, dict[str, np.ndarray]] = {}

    def load(name: str) -> Arrays:
        if name not in cache:
            with np.load(golden_dir / f"{name}.npz") as arrays:
                cache[name] = dict(arrays)
        return cache[name]

    return load


@pytest.fixture(scope="session")
def golden_json(golden_dir: Path) -> Callable[[str], Any]:
    """``golden_json("l_text")`` -> the content of ``l_text.json``."""
    return lambda name: json.loads((golden_dir / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def golden_set(golden_json: Callable[[str], Any]) -> str:
    """The name of the golden set, with which the tags of its inputs begin: ``noise(f"{golden_set}:dit_x0", …)``."""
    return golden_json("k_e2e")[0]["z_tags"][0].split(":")[0]


@pytest.fixture(scope="session")
def tiny_config_dir() -> Path:
    return TESTS / "tiny_config"
