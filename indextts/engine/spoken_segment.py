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
    """How one utterance is made.

    Attributes:
        detail_level: logging level of the details.
        solver: how the flow is solved; its time is proportional to the evaluations.
        cfg_rate: guidance of the flow; 0 halves its time.
    """

    generation: GenerationOptions
    streams: RandomStreams = field(default_factory=RandomStreams)
    max_text_tokens_per_segment: int = 120
    quick_streaming_tokens: int = 0
    initial_noise: NoiseSource | None = None
    detail_level: int = logging.DEBUG
    solver: FlowSolver = field(default_factory=FlowSolver)
    cfg_rate: float = GUIDANCE_RATE

    def __post_init__(self) -> None:
        if self.cfg_rate < 0:
            raise ValueError(f"cfg_rate is {self.cfg_rate}, expected 0 (off) or more")


@dataclass
class Segment:
    """One segment of an utterance, filled in stage by stage.

    Attributes:
        index, count: its place among the segments of the utterance.
        text: of the whole utterance, for messages.
        text_ids: (L,) int64.
        emovec: (1, D).
        codes: semantic codes (n,) int64.
        mel: log-mel (80, trunc(1.72 n)).
        samples: (256 frames,) float32 in [-1, 1], on the CPU.
        error: why there are none.
    """

    index: int
    count: int
    text: str
    text_ids: Tensor
    speaker: SpeakerCondition
    emovec: Tensor
    options: SpeakingOptions
    codes: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    semantic: Tensor | None = None
    mel: Tensor = field(default_factory=lambda: torch.zeros(0))
    samples: Tensor = field(default_factory=lambda: torch.zeros(0))
    error: Exception | None = None

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
