"""Ctrl-C at any moment after a command is started: exit code 130 and one line, no traceback.

Real processes, really interrupted.
"""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from indextts import interrupts
from tests.moshi_assets.support.pipeline import REPOSITORY, Pipeline, dialogue, environment, free_port, write_dialogues


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset, and dialogues that take long to speak."""
    folder = tmp_path_factory.mktemp("interrupts")
    Pipeline(folder / "data").build(write_dialogues(folder / "talks.jsonl", [dialogue(n) for n in range(8)]))
    write_dialogues(folder / "long.jsonl", [dialogue(n) for n in range(400)])
    (folder / "slow.yaml").write_text("engine: noise\nnoise: {seconds_per_audio_second: 0.1}\n")
    return folder


@pytest.fixture(scope="module")
def start_seconds() -> float:
    """How long the interpreter itself takes to start: before that, nothing of ours can answer."""
    begin = time.monotonic()
    for _ in range(3):
        subprocess.run([sys.executable, "-c", "import encodings, os"], check=True)
    return (time.monotonic() - begin) / 3


COMMANDS = {
    "build": ("moshi_assets", "build", "long.jsonl", "--output", "data", "--recipe", "slow.yaml"),
    "report": ("moshi_assets", "report", "data/talks"),
    "verify": ("moshi_assets", "verify", "data/talks"),
    "ui": ("moshi_assets", "ui", "--output", "shown", "--port", str(free_port())),
    "list": ("moshi_assets", "list"),
    "indextts": ("indextts", "Hello.", "--voice", "missing.wav"),
}


def interrupt(folder: Path, command: str, seconds: float) -> tuple[int, str, bool]:
    """Exit code and output of a command that is interrupted after some seconds, and whether it ended before."""
    arguments = [sys.executable, "-m", *COMMANDS[command]]
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    time.sleep(seconds)
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.decode(), ended


@pytest.mark.parametrize("after", [0, 0.3, 0.8, 1.7])
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_soon_after_the_start_ends_a_command_with_130_and_no_traceback(folder, start_seconds, command, after):
    code, output, ended = interrupt(folder, command, 3 * start_seconds + after)

    assert "Traceback" not in output and "Exception ignored" not in output, output
    # Its work was done (`indextts`: to say which files are missing): in its last moment Python no longer answers.
    said_all = command == "indextts" and (code, output.rstrip().endswith("download=True).")) == (1, True)
    if ended or said_all or code in (0, -signal.SIGINT):
        return
    assert (code, "interrupted" in output) == (interrupts.EXIT_INTERRUPTED, True), output


def test_an_interrupted_report_leaves_no_temporary_file(folder):
    assert list((folder / "data/talks").glob(".report*")) == []


def test_the_installed_commands_begin_where_ctrl_c_is_answered():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    assert project["scripts"] == {"moshi-assets": "moshi_assets.__main__:main", "indextts": "indextts.__main__:main"}


@pytest.mark.parametrize("module", ["moshi_assets.__main__", "indextts.__main__"])
def test_the_first_module_of_a_command_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(*[name for name in ('numpy', 'click', 'yaml', 'torch', 'argparse') if name in sys.modules])"  # noqa: E501

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
