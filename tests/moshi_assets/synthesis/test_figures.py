"""Figures of a run."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.processes.memory import peak_rss, peak_vram
from moshi_assets.synthesis.figures import SpeechFigures

NAMES = [
    "tasks",
    "spoken",
    "reused",
    "failed",
    "retried",
    "spoken_seconds",
    "audio_seconds",
    "wall_seconds",
    "engine_seconds",
    "x_realtime",
    "latency_mean_seconds",
    "latency_p95_seconds",
    "queue_depth_mean",
    "queue_depth_max",
    "peak_rss_mb",
]


def figures(**values: float) -> SpeechFigures:
    return SpeechFigures(**values)  # type: ignore[arg-type]


def test_a_summary_names_every_figure():
    assert list(SpeechFigures().summary()) == NAMES


def test_a_summary_of_nothing_is_all_zero():
    assert set(SpeechFigures().summary().values()) == {0}


def test_a_summary_is_json():
    assert json.loads(json.dumps(figures(latencies=[0.1]).summary()))["latency_mean_seconds"] == 0.1


def test_speed_is_audio_over_wall():
    assert figures(audio_seconds=90.0, wall_seconds=30.0).summary()["x_realtime"] == 3.0


def test_latency_is_mean_and_95th_percentile():
    summary = figures(latencies=[n / 100 for n in range(101)]).summary()
    assert (summary["latency_mean_seconds"], summary["latency_p95_seconds"]) == (0.5, 0.95)


def test_queue_depth_is_mean_and_maximum():
    summary = figures(depth_sum=12, depth_samples=4, depth_max=7).summary()
    assert (summary["queue_depth_mean"], summary["queue_depth_max"]) == (3.0, 7)


def test_lanes_add_up():
    both = figures(tasks=3, spoken=2, failed=1, audio_seconds=1.5, engine_seconds=0.5, latencies=[0.1, 0.2])
    both.merge(figures(tasks=2, spoken=2, audio_seconds=2.0, engine_seconds=0.25, latencies=[0.3]))
    assert (both.tasks, both.spoken, both.failed, both.audio_seconds, both.engine_seconds) == (5, 4, 1, 3.5, 0.75)
    assert both.latencies == [0.1, 0.2, 0.3]


def test_the_longest_lane_gives_the_wall_time_and_the_biggest_the_memory():
    both = figures(wall_seconds=3.0, depth_max=2, peak_rss_mb=100.0)
    both.merge(figures(wall_seconds=2.0, depth_max=9, peak_rss_mb=300.0))
    assert (both.wall_seconds, both.depth_max, both.peak_rss_mb) == (3.0, 9, 300.0)


@pytest.mark.parametrize(("first", "second", "both"), [(None, None, None), (None, 5.0, 5.0), (9.0, 5.0, 9.0)])
def test_video_memory_is_told_when_a_lane_had_any(first: float | None, second: float | None, both: float | None):
    merged = figures(peak_vram_mb=first)
    merged.merge(figures(peak_vram_mb=second))
    assert merged.peak_vram_mb == both
    assert ("peak_vram_mb" in merged.summary()) == (both is not None)


@given(parts=st.lists(st.tuples(st.integers(0, 9), st.floats(0, 9)), min_size=1, max_size=6))
def test_the_order_of_merging_does_not_matter(parts: list[tuple[int, float]]):
    def merged(order: list[tuple[int, float]]) -> SpeechFigures:
        total = SpeechFigures()
        for tasks, wall in order:
            total.merge(figures(tasks=tasks, wall_seconds=wall, depth_max=tasks))
        return total

    assert merged(parts) == merged(parts[::-1])


def test_a_merge_does_not_touch_the_other():
    one, other = figures(latencies=[0.1]), figures(latencies=[0.2])
    one.merge(other)
    one.latencies.append(0.3)
    assert other.latencies == [0.2]


def test_peak_memory_is_in_mebibytes():
    script = "from moshi_assets.processes.memory import peak_rss; a = peak_rss(); b = b'x' * 200 * 2**20; print(peak_rss() - a)"  # noqa: E501
    grown = float(subprocess.check_output([sys.executable, "-c", script]))
    assert 150 < grown < 250
    assert peak_rss() > 10


def test_video_memory_is_unknown_where_torch_was_never_loaded():
    script = "from moshi_assets.processes.memory import peak_vram; print(peak_vram())"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "None\n"
    assert peak_vram() is None or peak_vram() >= 0


def test_what_an_engine_with_stages_did_is_told_in_shares_and_rates():
    work = {"seconds_gpt": 3.0, "seconds_flow": 1.0, "decoded": 300.0, "decode_rows": 300.0, "decode_steps": 50.0}
    one = figures(work=work | {"frames": 90.0, "frames_padded": 100.0, "out_of_memory": 1.0})  # type: ignore[arg-type]
    one.merge(figures(work=work | {"frames": 70.0, "frames_padded": 100.0, "out_of_memory": 0.0}))  # type: ignore[arg-type]

    summary = one.summary()

    assert (summary["stage_share_gpt"], summary["stage_share_flow"]) == (0.75, 0.25)
    assert (summary["tokens_per_second"], summary["decode_batch_mean"]) == (100.0, 6.0)
    assert (summary["padding_share"], summary["out_of_memory"]) == (0.2, 1.0)
