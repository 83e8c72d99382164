"""Figures of a call: seconds, batches and padding by stage. docs/indextts2.md §12."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

STAGES = ("prompt", "text", "gpt", "latent", "flow", "vocoder")


class StageClock:
    """Seconds spent in each stage."""

    def __init__(self, device: torch.device, waits: bool = True) -> None:
        self.device = device
        self.waits = waits
        """On a GPU: whether a stage counts until its work has ended, or only until it was given to the card."""
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            if self.device.type == "cuda" and self.waits:
                torch.cuda.synchronize(self.device)
            self.seconds[stage] += time.perf_counter() - start


@dataclass
class BatchCount:
    """Batches of one stage."""

    batches: int = 0
    """Passes through the stage's modules; when decoding, one for every code."""
    rows: int = 0
    """Rows in all of them together."""
    valid: int = 0
    """Positions or frames of the rows."""
    padded: int = 0
    """The same with the padding that was computed along."""

    def add(self, lengths: list[int]) -> None:
        """Add one batch of rows of these lengths, padded to the longest."""
        self.batches += 1
        self.rows += len(lengths)
        self.valid += sum(lengths)
        self.padded += len(lengths) * max(lengths)

    def add_steps(self, steps: int, rows: int, slots: int) -> None:
        """Add passes of at most `slots` rows; `rows` is the sum over all of them."""
        self.batches += steps
        self.rows += rows
        self.valid += rows
        self.padded += steps * slots

    @property
    def mean_rows(self) -> float:
        return self.rows / self.batches if self.batches else 0.0

    @property
    def padding(self) -> float:
        """Part of the work that was padding, 0 to 1."""
        return 1.0 - self.valid / self.padded if self.padded else 0.0


@dataclass
class SpeakingFigures:
    """Work, time and memory of one call of `synthesize` or `infer`."""

    requests: int = 0
    """Utterances asked for."""
    segments: int = 0
    """Segments spoken."""
    failed: int = 0
    """Utterances that could not be spoken."""
    codes: int = 0
    """Semantic codes decoded."""
    audio_seconds: float = 0.0
    """Duration of the results."""
    seconds: float = 0.0
    """Wall time of the call."""
    stage_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    """The part of it that each stage took."""
    batches: dict[str, BatchCount] = field(
        default_factory=lambda: {stage: BatchCount() for stage in ("gpt", "latent", "flow", "vocoder")}
    )
    """Batches by stage: `gpt` (a row is a code), `latent`, `flow`, `vocoder`."""
    out_of_memory: int = 0
    """Number of times a batch was halved because memory ran out."""
    peak_memory: int = 0
    """Bytes on the GPU, 0 on a CPU."""

    @property
    def codes_per_second(self) -> float:
        """Codes decoded per second of decoding."""
        return self.codes / self.stage_seconds["gpt"] if self.stage_seconds["gpt"] else 0.0

    @property
    def times_real_time(self) -> float:
        """Seconds of audio per second of wall time."""
        return self.audio_seconds / self.seconds if self.seconds else 0.0

    @property
    def padding(self) -> float:
        """Part of all frames and positions after decoding that was padding, 0 to 1."""
        counts = [self.batches[stage] for stage in ("latent", "flow", "vocoder")]
        padded = sum(count.padded for count in counts)
        return 1.0 - sum(count.valid for count in counts) / padded if padded else 0.0


class Call:
    """Clock and figures of one call, or of a session."""

    def __init__(self, device: torch.device, waits: bool = True) -> None:
        """Start the clock; `waits` as in `StageClock`."""
        self.clock, self.figures = StageClock(device, waits), SpeakingFigures(requests=1)
        self._started = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def seconds(self) -> float:
        """Wall time since the call began."""
        return time.perf_counter() - self._started

    def finish(self) -> SpeakingFigures:
        """The figures up to now; the caller counts `audio_seconds`."""
        figures, device = self.figures, self.clock.device
        figures.seconds, figures.stage_seconds = self.seconds, dict(self.clock.seconds)
        figures.peak_memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
        return figures
