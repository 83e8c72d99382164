"""What the sessions of one engine share. docs/indextts2.md §12."""

from __future__ import annotations

from ..decoding.batch_decoder import BatchDecoder
from ..decoding.budgets import Budgets, default_budgets
from ..decoding.options import GenerationOptions
from .pipeline import Pipeline


class EngineState:
    """The stages, the limits of a batch, and the decoder that was used last.

    Attributes:
        budgets: limits of a batch; lowered for good where the memory turned out to be too small for them.
        captured_steps: whether decoding steps are CUDA graphs on a GPU.
        beside: whether on a GPU the later stages run beside decoding; without it they take turns, and the seconds of
            each stage are its own: for measurements.
    """

    beside = True

    def __init__(self, pipeline: Pipeline, budgets: Budgets | None = None, captured_steps: bool = True) -> None:
        self.pipeline, self.captured_steps = pipeline, captured_steps
        memory = self.bytes_per_position, pipeline.bytes_per_frame()
        self.budgets = budgets or default_budgets(pipeline.device, *memory)
        self._kept_decoder: BatchDecoder | None = None

    def take_decoder(self, options: GenerationOptions, slots: int, positions: int) -> BatchDecoder:
        """On a GPU the one that was given back last, if it fits: its steps are captured already."""
        kept, self._kept_decoder = self._kept_decoder, None
        if kept is not None and kept.does(options, slots, positions):
            return kept
        del kept  # its cache, before there is another
        gpt, captured = self.pipeline.components.gpt, self.captured_steps
        return BatchDecoder(gpt, options, slots, positions, captured=captured)

    def give_back(self, decoder: BatchDecoder) -> None:
        """A decoder that has nothing left to do. One that has failed is not given back."""
        if not decoder.on_cpu:
            self._kept_decoder = decoder

    def free_memory(self) -> None:
        """Gives up what is only kept for speed."""
        self._kept_decoder = None
        self.pipeline.components.cfm.loops.clear()

    @property
    def bytes_per_position(self) -> int:
        """What one position takes in the GPT's cache."""
        gpt = self.pipeline.components.gpt
        return 2 * gpt.config.layers * gpt.config.model_dim * gpt.mel_head.weight.element_size()
