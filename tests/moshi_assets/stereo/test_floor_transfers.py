"""Natural gaps are those that were measured in conversation."""

import numpy as np
import pytest

from moshi_assets.planning.content_keys import dialogue_seed
from moshi_assets.recipe.timing import OVERLAP_SHARE, TimingModel
from moshi_assets.stereo.floor_transfers import gap_seconds, overlap_seconds
from moshi_assets.stereo.timeline import TimedTurn, place

RATE = 24000


@pytest.fixture(scope="module")
def offsets() -> np.ndarray:
    """Floor transfer offsets (seconds) of 2 000 dialogues of ten turns of 6 s, without a cap on silence."""
    turns = [TimedTurn(("user", "assistant")[n % 2], 6 * RATE) for n in range(10)]
    model = TimingModel(timing="natural", max_silence=60)
    starts = np.array([place(turns, RATE, model, dialogue_seed(0, f"talk_{n}")) for n in range(2000)])
    return (np.diff(starts, axis=1) / RATE - 6).ravel()


def test_mean_median_and_spread_are_the_published_ones(offsets):
    """Roberts, Torreira & Levinson 2015: 187, 168 and 448 ms."""
    assert np.mean(offsets) == pytest.approx(0.187, abs=0.012)
    assert np.median(offsets) == pytest.approx(0.168, abs=0.012)
    assert np.std(offsets) == pytest.approx(0.448, abs=0.03)


def test_the_share_of_overlaps_is_the_published_one(offsets):
    """Levinson & Torreira 2015: 30.1 %."""
    assert np.mean(offsets < 0) == pytest.approx(OVERLAP_SHARE, abs=0.012)


def test_what_was_not_fitted_agrees_with_what_was_published(offsets):
    """51 to 55 % of the offsets below 200 ms; most of them between 100 and 200 ms, most overlaps about 96 ms."""
    assert 0.51 <= np.mean(offsets < 0.2) <= 0.57
    counts, edges = np.histogram(offsets, np.arange(-1, 1.51, 0.1))
    assert edges[np.argmax(counts)] == pytest.approx(0.1)


def test_quantiles_run_through_the_whole_distribution():
    gaps = [gap_seconds(quantile, 60) for quantile in np.linspace(0, 1, 101)]
    overlaps = [overlap_seconds(quantile) for quantile in np.linspace(0, 1, 101)]
    assert gaps == sorted(gaps) and overlaps == sorted(overlaps)
    assert 0 < gaps[0] < 0.01 and 0 < overlaps[0] < 0.01
    assert gaps[50] == pytest.approx(0.269, abs=0.001) and overlaps[50] == pytest.approx(0.185, abs=0.001)


def test_a_cap_cuts_the_distribution_and_piles_nothing_up():
    gaps = np.array([gap_seconds(quantile, 0.5) for quantile in np.linspace(0, 1, 1001)])
    assert gaps.max() == pytest.approx(0.5)
    assert np.mean(gaps > 0.49) < 0.03
