"""A dataset that is planned again measures only new recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.prompts import recording
from moshi_assets.prompts.kept import PROMPTS_FILE, keep, recall
from moshi_assets.prompts.recording import fault_of
from moshi_assets.recipe.prompts import PromptSettings
from tests.moshi_assets.support.voices import RATE, speech, write_voice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A voice, one after a silence, and hiss."""
    write_voice(tmp_path / "her.wav", 1, seconds=4)
    sf.write(tmp_path / "late.wav", np.append(np.zeros(3 * RATE, np.float32), speech(4.0, 2)), RATE)
    sf.write(tmp_path / "hiss.wav", 0.1 * np.random.default_rng(0).standard_normal(3 * RATE), RATE)
    return tmp_path


def look_at_all(folder: Path) -> list:
    return [fault_of(path, 15.0, PromptSettings()) for path in sorted(folder.glob("*.wav"))]


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """Begins what a new process begins with; gives the recordings that are measured from then on."""
    measured: list[Path] = []
    measure = recording.measure
    monkeypatch.setattr(recording, "measure", lambda path, *how: measured.append(path) or measure(path, *how))

    def begin() -> list[Path]:
        recording._looked_at.cache_clear()
        recording._by_content.clear()
        measured.clear()
        return measured

    return begin


def test_only_what_is_new_is_measured_and_everything_is_judged_alike(folder, another_process):
    another_process()
    recall(folder)
    before = look_at_all(folder)
    keep(folder)

    measured = another_process()
    recall(folder)
    assert look_at_all(folder) == before and measured == []
    write_voice(folder / "new.wav", 5, seconds=4)
    look_at_all(folder)
    assert measured == [folder / "new.wav"]


def test_what_a_plan_did_not_use_is_forgotten(folder, another_process):
    another_process()
    recall(folder)
    look_at_all(folder)
    keep(folder)
    recall(folder)
    fault_of(folder / "her.wav", 15.0, PromptSettings())
    keep(folder)
    assert len(json.loads((folder / PROMPTS_FILE).read_text())["prompts"]) == 1


def test_nothing_is_written_where_there_are_no_recordings(tmp_path):
    recall(tmp_path)
    keep(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: text.replace('"format": 1', '"format": 0'),
        lambda text: text.replace("[[", "[[7, ", 1),
        lambda text: text.replace("15.0", "NaN"),
        lambda text: text.replace("15.0", '"x"'),
        lambda text: "[]",
    ],
)
def test_a_file_that_says_nothing_costs_only_time(folder, another_process, damage):
    another_process()
    recall(folder)
    before = look_at_all(folder)
    keep(folder)
    (folder / PROMPTS_FILE).write_text(damage((folder / PROMPTS_FILE).read_text()))

    measured = another_process()
    recall(folder)
    assert look_at_all(folder) == before and len(measured) == 3
