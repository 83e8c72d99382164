"""`moshi-assets ui` as a process; what it shows is in test_webserver.py."""

import signal

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
