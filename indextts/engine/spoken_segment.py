"""One segment of an utterance on its way from text to sound, and how it is to be made. docs/indextts2.md §12."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..decoding.options import GenerationOptions
from ..models.flow import GUIDANCE_RATE
from ..models.solver import FlowSolver
from ..voice.encoder import SpeakerCondition
from .pipeline import Pipeline
from .request import NoiseSource, RandomStreams


@dataclass(frozen=True)
class SpeakingOptions:
    """The options of one utterance."""

    generation: GenerationOptions
    streams: RandomStreams = field(default_factory=RandomStreams)
    max_text_tokens_per_segment: int = 120
    quick_streaming_tokens: int = 0
    initial_noise: NoiseSource | None = None
    detail_level: int = logging.DEBUG
    """Logging level of the details."""
    solver: FlowSolver = field(default_factory=FlowSolver)
    """The solver of the flow; its time is proportional to the evaluations."""
    cfg_rate: float = GUIDANCE_RATE
    """Guidance of the flow; 0 halves its time."""

    def __post_init__(self) -> None:
        if self.cfg_rate < 0:
            raise ValueError(f"cfg_rate is {self.cfg_rate}, expected 0 (off) or more")


@dataclass
class Segment:
    """One segment of an utterance, filled in stage by stage."""

    index: int
    """Its place in the utterance, from 0."""
    count: int
    """Number of segments of the utterance."""
    text: str
    """Text of the whole utterance, for messages."""
    text_ids: Tensor
    """Vocabulary ids of the segment (L,) int64."""
    speaker: SpeakerCondition
    emovec: Tensor
    """Emotion vector (1, D)."""
    options: SpeakingOptions
    codes: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    """Semantic codes (n,) int64."""
    semantic: Tensor | None = None
    mel: Tensor = field(default_factory=lambda: torch.zeros(0))
    """Log-mel (80, trunc(1.72 n))."""
    samples: Tensor = field(default_factory=lambda: torch.zeros(0))
    """(256 * frames,) float32 in [-1, 1], on the CPU."""
    error: Exception | None = None
    """Why there are no samples."""

    @property
    def frames(self) -> int:
        """Mel frames of prompt and speech together."""
        return Pipeline.flow_shape(self, len(self.codes))[2]

    def noise(self) -> Tensor:
        """The flow's starting point (1, 80, T); the same however often it is asked for."""
        shape, given = Pipeline.flow_shape(self, len(self.codes)), self.options.initial_noise
        if given is None:
            return torch.randn(shape, generator=self.options.streams.stream("flow", self.index))
        noise = torch.as_tensor(given(self.index, shape))
        if tuple(noise.shape) != shape:
            raise ValueError(f"initial_noise for segment {self.index} has shape {tuple(noise.shape)}, expected {shape}")
        return noise.to(torch.float32)
