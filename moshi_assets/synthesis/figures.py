"""Figures of a run: latency, queue depth, throughput, memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engines.base import add_figures
from .parts import SpokenTask


@dataclass
class SpeechFigures:
    """What a lane did for one shard. Sums of several lanes add up with `merge`."""

    tasks: int = 0
    spoken: int = 0
    reused: int = 0
    failed: int = 0
    """Utterances without a sound that is good enough."""
    retried: int = 0
    """Further attempts, with another seed."""
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    """Wall time of the shard in its lane; the longest lane's when merged."""
    engine_seconds: float = 0.0
    """Wall time inside the engine, summed over lanes."""
    ended: float = 0.0
    """Wall clock (seconds since the epoch) of the last utterance."""
    latencies: list[float] = field(default_factory=list)
    """Wall seconds of each utterance spoken."""
    depth_sum: int = 0
    depth_samples: int = 0
    depth_max: int = 0
    """Tasks that waited for the engine whenever it asked for the next batch."""
    work: dict[str, float] = field(default_factory=dict)
    """What the engine told of its work (`Engine.work_figures`)."""
    peak_rss_mb: float = 0.0
    peak_vram_mb: float | None = None

    def count(self, row: SpokenTask) -> None:
        """Add an utterance that the engine spoke."""
        self.spoken += 1
        self.audio_seconds += len(row.samples) / row.sample_rate
        self.latencies.append(row.wall_seconds)

    def discount(self, row: SpokenTask) -> None:
        """Take out an utterance that turned out not to be good enough."""
        self.spoken -= 1
        self.audio_seconds -= len(row.samples) / row.sample_rate

    def merge(self, other: SpeechFigures) -> None:
        """Add another lane's figures for the same shard."""
        for name in (
            "tasks",
            "spoken",
            "reused",
            "failed",
            "retried",
            "audio_seconds",
            "engine_seconds",
            "depth_sum",
            "depth_samples",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latencies = self.latencies + other.latencies
        add_figures(self.work, other.work)
        self.wall_seconds = max(self.wall_seconds, other.wall_seconds)
        self.ended = max(self.ended, other.ended)
        self.depth_max = max(self.depth_max, other.depth_max)
        self.peak_rss_mb = max(self.peak_rss_mb, other.peak_rss_mb)
        if other.peak_vram_mb is not None:
            self.peak_vram_mb = max(self.peak_vram_mb or 0.0, other.peak_vram_mb)

    def summary(self) -> dict[str, Any]:
        """Flat figures for metadata and logs; units in the names."""
        return self.counts() | self.speed()

    def counts(self) -> dict[str, Any]:
        """What was done in this run."""
        return {
            "tasks": self.tasks,
            "spoken": self.spoken,
            "reused": self.reused,
            "failed": self.failed,
            "retried": self.retried,
            "spoken_seconds": round(self.audio_seconds, 3),
        }

    def speed(self) -> dict[str, Any]:
        """How it went: figures that mean something only where anything was spoken."""
        latency = np.asarray(self.latencies or [0.0])
        figures: dict[str, Any] = {
            "audio_seconds": round(self.audio_seconds, 3),
            "wall_seconds": round(self.wall_seconds, 3),
            "engine_seconds": round(self.engine_seconds, 3),
            "x_realtime": round(self.audio_seconds / self.wall_seconds, 2) if self.wall_seconds else 0.0,
            "latency_mean_seconds": round(float(latency.mean()), 4),
            "latency_p95_seconds": round(float(np.quantile(latency, 0.95)), 4),
            "queue_depth_mean": round(self.depth_sum / self.depth_samples, 2) if self.depth_samples else 0.0,
            "queue_depth_max": self.depth_max,
            "peak_rss_mb": round(self.peak_rss_mb, 1),
        }
        if self.peak_vram_mb is not None:
            figures["peak_vram_mb"] = round(self.peak_vram_mb, 1)
        return figures | _engine_summary(self.work)


def _engine_summary(work: Mapping[str, float]) -> dict[str, float]:
    """Stage shares, rows decoded together, tokens a second, padding; nothing for an engine without stages."""
    stages = {name.removeprefix("seconds_"): value for name, value in work.items() if name.startswith("seconds_")}
    total = sum(stages.values())
    if not total:
        return {}
    decoding = stages.get("gpt", 0.0)
    return {
        **{f"stage_share_{stage}": round(seconds / total, 4) for stage, seconds in stages.items()},
        "decode_batch_mean": round(work["decode_rows"] / max(1, work["decode_steps"]), 2),
        "tokens_per_second": round(work["decoded"] / decoding, 1) if decoding else 0.0,
        "padding_share": round(1 - work["frames"] / work["frames_padded"], 4) if work["frames_padded"] else 0.0,
        "out_of_memory": work["out_of_memory"],
    }
