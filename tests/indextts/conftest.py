"""Goldens and the tiny configuration.

`INDEXTTS_GOLDEN` names another folder of goldens with the same file names: other seeds, lengths and texts, so
every test reads tags, lengths and sizes from the files.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from indextts.checkpoint.pseudo_weights import wave
from indextts.infer_v2 import IndexTTS2
from tests.indextts.support.goldens import Arrays

TESTS = Path(__file__).resolve().parent


torch.set_num_threads(1)  # tiny models: a second thread only waits, and on a busy machine for long


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` need a real one; elsewhere they are skipped, and say so."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and none was found"))


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return Path(os.environ.get("INDEXTTS_GOLDEN") or TESTS.parent / "golden")


@pytest.fixture(scope="session")
def golden(golden_dir: Path) -> Callable[[str], Arrays]:
    """`golden("h_cfm")` -> the arrays of `h_cfm.npz`."""
    cache: dict[str, dict[str, np.ndarray]] = {}

    def load(name: str) -> Arrays:
        if name not in cache:
            with np.load(golden_dir / f"{name}.npz") as arrays:
                cache[name] = dict(arrays)
        return cache[name]

    return load


@pytest.fixture(scope="session")
def golden_json(golden_dir: Path) -> Callable[[str], Any]:
    """`golden_json("l_text")` -> the content of `l_text.json`."""
    return lambda name: json.loads((golden_dir / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def golden_set(golden_json: Callable[[str], Any]) -> str:
    """The name of the golden set, with which the tags of its inputs begin: `noise(f"{golden_set}:dit_x0", …)`."""
    return golden_json("k_e2e")[0]["z_tags"][0].split(":")[0]


@pytest.fixture(scope="session")
def checkpoint_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete tiny checkpoint folder, with the weights of the goldens. Not to be changed."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def tts(checkpoint_dir: Path) -> IndexTTS2:
    """The tiny model on the CPU."""
    return IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu")


@pytest.fixture(scope="session")
def prompt_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, float, int], Path]:
    """`prompt_file(sampling_rate, seconds, seed)` -> a 32-bit float WAV of the synthetic test voice."""
    folder = tmp_path_factory.mktemp("prompts")

    def write(sampling_rate: int, seconds: float, seed: int) -> Path:
        path = folder / f"{sampling_rate}_{seconds}_{seed}.wav"
        if not path.exists():
            soundfile.write(path, wave(sampling_rate, seconds, seed), sampling_rate, subtype="FLOAT")
        return path

    return write


@pytest.fixture(scope="session")
def tiny_config_dir() -> Path:
    return TESTS / "tiny_config"
