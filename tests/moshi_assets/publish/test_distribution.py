"""Histograms of values that stream by."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.publish.distribution import Distribution, choose_edges

VALUES = st.lists(st.floats(-50, 120, allow_nan=False), min_size=1, max_size=80)


def filled(values, resolution=0.01, low=-60, high=120):
    distribution = Distribution(resolution, low, high)
    for value in values:
        distribution.add(value)
    return distribution


@given(VALUES)
def test_every_value_is_in_one_bar(values):
    assert sum(bar.count for bar in filled(values).bars()) == len(values)


@given(VALUES)
def test_bars_stand_side_by_side_between_round_edges(values):
    bars = filled(values).bars()
    width = round(bars[0].high - bars[0].low, 9)

    assert all(math.isclose(a.high, b.low, abs_tol=1e-9) for a, b in itertools.pairwise(bars))
    assert f"{width:e}"[0] in "125"
    assert 5 <= len(bars) <= 30


@given(VALUES)
def test_a_bar_holds_what_lies_between_its_edges(values):
    distribution = filled(values)
    edges = choose_edges([distribution])
    inner = distribution.bars(edges)[1:-1]

    for bar in inner:
        # A hundredth is the resolution: what lies closer to an edge than rounding can tell is on either side of it.
        least = sum(bar.low + 0.001 < value < bar.high - 0.001 for value in values)
        most = sum(bar.low - 0.001 < value < bar.high + 0.001 for value in values)
        assert least <= bar.count <= most


@given(VALUES)
def test_the_median_is_a_value_to_half_a_cell(values):
    median = filled(values).quantile(0.5)

    assert min(abs(median - value) for value in values) <= 0.0051


def test_a_gap_on_an_edge_counts_above_it():
    (bar,) = [bar for bar in filled([0.3] * 7).bars() if bar.count]

    assert (bar.low, bar.high, bar.count) == (0.3, 0.31, 7)


def test_one_runaway_does_not_flatten_the_rest():
    values = [10 + n % 10 for n in range(1000)] + [110.0]
    distribution = filled(values)
    bars = distribution.bars()

    assert bars[-1].high < 30
    assert sum(bar.count for bar in bars) == 1001
    assert distribution.beyond(choose_edges([distribution])) == (False, True)


def test_values_beyond_the_limits_count_in_the_outermost_bars():
    bars = filled([-1e9, 0.0, math.inf]).bars()

    assert (bars[0].count, bars[-1].count) == (1, 1)


def test_what_is_no_number_is_not_counted():
    assert filled([math.nan, 1.0]).count == 1


def test_roles_share_their_edges():
    slow, fast = filled([10.0] * 5), filled([20.0] * 5)
    edges = choose_edges([slow, fast])

    assert [bar.low for bar in slow.bars(edges)] == [bar.low for bar in fast.bars(edges)]
    assert sum(bar.count for bar in fast.bars(edges)) == 5


def test_without_values_there_are_no_edges():
    with pytest.raises(ValueError, match="no values"):
        choose_edges([Distribution(0.1, 0, 10)])
