"""Charts as numbers: the place of each bar of an SVG and its tooltip. The template draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...names import split_shard_key
from ...synthesis.speed_log import ShardSpeed
from ..distribution import Distribution, choose_edges

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 360, 36, 8, 24, 36
"""Size and margins in units of the drawing; it is narrow so that its text stays legible on a phone."""
_INNER = WIDTH - LEFT - RIGHT
_PANEL_HEIGHT = {1: 144, 2: 60}
"""Height of a panel, by the number of panels."""
_PANEL_GAP = 24
_LEAST_HEIGHT = 1.5
"""Least height of a bar that is not empty."""
MOST_TICKS = 7
MAX_SPEED_BARS = 60


class DrawnBar(NamedTuple):
    """A rectangle and its tooltip."""

    x: float
    y: float
    width: float
    height: float
    tip: str
    kind: str
    """`assistant`, `user`, `overlap` or `plain`: its colour."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars on one base line, with the scale of their heights."""

    kind: str
    base: float
    top: float
    most: str
    """What the upper grid line stands for."""
    bars: list[DrawnBar]


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure: an SVG and the same numbers as a table."""

    id: str
    title: str
    unit: str
    summary: list[str]
    """What the numbers come to, in short lines."""
    x_label: str
    y_label: str
    panels: list[Panel]
    ticks: list[tuple[float, str]]
    """Place and label of the marks on the x axis."""
    columns: list[str]
    rows: list[list[str]]
    zero: float | None = None
    """Place of a line at zero, where values lie on both sides of it."""
    width: float = WIDTH
    left: float = LEFT
    right: float = WIDTH - RIGHT

    @property
    def base(self) -> float:
        """Where the lowest base line lies."""
        return self.panels[-1].base

    @property
    def height(self) -> float:
        return self.base + BOTTOM


def number(value: float, decimals: int = 2) -> str:
    """A figure as it is shown, without decimals that say nothing."""
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text.replace("-", "\N{MINUS SIGN}")


def histogram(
    id: str,
    title: str,
    x_label: str,
    unit: str,
    noun: str,
    distributions: Mapping[str, Distribution],
    below_zero: str | None = None,
) -> Chart | None:
    """Histogram with a panel for each distribution, over one axis; None where there are no values.

    Args:
        id, title, x_label: of the chart.
        unit: of the values, for the bars' texts.
        noun: what is counted.
        distributions: by kind (`assistant`, `user`, `plain`), all of one resolution and limits.
        below_zero: what to call values below zero, which then have a colour of their own.
    """
    filled = {kind: distribution for kind, distribution in distributions.items() if distribution.count}
    if not filled:
        return None
    edges = choose_edges(list(filled.values()))
    bars = {kind: distribution.bars(edges) for kind, distribution in filled.items()}
    beyond = [distribution.beyond(edges) for distribution in filled.values()]
    first = next(iter(bars.values()))
    spans = [f"{number(bar.low)} to {number(bar.high)}" for bar in first]
    if any(below for below, _ in beyond):
        spans[0] = f"below {number(first[0].high)}"
    if any(above for _, above in beyond):
        spans[-1] = f"{number(first[-1].low)} and more"
    panels: list[Panel] = []
    for kind, held in bars.items():
        overlaps = [below_zero is not None and bar.high <= 0 for bar in held]
        tips = [
            f"{span} {unit}: {bar.count:,} {noun}"
            + (f" of the {kind}" if kind != "plain" else "")
            + (f", {below_zero}" if overlap else "")
            for bar, span, overlap in zip(held, spans, overlaps, strict=True)
        ]
        kinds = ["overlap" if overlap else kind for overlap in overlaps]
        counts = [bar.count for bar in held]
        panels.append(_panel(kind, counts, f"{max(counts):,}", tips, kinds, len(panels), len(filled)))
    low, high = first[0].low, first[-1].high
    return Chart(
        id,
        title,
        unit,
        [_summary(kind, distribution) for kind, distribution in filled.items()],
        x_label,
        noun,
        panels,
        _ticks(low, high),
        [x_label, *(noun if kind == "plain" else kind for kind in filled)],
        [[span, *(f"{held[i].count:,}" for held in bars.values())] for i, span in enumerate(spans)],
        _place(0, low, high) if low < 0 < high else None,
    )


def _panel(
    kind: str,
    values: Sequence[float],
    most: str,
    tips: Sequence[str],
    kinds: Sequence[str],
    place: int = 0,
    panels: int = 1,
    least_places: int = 1,
) -> Panel:
    """Bars side by side, as high as their values.

    Args:
        kind: of the panel.
        values, tips, kinds: of each bar.
        most: how the largest value is written.
        place, panels: which of how many this is, from the top.
        least_places: room for at least so many bars, so that a single one is no wall.
    """
    height = _PANEL_HEIGHT[panels]
    base = TOP + height + place * (height + _PANEL_GAP)
    step = _INNER / max(len(values), least_places)
    bars = []
    for index, (value, tip, colour) in enumerate(zip(values, tips, kinds, strict=True)):
        tall = max(_LEAST_HEIGHT, height * value / max(values)) if value else 0.0
        x, y, width, tall = (round(v, 2) for v in (LEFT + index * step + 0.5, base - tall, step - 1, tall))
        bars.append(DrawnBar(x, y, width, tall, tip, colour))
    return Panel(kind, base, base - height, most, bars)


def _summary(kind: str, distribution: Distribution) -> str:
    decimals = 2 if distribution.resolution < 0.1 else 1
    middle, low, high = (number(distribution.quantile(share), decimals) for share in (0.5, 0.05, 0.95))
    who = f"{kind}: " if kind != "plain" else ""
    return f"{who}median {middle} (90 %: {low} to {high})"


def _place(value: float, low: float, high: float) -> float:
    return round(LEFT + (value - low) / (high - low) * _INNER, 2)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round values on the axis with their places."""
    steps = (base * 10.0**power for power in range(-3, 9) for base in (1, 2, 5))
    step = next(step for step in steps if (high - low) / step <= MOST_TICKS)
    first = -int(-round(low / step, 6) // 1)
    values = [n * step for n in range(first, first + MOST_TICKS + 2) if n * step <= high + 1e-9]
    return [(_place(value, low, high), number(value)) for value in values]


def speed_chart(speeds: Sequence[ShardSpeed]) -> Chart | None:
    """Times real time by shard, in the order in which they were spoken; neighbours share a bar where there are many."""
    spoken = sorted((speed for speed in speeds if speed.wall_seconds > 0), key=lambda speed: (speed.ended, speed.shard))
    if not spoken:
        return None
    size = -(-len(spoken) // MAX_SPEED_BARS)
    groups = [spoken[begin : begin + size] for begin in range(0, len(spoken), size)]
    rates, tips, rows, numbers = [], [], [], []
    for group in groups:
        audio, wall = sum(speed.audio_seconds for speed in group), sum(speed.wall_seconds for speed in group)
        utterances = sum(speed.spoken for speed in group)
        indices = [split_shard_key(speed.shard)[1] for speed in group]
        name = " to ".join(f"{index:06d}" for index in dict.fromkeys([indices[0], indices[-1]]))
        numbers.append(str(indices[0]))
        rates.append(audio / wall)
        tips.append(
            f"shard {name}: {number(audio / wall)} x real time, {utterances:,} utterances in {number(wall, 1)} s"
        )
        rows.append([name, number(audio / wall), f"{utterances:,}", number(audio, 1), number(wall, 1)])
    total = sum(speed.audio_seconds for speed in spoken) / sum(speed.wall_seconds for speed in spoken)
    panel = _panel("plain", rates, number(max(rates), 1), tips, ["plain"] * len(rates), least_places=8)
    shown = range(0, len(groups), -(-len(groups) // MOST_TICKS))
    ticks = [(panel.bars[index].x + panel.bars[index].width / 2, numbers[index]) for index in shown]
    return Chart(
        "speed",
        "Throughput",
        "x real time",
        [f"{number(total)} over all", f"slowest {number(min(rates))}, fastest {number(max(rates))}"],
        "shard, in the order spoken",
        "x real time",
        [panel],
        ticks,
        ["shard", "x real time", "utterances", "speech (s)", "wall time (s)"],
        rows,
    )
