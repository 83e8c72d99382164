"""How fast each shard was spoken: a small file beside its mono parts, for the report and for plots."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from indextts.foreign_files import parse_json

from ..storage.dataset import DatasetStore
from ..storage.whole_file import write_whole
from .figures import SpeechFigures

KEPT = 20
"""Runs of a shard that are remembered, the latest ones."""


@dataclass(frozen=True, slots=True)
class ShardSpeed:
    """What speaking a shard took, over all runs that spoke some of it."""

    shard: str
    spoken: int
    """Utterances."""
    audio_seconds: float
    wall_seconds: float
    engine_seconds: float
    """Summed over lanes."""
    ended: float
    """Wall clock, seconds since the epoch, when its last utterance was spoken."""

    @property
    def x_realtime(self) -> float:
        """Seconds of speech per second of wall time."""
        return self.audio_seconds / self.wall_seconds if self.wall_seconds > 0 else 0.0


def record_speed(store: DatasetStore, shard: str, figures: SpeechFigures) -> None:
    """Remember what a run spoke of a shard; a run that spoke nothing leaves the file as it is."""
    if not figures.spoken:
        return
    run: dict[str, Any] = {
        "spoken": figures.spoken,
        "audio_seconds": round(figures.audio_seconds, 3),
        "wall_seconds": round(figures.wall_seconds, 3),
        "engine_seconds": round(figures.engine_seconds, 3),
        "ended": round(figures.ended, 3),
        "figures": figures.speed(),
    }
    write_whole(store.speed_path(shard), json.dumps([*_runs(store, shard), run][-KEPT:], indent=1), durable=False)


def last_figures(store: DatasetStore, shard: str) -> dict[str, float]:
    """`SpeechFigures.speed` of the last run that spoke any of a shard; nothing where no file tells."""
    runs = _runs(store, shard)
    return dict(runs[-1]["figures"]) if runs else {}


def read_speed(store: DatasetStore, shard: str) -> ShardSpeed | None:
    """How fast a shard was spoken; None where nothing tells."""
    runs = _runs(store, shard)
    if not runs:
        return None
    sums = {name: sum(run[name] for run in runs) for name in ("audio_seconds", "wall_seconds", "engine_seconds")}
    return ShardSpeed(shard, sum(int(run["spoken"]) for run in runs), **sums, ended=max(run["ended"] for run in runs))


def _runs(store: DatasetStore, shard: str) -> list[dict[str, Any]]:
    """Runs that the file tells of, those with a figure that is no number left out."""
    try:
        return [_run(run) for run in parse_json(store.speed_path(shard).read_text(encoding="utf-8")) if _is_run(run)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


_NAMES = ("spoken", "audio_seconds", "wall_seconds", "engine_seconds", "ended")


def _is_run(run: dict[str, Any]) -> bool:
    figures = [run[name] for name in _NAMES] + list(run["figures"].values())
    return all(math.isfinite(float(figure)) and float(figure) >= 0 for figure in figures)


def _run(run: dict[str, Any]) -> dict[str, Any]:
    """A run as it is written."""
    return {name: float(run[name]) for name in _NAMES} | {"figures": run["figures"]}
