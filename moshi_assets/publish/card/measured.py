"""What the gates measured of a dataset's utterances, summed up over its shards' quality tables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .markdown import table

ROLES = ("assistant", "user")
_SHOWN = {
    "loudness_lufs": ("loudness (LUFS)", 1.0, ".1f"),
    "peak_dbfs": ("peak (dBFS)", 1.0, ".1f"),
    "clipped": ("clipped samples (%)", 100.0, ".3f"),
    "leading_silence": ("leading silence (s)", 1.0, ".2f"),
    "inner_silence": ("longest pause within (s)", 1.0, ".2f"),
    "chars_per_second": ("speaking rate (characters a second)", 1.0, ".1f"),
    "wer": ("word error rate of a recogniser (%)", 100.0, ".1f"),
    "speaker_similarity": ("similarity to the voice's prompt (cosine)", 1.0, ".2f"),
    "dnsmos": ("DNSMOS P.835, overall", 1.0, ".2f"),
}
"""Heading, factor and format of each measure."""


@dataclass
class Spread:
    """Mean and extremes of values that stream by."""

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, values: np.ndarray) -> None:
        """Count (N,) values; NaN is none."""
        values = values[~np.isnan(values)]
        if len(values):
            self.count += len(values)
            self.total += float(values.sum(dtype=np.float64))
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))


@dataclass
class Measured:
    """Utterances of a dataset that are in it, by what was measured of them."""

    utterances: int = 0
    retried: int = 0
    """Those that were good only at a further attempt."""
    rejected: int = 0
    """Those that no attempt made good."""
    spreads: dict[tuple[str, str], Spread] = field(default_factory=dict)
    """By measure and role."""

    def add(self, quality: pa.Table) -> None:
        """Count a shard's quality table (QUALITY_SCHEMA)."""
        good = quality.filter(pc.is_null(quality.column("fault")))
        self.rejected += len(quality) - len(good)
        self.utterances += len(good)
        self.retried += int(np.count_nonzero(good.column("attempt").to_numpy()))
        for role in ROLES:
            spoken = good.filter(pc.equal(good.column("role"), role))
            for name in _SHOWN:
                values = spoken.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
                self.spreads.setdefault((name, role), Spread()).add(values)

    def markdown(self, gated: bool = True, target_lufs: float | None = None) -> str:
        """A sentence and a table; empty where nothing was measured.

        Args:
            gated: whether what failed was spoken again or rejected.
            target_lufs: loudness to which the recordings were normalised after measuring, if they were.
        """
        if not self.utterances:
            return ""
        told = f"{self.utterances} utterances {'passed the quality gates' if gated else 'were measured, not gated'}"
        if gated:
            told += f"; {self.retried} of them were good only at a further attempt"
        if self.rejected:
            told += f", {self.rejected} more were good at none, and their dialogues are rejected"
        if target_lufs is not None:
            told += f". Measured as spoken: in the recordings each speaker is normalised towards {target_lufs:g} LUFS"
        return f"{told}.\n\n{table(['measure: mean (lowest to highest)', *ROLES], self._rows(), figures=2)}"

    def _rows(self) -> Iterator[list[str]]:
        for name, (heading, factor, style) in _SHOWN.items():
            spreads = [self.spreads[name, role] for role in ROLES]
            if any(spread.count for spread in spreads):
                yield [heading, *(_shown(spread, factor, style) for spread in spreads)]


def _shown(spread: Spread, factor: float, style: str) -> str:
    if not spread.count:
        return ""
    mean, low, high = (factor * value for value in (spread.total / spread.count, spread.low, spread.high))
    return f"{mean:{style}} ({low:{style}} to {high:{style}})"
