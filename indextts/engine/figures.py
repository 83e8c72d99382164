"""What a call did and how fast: seconds, batches and padding by stage. docs/indextts2.md §12."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

STAGES = ("prompt", "text", "gpt", "latent", "flow", "vocoder")


class StageClock:
    """Seconds spent in each stage.

    Attributes:
        waits: whether on a GPU a stage ends when its work has ended; without it, when the work was given to the card.
    """

    def __init__(self, device: torch.device, waits: bool = True) -> None:
        self.device, self.waits = device, waits
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
    """Batches of one stage.

    Attributes:
        batches: passes through the stage's modules; when decoding, one for every code.
        rows: rows in all of them together.
        valid, padded: positions or frames of the rows, and with the padding they were computed with.
    """

    batches: int = 0
    rows: int = 0
    valid: int = 0
    padded: int = 0

    def add(self, lengths: list[int]) -> None:
        """One batch of rows of these lengths, padded to the longest."""
        self.batches += 1
        self.rows += len(lengths)
        self.valid += sum(lengths)
        self.padded += len(lengths) * max(lengths)

    def add_steps(self, steps: int, rows: int, slots: int) -> None:
        """So many passes of at most `slots` rows, `rows` in all of them together."""
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
    """One call of `synthesize` or `infer`.

    Attributes:
        requests, segments, failed: how many were asked for, spoken, and not spoken.
        codes, audio_seconds: what came out.
        seconds: wall time of the call; `stage_seconds` its parts.
        batches: by stage: `gpt` (a row is a code), `latent`, `flow`, `vocoder`.
        out_of_memory: how often a batch was halved because memory ran out.
        peak_memory: bytes on the GPU, 0 on a CPU.
    """

    requests: int = 0
    segments: int = 0
    failed: int = 0
    codes: int = 0
    audio_seconds: float = 0.0
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    batches: dict[str, BatchCount] = field(
        default_factory=lambda: {stage: BatchCount() for stage in ("gpt", "latent", "flow", "vocoder")}
    )
    out_of_memory: int = 0
    peak_memory: int = 0

    @property
    def codes_per_second(self) -> float:
        """Codes per second of decoding."""
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
        """`waits`: see `StageClock`."""
        self.clock, self.figures = StageClock(device, waits), SpeakingFigures(requests=1)
        self._started = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def seconds(self) -> float:
        """Wall time since the call began."""
        return time.perf_counter() - self._started

    def finish(self) -> SpeakingFigures:
        """The figures up to now; `audio_seconds` are the caller's to count."""
        figures, device = self.figures, self.clock.device
        figures.seconds, figures.stage_seconds = self.seconds, dict(self.clock.seconds)
        figures.peak_memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
        return figures
