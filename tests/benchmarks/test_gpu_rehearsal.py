"""`python -m benchmarks.gpu` rehearsed on the CPU at tiny size, so that its first minutes on a card are not its first
at all.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import table
from benchmarks.gpu.session import Session
from moshi_assets.engines.indextts2 import GPU_PRECISION

PROJECT = Path(__file__).parents[2]
TINY = [
    "--device",
    "cpu",
    "--size",
    "tiny",
    "--matmul",
    "256",
    "--turns",
    "2",
    "--seconds",
    "1",
    "1.2",
    "--singles",
    "1",
    "--rows",
    "2",
    "--steps",
    "1",
    "--shapes",
    "1x40",
    "2x48",
    "--loops",
    "2x40",
    "--evaluations",
    "2",
    "--exact",
    "3",
]
BARE = """
import builtins, runpy, sys
really = builtins.__import__
def without(name, *rest, **more):
    if name.partition(".")[0] in {"dagster", "pydantic", "pyarrow", "hibari_tts"}:
        raise ImportError(f"{name} is not on a bare machine")
    return really(name, *rest, **more)
builtins.__import__ = without
sys.argv[:] = ["benchmarks.gpu", *sys.argv[1:]]
runpy.run_module("benchmarks.gpu", run_name="__main__")
"""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """Results of all parts on a machine without Dagster, and the exit code."""
    folder = tmp_path_factory.mktemp("gpu")
    done = subprocess.run(
        [sys.executable, "-c", BARE, *TINY, "--results", str(folder)],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # a tiny model: a second thread only waits
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    path = folder / "gpu-rehearsal.json"
    assert path.is_file(), done.stderr
    return json.loads(path.read_text())["parts"], done


def test_every_part_comes_to_its_end_but_the_one_that_needs_dagster(rehearsed):
    parts, done = rehearsed
    assert [*parts] == [*gpu.PARTS]
    broken = {name: part.get("failed") or part.get("stopped") for name, part in parts.items()}
    assert {name for name, reason in broken.items() if reason} == {"lane"}, broken
    assert "dagster is not on a bare machine" in broken["lane"]
    assert done.returncode == 1


def test_tests_of_a_gpu_are_skipped_with_a_reason_where_there_is_none(rehearsed):
    figures = rehearsed[0]["parity"]["figures"]
    assert figures["tests"] == len(figures["skipped"]) > 10
    assert all("CUDA" in reason for reason in figures["skipped"].values())


def test_a_row_says_where_the_time_of_a_second_of_audio_went(rehearsed):
    row = rehearsed[0]["batches"]["figures"]["rows_2"]
    milliseconds = row["ms_per_audio_second"]
    assert sum(milliseconds.values()) == pytest.approx(1000 * row["seconds_in_turn"] / row["audio_seconds"], rel=0.05)
    assert all(spent >= 0 for spent in milliseconds.values())
    assert row["predicted_gb"] > 0
    assert row["flow_tflops"] > 0
    assert row["turns"] == 6  # three times the rows


def test_a_velocity_is_measured_by_shape_and_way_of_attention(rehearsed):
    figures = rehearsed[0]["attention"]["figures"]
    assert [*figures["velocities"]] == ["1x40", "2x48"]
    for row in figures["velocities"].values():
        ways = {name: way for name, way in row.items() if isinstance(way, dict)}
        assert set(ways) == {"dense", "flex"}  # varlen is for GPUs
        assert all(
            way["tflops"] == pytest.approx(row["gflop"] / way["ms"], rel=0.05, abs=0.002) for way in ways.values()
        )
    assert rehearsed[0]["modes"]["figures"]["loops"]["2x40"]["eager"] > 0


def test_the_page_has_a_table_of_each_part_of_a_card_and_none_of_a_rehearsal(rehearsed, tmp_path):
    parts = rehearsed[0]
    page = tmp_path / "page.md"
    page.write_text(f"head\n{table.BEGIN}\nold\n{table.END}\ntail\n")
    (tmp_path / "gpu-rehearsal.json").write_text(json.dumps({"parts": parts}))
    table.main(page, tmp_path)
    assert table.NONE in page.read_text()

    (tmp_path / "gpu-some-card.json").write_text(json.dumps({"parts": parts}))
    table.main(page, tmp_path)
    text = page.read_text()
    assert text.startswith("head\n") and text.endswith("\ntail\n") and "old" not in text
    assert all(f"**{name}**" in text for name in parts if name != "facts")
    assert f"failed: {parts['lane']['failed']}" in text
    assert "| 2x48 | flex |" in text and "| 2x40 |" in text


def test_no_row_is_begun_that_would_not_end_within_the_limit(tmp_path):
    session = Session(tmp_path / "figures.json", "command", minutes=0)

    def work(keep):
        keep({"before": 1})
        session.need(1)
        keep({"after": 2})

    assert not session.run("part", work)
    part = json.loads((tmp_path / "figures.json").read_text())["parts"]["part"]
    assert part["figures"] == {"before": 1}
    assert "0 s are left" in part["stopped"]


def test_without_a_card_nothing_is_measured(tmp_path):
    if gpu.torch.cuda.is_available():
        pytest.skip("there is one")
    assert gpu.main(["--results", str(tmp_path)]) == 2
    assert not list(tmp_path.iterdir())


def test_number_formats_are_those_of_the_builder():
    assert gpu.PRECISION == GPU_PRECISION
