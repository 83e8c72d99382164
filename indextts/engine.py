"""The batch engine: segments of any utterances through the stages together. docs/indextts2.md §12.

:meth:`Engine.run` is the whole story: decode, latent pass, flow, vocoder, each over batches that fit the budgets. Rows
share a batch but no state, so a segment sounds the same in any company; one that fails leaves the others alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from indextts.batch_decoder import BatchDecoder, DecodeRow
from indextts.budgets import Budgets, default_budgets, group_by_length
from indextts.decode import check_rows, decode_beams
from indextts.dit import MAX_FRAMES
from indextts.figures import SpeakingFigures, StageClock
from indextts.flow import GUIDANCE_RATE
from indextts.options import GenerationOptions
from indextts.pipeline import Pipeline
from indextts.request import NoiseSource, RandomStreams
from indextts.solver import FlowSolver
from indextts.voice import SpeakerCondition

logger = logging.getLogger(__name__)


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


Work = Callable[[list[Segment], SpeakingFigures], None]


class Engine:
    """Speaks segments in batches.

    Attributes:
        budgets: limits of a batch; lowered for good where the memory turned out to be too small for them.
        captured_steps: whether decoding steps are CUDA graphs on a GPU.
    """

    def __init__(self, pipeline: Pipeline, budgets: Budgets | None = None, captured_steps: bool = True) -> None:
        self.pipeline, self.captured_steps = pipeline, captured_steps
        memory = self._bytes_per_position(), pipeline.bytes_per_frame()
        self.budgets = budgets or default_budgets(pipeline.device, *memory)
        self._kept_decoder: BatchDecoder | None = None

    def run(self, segments: Sequence[Segment], clock: StageClock, figures: SpeakingFigures) -> None:
        """Speaks all segments; of those that cannot be spoken, ``error`` says why."""
        started = sum(clock.seconds.values())
        for stage, work in (
            ("gpt", self._decode),
            ("latent", self._condition),
            ("flow", self._solve_flow),
            ("vocoder", self._vocode),
        ):
            with clock.time(stage):
                work([segment for segment in segments if segment.error is None], figures)
        figures.segments += sum(segment.error is None for segment in segments)
        figures.codes += sum(len(segment.codes) for segment in segments)
        logger.debug("%d segments in %.1f s", len(segments), sum(clock.seconds.values()) - started)

    # Stages

    def _decode(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        for segment in segments:
            self._keep_error(segment, self._check_text)
        alike: dict[GenerationOptions, list[Segment]] = {}
        for segment in segments:
            if segment.error is None:
                options = segment.options.generation
                # Without beams rows may differ in the lengths they are allowed.
                if options.num_beams == 1:
                    options = replace(options, min_mel_tokens=0, max_mel_tokens=1)
                alike.setdefault(options, []).append(segment)
        for options, rows in alike.items():
            decode = self._decode_together if options.num_beams == 1 else self._decode_beams
            # The longest first: what is left at the end, when slots run empty, is short.
            self._attempt(sorted(rows, key=lambda row: -len(row.text_ids)), decode, figures, self._lower_max_batch)
        for segment in segments:
            if segment.error is None:
                self._keep_error(segment, self._check_codes)

    def _decode_together(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        gpt, conds = self.pipeline.components.gpt, self.pipeline.conds(segments)
        rows = [
            DecodeRow(
                row_conds,
                segment.text_ids,
                segment.options.streams.stream("codes", segment.index),
                segment.options.generation.min_mel_tokens,
                segment.options.generation.max_mel_tokens,
            )
            for row_conds, segment in zip(conds, segments)
        ]
        capacity = BatchDecoder.capacity_for(gpt, rows)
        slots = self.budgets.slots(len(rows), capacity)
        most = max(row.max_codes for row in rows)
        decoder = self._decoder(segments[0].options.generation, slots, capacity, most)
        for number, codes in decoder.run(rows):
            segments[number].codes = codes
        if not decoder.on_cpu:
            self._kept_decoder = decoder
        count = figures.batches["gpt"]
        count.batches += decoder.steps
        count.rows += decoder.row_steps
        count.valid += decoder.row_steps
        count.padded += decoder.steps * slots

    def _decoder(self, options: GenerationOptions, slots: int, capacity: int, max_codes: int) -> BatchDecoder:
        """On a GPU the one of the last call, if it fits: its steps are captured already. After a failure it is not kept."""
        options = replace(options, min_mel_tokens=0, max_mel_tokens=1)  # every row has its own
        kept, self._kept_decoder = self._kept_decoder, None
        if kept is not None and kept.fits(options, slots, capacity, max_codes):
            return kept
        del kept  # its cache, before there is another
        gpt, captured = self.pipeline.components.gpt, self.captured_steps
        return BatchDecoder(gpt, options, slots, capacity, max_codes, captured=captured)

    def _decode_beams(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        gpt, options = self.pipeline.components.gpt, segments[0].options.generation
        longest = max(gpt.prefix_length(torch.zeros(34, 0), segment.text_ids) for segment in segments)
        slots = self.budgets.slots(len(segments) * options.num_beams, longest + options.max_mel_tokens)
        together = max(1, slots // options.num_beams)
        for start in range(0, len(segments), together):
            rows = segments[start : start + together]
            streams = [row.options.streams.stream("codes", row.index) for row in rows]
            codes, _ = decode_beams(gpt, self.pipeline.conds(rows), [row.text_ids for row in rows], options, streams)
            for row, row_codes in zip(rows, codes, strict=True):
                row.codes = row_codes
            # A row's hypothesis is shorter than the search for it: an estimate.
            steps = max(len(row_codes) for row_codes in codes)
            count = figures.batches["gpt"]
            count.batches += steps
            count.rows += sum(len(row_codes) for row_codes in codes)
            count.valid += sum(len(row_codes) for row_codes in codes)
            count.padded += steps * len(rows)

    def _condition(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        """Latent pass: what the flow is told about each code."""

        def work(rows: list[Segment], figures: SpeakingFigures) -> None:
            for row, semantic in zip(rows, self.pipeline.semantic(rows, [row.codes for row in rows]), strict=True):
                row.semantic = semantic.clone()

        lengths = [len(segment.text_ids) + len(segment.codes) for segment in segments]
        self._in_groups(segments, lengths, 1, work, figures, "latent")

    def _solve_flow(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        def work(rows: list[Segment], figures: SpeakingFigures) -> None:
            options, noises = rows[0].options, [row.noise() for row in rows]
            semantic = [row.semantic for row in rows if row.semantic is not None]
            mels = self.pipeline.mels(rows, semantic, noises, options.solver, options.cfg_rate)
            for row, mel in zip(rows, mels, strict=True):
                row.mel, row.semantic = mel.clone(), None

        alike: dict[tuple[FlowSolver, float], list[Segment]] = {}
        for segment in segments:
            alike.setdefault((segment.options.solver, segment.options.cfg_rate), []).append(segment)
        for rows in alike.values():
            self._in_groups(rows, [row.frames for row in rows], 1, work, figures, "flow")

    def _vocode(self, segments: list[Segment], figures: SpeakingFigures) -> None:
        def work(rows: list[Segment], figures: SpeakingFigures) -> None:
            for row, samples in zip(rows, self.pipeline.audio([row.mel for row in rows]), strict=True):
                row.samples = samples

        lengths = [segment.mel.shape[1] for segment in segments]
        self._in_groups(segments, lengths, 2, work, figures, "vocoder")

    # Checks of one segment

    def _check_text(self, segment: Segment) -> None:
        config, length = self.pipeline.components.gpt.config, len(segment.text_ids)
        if length > config.max_text_tokens:
            raise ValueError(f"text of {length} tokens: a segment may have {config.max_text_tokens}")
        check_rows(self.pipeline.components.gpt, [], replace(segment.options.generation, do_sample=False), None)

    def _check_codes(self, segment: Segment) -> None:
        config, text, options = self.pipeline.components.gpt.config, segment.text, segment.options.generation
        start, count = config.start_mel_token, len(segment.codes)
        if count == 0:
            raise RuntimeError(f"the model stopped before its first code for text {text!r}: try another seed")
        if bool((segment.codes >= start).any()):
            raise RuntimeError(f"start token {start} among the codes for text {text!r}: try another seed")
        if segment.frames > MAX_FRAMES:
            raise ValueError(f"{segment.frames} frames of prompt and speech for text {text!r}: at most {MAX_FRAMES}")
        if count == options.max_mel_tokens:
            logger.warning(
                "%d codes without a stop for text %r: the segment is cut off; raise max_mel_tokens or lower "
                "max_text_tokens_per_segment",
                count,
                text,
            )
        level = segment.options.detail_level
        logger.log(level, "segment %d of %d: %d codes", segment.index + 1, segment.count, count)

    # Batches that may fail

    def _in_groups(
        self, segments: list[Segment], lengths: list[int], weight: int, work: Work, figures: SpeakingFigures, stage: str
    ) -> None:
        """``work`` over groups of similar length; a position counts ``weight`` times against the flow budget."""
        size_of = {id(segment): length for segment, length in zip(segments, lengths, strict=True)}

        def counted(rows: list[Segment], figures: SpeakingFigures) -> None:
            work(rows, figures)
            figures.batches[stage].add([size_of[id(row)] for row in rows])

        def lower_budget(rows: list[Segment]) -> None:
            size = weight * len(rows) * max(size_of[id(row)] for row in rows)
            self.budgets = replace(self.budgets, flow_budget=max(1, min(self.budgets.flow_budget, size // 2)))

        pending = segments
        while pending:
            # Grouped anew each time: the budget may have been lowered.
            group = group_by_length([weight * size_of[id(row)] for row in pending], self.budgets.flow_budget)[0]
            self._attempt([pending[i] for i in group], counted, figures, lower_budget)
            done = set(group)
            pending = [row for i, row in enumerate(pending) if i not in done]

    def _lower_max_batch(self, rows: list[Segment]) -> None:
        self.budgets = replace(self.budgets, max_batch=max(1, min(self.budgets.max_batch, len(rows)) // 2))

    def _attempt(
        self, rows: list[Segment], work: Work, figures: SpeakingFigures, lower_budget: Callable[[list[Segment]], None]
    ) -> None:
        """``work`` on all rows, or where that fails on halves of them, down to the rows that fail alone.

        After memory ran out the budget is lowered as well.
        """
        failed: Exception | None = None
        try:
            work(rows, figures)
        except (ValueError, RuntimeError) as error:
            failed = error
        if failed is None:
            return
        # Outside of the handler, and without the traceback that would keep the failed attempt's tensors alive.
        if isinstance(failed, torch.OutOfMemoryError):
            failed = failed.with_traceback(None)
            figures.out_of_memory += 1
            lower_budget(rows)
            self._kept_decoder = None
            self.pipeline.components.cfm.loops.clear()
            if self.pipeline.device.type == "cuda":
                torch.cuda.empty_cache()
            logger.warning("out of memory with %d rows; limits are now %s", len(rows), self.budgets)
        if len(rows) == 1:
            rows[0].error = failed
            return
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            self._attempt(half, work, figures, lower_budget)

    @staticmethod
    def _keep_error(segment: Segment, check: Callable[[Segment], None]) -> None:
        try:
            check(segment)
        except (ValueError, RuntimeError) as error:
            segment.error = error

    def _bytes_per_position(self) -> int:
        gpt = self.pipeline.components.gpt
        return 2 * gpt.config.layers * gpt.config.model_dim * gpt.mel_head.weight.element_size()
