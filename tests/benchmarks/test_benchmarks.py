"""Benchmarks as they are started, on the smallest input: that they still run, and what a chain keeps that was broken
off.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.moshi_assets.support.pipeline import eventually

PROJECT = Path(__file__).parents[2]
TINY = ["--size", "tiny", "--turns", "2", "--seconds", "1", "1", "--steps", "1", "--part", "chain", "--resume"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder whose benchmarks keep their figures to themselves."""
    for name in ("benchmarks", "examples"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def start(copy: Path, name: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=copy, env={**os.environ, "TMPDIR": str(copy)}, **pipes)


def finish(process: subprocess.Popen[str]) -> str:
    """What it says on stderr, once it has ended well."""
    _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    return told


def figures(copy: Path, name: str) -> dict:
    path = copy / "docs" / "benchmarks" / f"{name}.json"
    return json.loads(path.read_text())["figures"] if path.exists() else {}


def test_word_times_are_measured_on_the_sample(copy):
    finish(start(copy, "alignment"))

    measured = figures(copy, "alignment")
    assert measured["turns"] == 24
    assert measured["word_starts_apart"]["engine - acoustic"]["mean_ms"] < 40


def test_what_word_times_and_judging_add_is_measured_on_the_sample(copy):
    finish(start(copy, "additions", "1"))

    measured = figures(copy, "additions")
    assert measured["runs_of_each"] == 1
    assert min(value for name, value in measured.items() if name.endswith("_cpu_seconds")) > 0


def test_a_chain_that_was_broken_off_keeps_its_rows_and_measures_the_others(copy):
    chain = [*TINY, "--batches", "2", "--folder", "checkpoint"]
    with start(copy, "tts", *chain) as broken_off:
        eventually(lambda: broken_off.poll() is not None or "chain" in figures(copy, "tts"), 120)
        broken_off.kill()
        _, told = broken_off.communicate()
    before = figures(copy, "tts").get("chain", {})
    assert "calls_3_beams_one_voice_cached" in before, told
    assert "best_batch_half" not in before

    finish(start(copy, "tts", *chain))

    rows = figures(copy, "tts")["chain"]
    assert {name: rows[name]["stages"] for name in before} == {name: row["stages"] for name, row in before.items()}
    assert [*rows] == [
        "calls_3_beams_one_voice_cached",
        "calls_1_beam_warm",
        "synthesize_2",
        "best_batch_half",
        "calls_1_beam_warm_half",
    ]

    other = start(copy, "tts", *chain, "--steps", "2")
    _, told = other.communicate(timeout=120)
    assert other.returncode == 2
    assert "'flow_steps': 1" in told
    assert "leave --resume out" in told


def test_the_page_on_reliability_says_what_its_figures_say(copy):
    shutil.copytree(PROJECT / "docs", copy / "docs")
    code = "from benchmarks.reliability_table import write_page; write_page()"

    subprocess.run([sys.executable, "-c", code], cwd=copy, check=True)

    page = Path("docs", "reliability.md")
    assert (copy / page).read_text() == (PROJECT / page).read_text()
