"""`moshi-assets ui` as a process; what it shows is in test_webserver.py."""

import signal
import subprocess
import sys

from tests.moshi_assets.support.pipeline import Running, environment, eventually, free_port


def test_a_ui_that_is_killed_leaves_nothing_behind_and_can_be_started_again(tmp_path):
    arguments = ["ui", "--output", "data", "--port", str(free_port())]
    ui = Running("moshi-assets", *arguments, cwd=tmp_path, env=environment())
    try:
        eventually(lambda: len(ui.alive()) > 3, 60)  # itself, Dagster's command, and what that starts
        ui.signal(signal.SIGKILL)
        ui.wait(10)
        eventually(lambda: not ui.alive(), 60)
    finally:
        ui.end()

    again = Running("moshi-assets", *arguments, cwd=tmp_path, env=environment())
    try:
        eventually(lambda: "Ctrl-C ends it" in again.output, 60)
    finally:
        again.end()


def test_without_its_extra_it_says_what_to_install(tmp_path):
    code = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'dagster_webserver' else real(name, *more)\n"
        "sys.argv = ['moshi-assets', 'ui', '--output', 'data']\n"
        "from moshi_assets.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "Error: the UI needs Dagster's webserver: pip install 'moshi-assets[ui]'\n"
    assert not (tmp_path / "data").exists()
