"""State that all sessions of one engine share. docs/indextts2.md §12."""

from __future__ import annotations

from ..decoding.batch_decoder import BatchDecoder
from ..decoding.budgets import Budgets, default_budgets
from ..decoding.options import GenerationOptions
from .pipeline import Pipeline


class EngineState:
    """The stages, the limits of a batch, and the decoder that was used last."""

    beside = True
    """On a GPU: whether the later stages run beside decoding. Measurements turn it off to time each stage by itself."""

    def __init__(self, pipeline: Pipeline, budgets: Budgets | None = None, captured_steps: bool = True) -> None:
        self.pipeline = pipeline
        self.captured_steps = captured_steps
        """Whether decoding steps are CUDA graphs on a GPU."""
        memory = self.bytes_per_position, pipeline.bytes_per_frame()
        self.budgets = budgets or default_budgets(pipeline.device, *memory)
        """Limits of a batch; lowered for good where the memory turned out to be too small for them."""
        self._kept_decoder: BatchDecoder | None = None

    def take_decoder(self, options: GenerationOptions, slots: int, positions: int) -> BatchDecoder:
        """A decoder for these rows; on a GPU the one given back last, if it fits: its steps are captured already."""
        kept, self._kept_decoder = self._kept_decoder, None
        if kept is not None and kept.does(options, slots, positions):
            return kept
        del kept  # its cache, before there is another
        gpt, captured = self.pipeline.components.gpt, self.captured_steps
        return BatchDecoder(gpt, options, slots, positions, captured=captured)

    def give_back(self, decoder: BatchDecoder) -> None:
        """Keep an idle decoder for the next session. A decoder that has failed must not be given back."""
        if not decoder.on_cpu:
            self._kept_decoder = decoder

    def free_memory(self) -> None:
        """Release memory that is only kept for speed."""
        self._kept_decoder = None
        self.pipeline.components.cfm.loops.clear()

    @property
    def bytes_per_position(self) -> int:
        """Bytes of one position in the GPT's cache."""
        gpt = self.pipeline.components.gpt
        return 2 * gpt.config.layers * gpt.config.model_dim * gpt.mel_head.weight.element_size()
