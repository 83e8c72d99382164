"""Histograms of streaming values: memory does not depend on their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_STEPS = (1, 2, 5)
_WORTH_ALL = 0.7
_FEWEST = 5
_TAIL = 0.005
"""Share of the values at either end that may be gathered in an open bar, so that one outlier does not flatten the
rest.
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: values from `low` up to, but without, `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Edges:
    """Borders of bars, in cells counted from zero: bar n reaches from n * width to (n + 1) * width."""

    begin: int
    end: int
    """Number of the bar after the last."""
    width: int


class Distribution:
    """Counts of values in fine cells of equal width; values outside the limits count in the outermost cells."""

    def __init__(self, resolution: float, low: float, high: float) -> None:
        """
        Args:
            resolution: width of a cell, a power of ten.
            low, high: limits, multiples of the resolution.
        """
        self.resolution, self._low, self._high = resolution, low, high
        self._cells = np.zeros(round((high - low) / resolution), np.int64)
        self.count = 0
        self.total = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf

    def add(self, value: float) -> None:
        """Count one value; NaN is ignored."""
        if math.isnan(value):
            return
        inside = min(max(value, self._low), self._high) - self._low
        # What is meant to lie on an edge (a gap of 0.3 s) must not fall below it by a rounding error.
        self._cells[min(math.floor(inside / self.resolution + 1e-6), len(self._cells) - 1)] += 1
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    def quantile(self, share: float) -> float:
        """The value below which `share` of the values lie, to half a cell; NaN without values."""
        if not self.count:
            return math.nan
        cell = int(np.searchsorted(np.cumsum(self._cells), max(1.0, share * self.count)))
        middle = self._low + (cell + 0.5) * self.resolution
        return min(max(middle, self.minimum), self.maximum)

    def bars(self, edges: Edges | None = None) -> tuple[Bar, ...]:
        """Bars between round edges: the given ones, or those that suit these values alone.

        What lies below the first edge counts in the first bar, what lies above the last edge in the last one.
        """
        edges = edges or choose_edges([self])
        origin = round(self._low / self.resolution)
        bars = []
        for number in range(edges.begin, edges.end):
            low, high = number * edges.width, (number + 1) * edges.width
            first = 0 if number == edges.begin else max(0, low - origin)
            last = len(self._cells) if number == edges.end - 1 else max(0, high - origin)
            count = int(self._cells[first:last].sum())
            bars.append(Bar(round(low * self.resolution, 9), round(high * self.resolution, 9), count))
        return tuple(bars)

    def beyond(self, edges: Edges) -> tuple[bool, bool]:
        """Whether values lie below the first edge, and above the last."""
        origin = round(self._low / self.resolution)
        below, above = edges.begin * edges.width - origin, edges.end * edges.width - origin
        return bool(self._cells[: max(0, below)].any()), bool(self._cells[max(0, above) :].any())


def choose_edges(distributions: Sequence[Distribution], most: int = 24) -> Edges:
    """Edges of at most about `most` bars, 1, 2 or 5 times a power of ten wide, over nearly all values.

    Args:
        distributions: of one resolution and limits, at least one value in all of them.
        most: bars, a few more for the sake of round edges.
    """
    cells = np.sum([each._cells for each in distributions], axis=0)
    origin = round(distributions[0]._low / distributions[0].resolution)
    filled = np.flatnonzero(cells)
    if not len(filled):
        raise ValueError("there are no values to choose edges for")
    shares = np.cumsum(cells) / cells.sum()
    first, last = int(np.searchsorted(shares, _TAIL)), int(np.searchsorted(shares, 1 - _TAIL))
    if last - first >= _WORTH_ALL * (filled[-1] - filled[0]):  # no long tails: show everything
        first, last = int(filled[0]), int(filled[-1])
    width = _cells_per_bar((last - first + 1) / most)
    begin, end = (first + origin) // width, (last + origin) // width + 1
    while end - begin < _FEWEST:  # a single value stands among empty neighbours, not in a bar as wide as the chart
        begin, end = begin - 1, end + 1
    return Edges(max(begin, origin // width), end, width)


def _cells_per_bar(least: float) -> int:
    """Smallest of 1, 2, 5, 10, 20, 50 ... that is not below `least`."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= least:
                return step * power
        power *= 10
