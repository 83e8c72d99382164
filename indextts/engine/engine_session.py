"""A stream of segments through the stages of the engine. docs/indextts2.md §12.

`EngineSession.step` is the whole story: segments wait to be decoded, are decoded together with whatever others are
there, and then go through the later stages in groups while others still decode. A segment may be added at any time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count

import torch

from ..decoding.batch_decoder import BatchDecoder, DecodeRow
from ..decoding.decode import check_rows, decode_beams
from ..decoding.options import GenerationOptions
from ..device.side_stream import SideStream, Started
from ..models.dit import MAX_FRAMES
from .figures import SpeakingFigures, StageClock
from .later_stages import LATER_STAGES, Deliver, Stage
from .spoken_segment import Segment
from .state import EngineState

logger = logging.getLogger(__name__)

Work = Callable[[list[Segment]], None]


class EngineSession:
    """Segments on their way through decoding, latent pass, flow and vocoder.

    On a GPU the later stages have a CUDA stream of their own, beside decoding; on a CPU they take turns with it. Either
    way a stage begins when a full group is there, or when there is nothing left that could join one.
    """

    def __init__(
        self, engine: EngineState, clock: StageClock, figures: SpeakingFigures, limits: dict[str, int | None]
    ) -> None:
        self._engine, self._clock, self._figures = engine, clock, figures
        self._own_limits = any(limit is not None for limit in limits.values())
        self.budgets = engine.budgets.limited(**limits)
        """Limits of a batch; lowered where the memory turns out to be too small for them."""
        self._waiting: dict[GenerationOptions, deque[Segment]] = {}
        self._decoder: BatchDecoder | None = None
        self._decoding: dict[int, Segment] = {}
        self._numbers = count()
        self._queues: dict[str, list[Segment]] = {stage.name: [] for stage in LATER_STAGES}
        self._beside = SideStream(engine.pipeline.device, engine.beside)
        self._started: tuple[Stage, list[Segment], Deliver, Started] | None = None
        self._ended: list[Segment] = []

    def add(self, segment: Segment) -> None:
        """Add a segment. If it is impossible to speak, the reason becomes its `error`."""
        if not self._passes(segment, self._check_text):
            return
        self._waiting.setdefault(self._alike(segment), deque()).append(segment)

    @property
    def busy(self) -> bool:
        """Whether any segment has not been handed out yet."""
        return bool(self._ended) or self.decoding or self._started is not None or self._backlog > 0

    @property
    def decoding(self) -> bool:
        """Whether there is anything left to decode."""
        return bool(self._decoding) or any(self._waiting.values())

    @property
    def wants(self) -> int:
        """Number of further segments worth preparing: as many as fill the free slots, and a quarter of a batch more."""
        live = 0 if self._decoder is None else self._decoder.live
        waiting = len(self._decoding) - live + sum(map(len, self._waiting.values()))
        return max(0, self.budgets.max_batch - live + max(1, self.budgets.max_batch // 4) - waiting)

    def step(self, meanwhile: Callable[[], None] = lambda: None) -> list[Segment]:
        """Decode one code more of every row (several on a GPU), and run later stages of segments that are ready.

        Args:
            meanwhile: called when the device has work to do: the time to prepare more segments.

        Returns:
            The segments that have come to their end, spoken or with an `error`.
        """
        # What is decoded and cannot be spoken as fast would pile up.
        decoding = self.decoding and self._backlog <= 2 * self.budgets.max_batch
        if decoding:
            self._decode(self._advance)
        meanwhile()
        self._speak(wait=not decoding)
        if decoding:
            self._decode(self._collect)
        ended, self._ended = self._ended, []
        self._figures.segments += sum(segment.error is None for segment in ended)
        self._figures.codes += sum(len(segment.codes) for segment in ended)
        return ended

    def decode_all(self, segments: Iterable[Segment]) -> None:
        """Decode these segments without the later stages, for measurements."""
        for segment in segments:
            self.add(segment)
        while self.decoding:
            self._decode(self._advance)
            self._decode(self._collect)

    @property
    def _backlog(self) -> int:
        return sum(map(len, self._queues.values()))

    # Decoding

    def _decode(self, half: Callable[[], None]) -> None:
        """Do half a step of decoding. If it fails, the rows that were in it are decoded apart from the others."""
        failed: Exception | None = None
        try:
            with self._clock.time("gpt"):
                half()
        except (ValueError, RuntimeError) as error:
            failed = error
        if failed is None:
            return
        live = set() if self._decoder is None else set(self._decoder.numbers)
        rows = [segment for number, segment in self._decoding.items() if number in live]
        others = [segment for number, segment in self._decoding.items() if number not in live]
        if not rows:  # not one had been let in
            options = self._next_options()
            rows, others = others or list(self._waiting.pop(options, ()) if options else ()), []
        self._decoder, self._decoding = None, {}
        for segment in reversed(others):
            self._waiting.setdefault(self._alike(segment), deque()).appendleft(segment)
        with self._clock.time("gpt"):
            self._apart(rows, failed, self._decode_together, self._lower_max_batch)

    def _advance(self) -> None:
        options = self._next_options()
        if options is None:
            return
        if options.num_beams > 1:
            self._decode_beams(options)
            return
        if self._decoder is None:
            self._decoder = self._engine.take_decoder(options, self.budgets.max_batch, self.budgets.decode_budget)
        waiting = self._waiting.get(options)
        if waiting:
            rows = list(waiting)
            waiting.clear()
            self._give(self._decoder, rows)
        self._decoder.advance()

    def _next_options(self) -> GenerationOptions | None:
        """Options of the rows to decode now: a decoder has rows of one kind only, and ends those that it has begun."""
        if self._decoding and self._decoder is not None:
            return self._decoder.options
        return next((options for options, rows in self._waiting.items() if rows), None)

    def _collect(self) -> None:
        decoder = self._decoder
        if decoder is None:
            return
        for number, codes in decoder.collect():
            segment = self._decoding.pop(number)
            segment.codes = codes
            self._decoded(segment)
        self._count(decoder)
        if not decoder.busy:
            self._engine.give_back(decoder)
            self._decoder = None

    def _give(self, decoder: BatchDecoder, segments: list[Segment]) -> None:
        numbered = {next(self._numbers): segment for segment in segments}
        self._decoding |= numbered
        for number, row_conds in zip(numbered, self._engine.pipeline.conds(segments), strict=True):
            decoder.add(number, _row(row_conds, numbered[number]))

    def _decode_together(self, segments: list[Segment]) -> None:
        """Decode rows of one kind to their ends."""
        pipeline, options = self._engine.pipeline, self._alike(segments[0])
        if options.num_beams > 1:
            streams = [row.options.streams.stream("codes", row.index) for row in segments]
            texts = [row.text_ids for row in segments]
            found, _ = decode_beams(pipeline.components.gpt, pipeline.conds(segments), texts, options, streams)
            # A row's hypothesis is shorter than the search for it: an estimate.
            self._figures.batches["gpt"].add_steps(max(map(len, found)), sum(map(len, found)), len(segments))
        else:
            slots = min(len(segments), self.budgets.max_batch)
            gpt, captured = pipeline.components.gpt, self._engine.captured_steps
            decoder = BatchDecoder(gpt, options, slots, self.budgets.decode_budget, captured=captured)
            rows = [_row(conds, row) for conds, row in zip(pipeline.conds(segments), segments, strict=True)]
            codes = dict(decoder.run(rows))
            found = [codes[number] for number in range(len(segments))]
            self._count(decoder)
        for segment, row_codes in zip(segments, found, strict=True):
            segment.codes = row_codes
            self._decoded(segment)

    def _decode_beams(self, options: GenerationOptions) -> None:
        """Decode as many waiting rows as fit together; beams are exchanged at every step, so none can join later."""
        gpt, waiting = self._engine.pipeline.components.gpt, self._waiting[options]
        longest = max(gpt.prefix_length(torch.zeros(34, 0), segment.text_ids) for segment in waiting)
        slots = self.budgets.slots(len(waiting) * options.num_beams, longest + options.max_mel_tokens)
        rows = [waiting.popleft() for _ in range(min(len(waiting), max(1, slots // options.num_beams)))]
        self._attempt(rows, self._decode_together, self._lower_max_batch)

    def _count(self, decoder: BatchDecoder) -> None:
        self._figures.batches["gpt"].add_steps(decoder.steps, decoder.row_steps, decoder.slots)
        decoder.steps = decoder.row_steps = 0

    def _decoded(self, segment: Segment) -> None:
        if self._passes(segment, self._check_codes):
            self._queues[LATER_STAGES[0].name].append(segment)

    @staticmethod
    def _alike(segment: Segment) -> GenerationOptions:
        """Options that rows decoded together have in common; without beams, all but the bounds of their lengths."""
        options = segment.options.generation
        return options if options.num_beams > 1 else replace(options, min_mel_tokens=0, max_mel_tokens=1)

    # Later stages

    def _speak(self, wait: bool) -> None:
        """Take results of the later stages from the device, and begin groups that are ready; wait only with `wait`."""
        while True:
            if self._started is not None:
                stage, rows, deliver, started = self._started
                if not wait and not started.done():
                    return
                started.wait()
                self._started = None
                self._clock.seconds[stage.name] += started.seconds
                deliver()
                self._done(stage, rows)
                wait = False
            group = self._next_group()
            if group is None:
                return
            self._begin(*group)

    def _next_group(self) -> tuple[Stage, list[Segment]] | None:
        """The next group to begin, from the last stage that has one."""
        budget, busy_before = self.budgets.flow_budget, self.decoding
        ready: tuple[Stage, list[Segment]] | None = None
        for stage in LATER_STAGES:
            queue = self._queues[stage.name]
            groups = stage.groups(queue, budget)
            full = next((rows for rows, is_full in groups if is_full), None)
            if full is None and groups and (not busy_before or self._backlog > self.budgets.max_batch):
                full = groups[0][0]
            if full is not None:
                ready = stage, full
            busy_before = busy_before or bool(queue)
        return ready

    def _begin(self, stage: Stage, rows: list[Segment]) -> None:
        failed: Exception | None = None
        taken = {id(row) for row in rows}
        self._queues[stage.name] = [row for row in self._queues[stage.name] if id(row) not in taken]
        delivered: list[Deliver] = []
        try:
            started = self._beside.start(lambda: delivered.append(stage.work(self._engine.pipeline, rows)))
            self._started = stage, rows, delivered[0], started
        except (ValueError, RuntimeError) as error:
            failed = error
        if failed is None:
            return
        delivered.clear()

        def to_the_end(rows: list[Segment]) -> None:
            begun = []
            started = self._beside.start(lambda: begun.append(stage.work(self._engine.pipeline, rows)))
            started.wait()
            self._clock.seconds[stage.name] += started.seconds
            begun[0]()
            self._done(stage, rows)

        def lower_budget(rows: list[Segment]) -> None:
            size = stage.weight * len(rows) * max(map(stage.size, rows))
            self._limit(flow_budget=max(1, min(self.budgets.flow_budget, size // 2)))

        self._apart(rows, failed, to_the_end, lower_budget)

    def _done(self, stage: Stage, rows: list[Segment]) -> None:
        later = LATER_STAGES.index(stage) + 1
        self._figures.batches[stage.name].add([stage.size(row) for row in rows])
        (self._queues[LATER_STAGES[later].name] if later < len(LATER_STAGES) else self._ended).extend(rows)

    # What may fail

    def _attempt(self, rows: list[Segment], work: Work, lower_budget: Work) -> None:
        """Do `work` on all rows, or if that fails on halves of them, down to the rows that fail alone."""
        failed: Exception | None = None
        try:
            work(rows)
        except (ValueError, RuntimeError) as error:
            failed = error
        if failed is not None:
            self._apart(rows, failed, work, lower_budget)

    def _apart(self, rows: list[Segment], failed: Exception, work: Work, lower_budget: Work) -> None:
        """Try halves of rows on which `work` has failed. If memory ran out, the budget is lowered as well.

        Not inside the handler, and without the traceback, which would keep the failed attempt's tensors alive.
        """
        if isinstance(failed, torch.OutOfMemoryError):
            failed = failed.with_traceback(None)
            self._figures.out_of_memory += 1
            lower_budget(rows)
            self._engine.free_memory()
            if self._engine.pipeline.device.type == "cuda":
                torch.cuda.empty_cache()
            logger.warning("out of memory with %d rows; limits are now %s", len(rows), self.budgets)
        if len(rows) == 1:
            rows[0].error = failed
            self._ended.append(rows[0])
            return
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            self._attempt(half, work, lower_budget)

    def _lower_max_batch(self, rows: list[Segment]) -> None:
        self._limit(max_batch=max(1, min(self.budgets.max_batch, len(rows)) // 2))

    def _limit(self, **limits: int) -> None:
        self.budgets = replace(self.budgets, **limits)
        if not self._own_limits:
            self._engine.budgets = self.budgets

    # Checks of one segment

    def _passes(self, segment: Segment, check: Callable[[Segment], None]) -> bool:
        try:
            check(segment)
        except (ValueError, RuntimeError) as error:
            segment.error = error
            self._ended.append(segment)
        return segment.error is None

    def _check_text(self, segment: Segment) -> None:
        config, length = self._engine.pipeline.components.gpt.config, len(segment.text_ids)
        if length > config.max_text_tokens:
            raise ValueError(f"text of {length} tokens: a segment may have {config.max_text_tokens}")
        check_rows(self._engine.pipeline.components.gpt, [], replace(segment.options.generation, do_sample=False), None)

    def _check_codes(self, segment: Segment) -> None:
        config, text, options = self._engine.pipeline.components.gpt.config, segment.text, segment.options.generation
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


def _row(conds: torch.Tensor, segment: Segment) -> DecodeRow:
    options = segment.options
    generator = options.streams.stream("codes", segment.index)
    least, most = options.generation.min_mel_tokens, options.generation.max_mel_tokens
    return DecodeRow(conds, segment.text_ids, generator, least, most)
