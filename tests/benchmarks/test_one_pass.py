"""The benchmark of whole builds, on its smallest input; and the wrapper that adds up what a command took."""

import sys

import pytest

from benchmarks.whole_command import run
from tests.benchmarks.test_benchmarks import copy, figures, finish, start  # noqa: F401  copy is a fixture

ORPHAN = """
import os, pathlib, sys, time
if os.fork():
    os._exit(0)  # the command ends at once; what it leaves behind works on
pathlib.Path(sys.argv[1]).write_bytes(bytes(5_000_000))
held = bytearray(os.urandom(40_000_000))
deadline = time.process_time() + 0.5
while time.process_time() < deadline:
    pass
time.sleep(2)
"""


def test_what_a_process_that_was_left_behind_takes_counts(tmp_path):
    nothing = run([sys.executable, "-c", "pass"])

    spent = run([sys.executable, "-c", ORPHAN, str(tmp_path / "file")])

    assert spent.write_call_bytes - nothing.write_call_bytes == pytest.approx(5_000_000, rel=0.01)
    assert spent.cpu_seconds > 0.5
    assert spent.peak_mib > 40


def test_a_command_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ended with 3: too bad"):
        run([sys.executable, "-c", "import sys; print('too bad', file=sys.stderr); sys.exit(3)"])


def test_parts_can_be_rehearsed_one_after_another_and_keep_what_others_found(copy):  # noqa: F811
    finish(start(copy, "one_pass", "--part", "written", "--part", "first", "--scale", "0.02"))
    finish(start(copy, "one_pass", "--part", "noise", "--scale", "0.0002"))

    found = figures(copy, "one_pass")
    assert found["written"]["written_to_recordings"] >= 1 or found["written"]["written_bytes"] == 0
    assert found["written"]["write_calls_to_recordings"] > 1
    assert 0 < found["first"]["first_recording_seconds"] < found["first"]["wall_seconds"]
    assert found["first"]["shards"] == 4
    assert found["noise"]["dialogues"] == 4 and found["noise"]["lanes_2"]["speedup"] > 0
