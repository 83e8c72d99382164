"""The output of a step: kept in Dagster's files, and passed on as it comes."""

import subprocess
import sys
from pathlib import Path

from tests.moshi_assets.support.pipeline import eventually

STEP = """
import os, subprocess, sys
from moshi_assets.defs.step_output import StepOutput
print("before", flush=True)
with StepOutput(sys.argv[1]).capture_logs(["run", "compute_logs", "step"]):
    print("python", flush=True)
    os.write(1, b"native\\n")
    subprocess.run(["echo", "child"])
    print("error", file=sys.stderr, flush=True)
    if sys.argv[2] == "waits":
        sys.stdin.read()
    elif sys.argv[2] == "fails":
        raise SystemExit("refused")
print("after", flush=True)
"""


def step(folder: Path, ending: str) -> subprocess.Popen:
    """A process that writes something before, during and after its step."""
    command = [sys.executable, "-c", STEP, str(folder), ending]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def kept(folder: Path, kind: str) -> str:
    return (folder / "run" / "compute_logs" / f"step.{kind}").read_text()


def test_what_a_step_writes_is_kept_and_passed_on(tmp_path):
    out, error = step(tmp_path, "ends").communicate(timeout=120)

    assert kept(tmp_path, "out") == "python\nnative\nchild\n"
    assert (out, error) == ("before\npython\nnative\nchild\nafter\n", "error\n")
    assert kept(tmp_path, "err") == "error\n"
    assert (tmp_path / "run" / "compute_logs" / "step.complete").is_file()


def test_it_is_passed_on_while_the_step_goes_on(tmp_path):
    process = step(tmp_path, "waits")
    assert process.stdout and process.stdin

    assert [process.stdout.readline() for _ in range(4)] == ["before\n", "python\n", "native\n", "child\n"]
    process.stdin.close()
    assert process.wait(120) == 0


def test_a_step_that_fails_has_said_everything(tmp_path):
    process = step(tmp_path, "fails")
    out, error = process.communicate(timeout=120)

    assert (out, error) == ("before\npython\nnative\nchild\n", "error\nrefused\n")
    assert process.returncode == 1


def test_what_a_killed_step_wrote_is_kept(tmp_path):
    process = step(tmp_path, "waits")
    eventually(lambda: (tmp_path / "run/compute_logs/step.err").is_file() and kept(tmp_path, "err"), 60)
    process.kill()
    process.communicate()

    assert kept(tmp_path, "out") == "python\nnative\nchild\n"
