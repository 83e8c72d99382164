"""The class as other people's programs use it: the scripts in `callers` run, as processes of their own where that
matters.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

CALLERS = Path(__file__).parents[1] / "callers"


@pytest.fixture
def voice(prompt_file) -> str:
    return str(prompt_file(22050, 0.6, 3))


def start(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CALLERS / script, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # tiny models: a second thread only waits
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def call(checkpoint_dir: Path, voice: str, tmp_path: Path):
    """`call("server.py")` -> what the script says about its run in a process of its own."""

    def run(script: str) -> Any:
        done = start(script, checkpoint_dir, voice, tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def here(checkpoint_dir: Path, voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """The same in this process, where torch is loaded already."""

    def run(script: str) -> Any:
        monkeypatch.setattr(sys, "argv", [script, str(checkpoint_dir), voice, str(tmp_path)])
        capsys.readouterr()
        runpy.run_path(str(CALLERS / script), run_name="__main__")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_a_web_page(here, checkpoint_dir):
    said = here("web_page.py")

    limits = yaml.safe_load((checkpoint_dir / "config.yaml").read_text())["gpt"]
    assert said["sliders"] == {
        "tokens": limits["max_text_tokens"],
        "codes": limits["max_mel_tokens"],
        "version": 2.0,
    }
    assert len(said["preview"]) > 1
    assert all(0 < count <= 10 for _, _, count in said["preview"])
    assert said["progress"] == [done / len(said["preview"]) for done in range(1, len(said["preview"]) + 1)] * 3
    assert [soundfile.info(file).subtype for file in said["files"]] == ["PCM_16"] * 3


def test_a_web_page_with_a_glossary(here):
    said = here("glossary_page.py")

    assert (said["before"], said["after"]) == ("The M point two disk", "The M dot two disk")
    assert said["rows"] == ["M.2 | M二 | M dot two", "RAM | memory | memory"]
    assert said["saved"] == "M.2:\n  zh: M二\n  en: M dot two\nRAM: memory\n"
    assert soundfile.info(said["file"]).frames > 0


def test_a_command_line(checkpoint_dir: Path, voice: str, tmp_path: Path):
    arguments = ["Hello.", "-v", voice, "-o", tmp_path / "gen.wav", "-c", checkpoint_dir / "config.yaml"]
    arguments += ["--model_dir", checkpoint_dir, "-d", "cpu"]

    assert start("command.py", *arguments).returncode == 0
    assert soundfile.info(tmp_path / "gen.wav").samplerate == 22050
    assert start("command.py", *arguments).returncode == 1  # the file exists, and nobody said -f


def test_the_snippets_of_the_introduction(here):
    said = here("snippets.py")

    assert all(soundfile.info(file).frames > 0 for file in said["files"])
    assert (said["rate"], said["shape"][1]) == (22050, 1)
    assert "qwen0.6bemo4-merge" in said["emotion"]


def test_a_server_with_a_thread_for_each_request(call):
    assert call("server.py") == {"same": True, "different": True, "stream": True, "silence after it": 4410}


def test_a_node_of_a_graph(call):
    said = call("node.py")

    assert said["shape"][:2] == [1, 1]
    assert said["repeats"] and said["differs"] and said["audio"] and said["memory"]
    assert (said["where"], said["on_gpu"], said["offload"]) == ("cpu None False", False, False)
    assert said["rates"] == [22050, 22050]


def test_the_classic_builder_repeats_with_its_seed(here):
    files = []
    for _ in range(2):
        row = here("builder.py")
        files.append(Path(row["path"]).read_bytes())

    assert files[0] == files[1]
    assert soundfile.info(row["path"]).channels == 2
