"""A recording is known by its content, and looked at once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.prompts import recording
from moshi_assets.prompts.recording import Prompt, fault_of
from moshi_assets.recipe.prompts import PromptSettings
from tests.moshi_assets.support.voices import RATE, speech, write_voice


def found(path: Path, seconds: float = 15.0, **settings: bool) -> Prompt:
    prompt, fault = fault_of(path, seconds, PromptSettings(**settings))
    assert prompt and fault is None, fault
    return prompt


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that are measured while the test runs; what other tests measured is not known."""
    paths: list[Path] = []
    monkeypatch.setattr(recording, "_by_content", {})
    recording._looked_at.cache_clear()
    measure = recording.measure
    monkeypatch.setattr(recording, "measure", lambda path, *how: paths.append(path) or measure(path, *how))
    return paths


def late(path: Path) -> Path:
    """A voice after 20 s of silence."""
    sf.write(path, np.append(np.zeros(20 * RATE, np.float32), speech()), RATE)
    return path


def test_a_fingerprint_is_the_digest_of_the_file(tmp_path):
    path = write_voice(tmp_path / "her.wav", seconds=4)
    assert found(path).fingerprint == hashlib.blake2b(path.read_bytes()).hexdigest()[:32]


def test_only_a_silence_that_is_skipped_is_part_of_the_fingerprint(tmp_path):
    path = late(tmp_path / "her.wav")
    digest = hashlib.blake2b(path.read_bytes()).hexdigest()[:32]
    begin = found(path).start
    assert 19 * RATE < begin < 21 * RATE
    assert found(path).fingerprint == f"{digest}@{begin}"
    assert found(path, skip_silence=False, check=False).fingerprint == digest


def test_files_of_one_content_are_measured_once(tmp_path, measured):
    one = write_voice(tmp_path / "once.wav", 1, seconds=5)
    other = shutil.copy(one, tmp_path / "copy.wav")
    assert found(one) == found(Path(other)) == found(one)
    assert measured == [one]


def test_a_recording_that_was_replaced_is_looked_at_again(tmp_path):
    path = write_voice(tmp_path / "her.wav", 0, seconds=3)
    before = found(path)
    write_voice(path, 2, seconds=3)
    os.utime(path, ns=(1, 1))
    assert found(path).digest != before.digest


def test_another_part_that_counts_is_measured_anew(tmp_path, measured):
    path = write_voice(tmp_path / "her.wav", 4, seconds=5)
    assert found(path).measures != found(path, seconds=2).measures
    assert len(measured) == 2


def test_a_recording_that_is_not_to_be_checked_is_not_measured(tmp_path, measured):
    path = write_voice(tmp_path / "her.wav", 6, seconds=5)
    assert found(path, check=False).fingerprint == found(path).fingerprint
    assert len(measured) == 1


def test_no_torch_is_loaded_to_look_at_a_recording(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from moshi_assets.prompts.recording import fault_of\n"
        "from moshi_assets.recipe.prompts import PromptSettings\n"
        "print(fault_of(pathlib.Path(sys.argv[1]), 15.0, PromptSettings())[1], 'torch' in sys.modules)"
    )
    path = write_voice(tmp_path / "her.wav", seconds=4)
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False"]
