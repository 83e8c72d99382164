"""Continuous batching: many rows decoded together, a finished row's place taken by the next. docs/indextts2.md §12.

:meth:`BatchDecoder.step` is the whole story: choose a code for every running row, hand out the rows that ended, feed
the codes back, let waiting rows in. Rows are at different points of their sequences; each has its own cache row,
counters, penalised codes and random numbers, so its codes depend neither on its neighbours nor on when it was let in.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from indextts.captured import CapturedSteps
from indextts.gpt import FIRST_CODE_POSITION, START_POSITION, UnifiedVoice
from indextts.options import GenerationOptions
from indextts.sampling import Candidates, draw, keep_typical, penalise_repetition, warp

logger = logging.getLogger(__name__)

# The published code hands the decoder a prefix of made-up ids, all of this value, followed by start_mel. The
# repetition penalty therefore holds for code 1 and start_mel from the first step on (FACTS 2.5).
PREFIX_CODE = 1
# On a GPU, reading back which rows ended costs more than the codes a few of them are decoded too far.
STEPS_BETWEEN_READS = 8
# On a GPU, attention reads a multiple of this many cache slots and a batch has a multiple of so many rows, so that
# few different steps have to be captured.
SPAN_UNIT, ROWS_UNIT = 128, 8

OnStep = Callable[[int, Tensor, Tensor], None]
"""``on_step(step, logits (rows, V) raw, positions (rows,) of the inputs that gave them)``; rows are B x beams."""


@dataclass(frozen=True)
class DecodeRow:
    """One sequence to decode.

    Attributes:
        conds: (34, D), see :meth:`UnifiedVoice.conds`.
        text_ids: (L,) int, without start and stop tokens; such ids inside are dropped.
        generator: on any device; needed when sampling. All numbers of the row are drawn from it when the row is let
            in, ``max_codes * draws_per_step`` of them whatever the length of the result.
        min_codes, max_codes: bounds of the result's length.
    """

    conds: Tensor
    text_ids: Tensor
    generator: torch.Generator | None
    min_codes: int
    max_codes: int

    def uniforms(self, draws_per_step: int) -> Tensor:
        """The row's random numbers, (max_codes, draws per step) on the generator's device."""
        assert self.generator is not None
        return torch.rand(self.max_codes, draws_per_step, generator=self.generator, device=self.generator.device)


class BatchDecoder:
    """Greedy or sampled decoding, one beam, of any number of rows in a fixed number of slots.

    Live rows occupy the first slots. All state is tensors with one row a slot; on a GPU nothing is read back but, every
    few steps, which rows have ended. :meth:`run` may be called again once it has come to its end.

    Attributes:
        steps, row_steps: passes through the model in this run, and the sum of their live rows.
        prefilled, prefill_positions: positions of all prompts of this run, and with their padding.
    """

    def __init__(
        self,
        gpt: UnifiedVoice,
        options: GenerationOptions,
        slots: int,
        capacity: int,
        max_codes: int,
        on_step: OnStep | None = None,
        captured: bool = True,
    ) -> None:
        """``capacity`` in cache positions a slot; ``max_codes`` of any row; ``captured``: steps as CUDA graphs on a GPU."""
        assert options.num_beams == 1 and slots >= 1
        gpt.pack()
        config, device = gpt.config, gpt.device
        self.gpt, self.options, self.on_step = gpt, options, on_step
        self.slots, self.capacity, self.max_codes = slots, capacity, max_codes
        self.on_cpu = device.type == "cpu"
        self.waiting: deque[tuple[int, DecodeRow]] = deque()
        self.running: list[int] = []
        self.steps = self.row_steps = self.prefilled = self.prefill_positions = 0
        vocabulary = config.number_mel_codes
        self._cache = gpt.gpt.new_cache(slots, capacity, like=gpt.mel_head.weight)
        self._logits = torch.zeros(slots, vocabulary, dtype=gpt.dtype, device=device)
        self._seen = torch.zeros(slots, vocabulary, dtype=torch.bool, device=device)
        # One column more than codes: a row that ended writes its next stop code somewhere.
        self._codes = torch.full((slots, max_codes + 1), config.stop_mel_token, device=device)
        self._uniforms = torch.zeros(slots, max_codes + 1, device=device)
        self._counts = torch.zeros(slots, dtype=torch.long, device=device)
        self._minimum = torch.zeros(slots, dtype=torch.long, device=device)
        self._maximum = torch.zeros(slots, dtype=torch.long, device=device)
        self._done = torch.ones(slots, dtype=torch.bool, device=device)
        on_gpu = device.type == "cuda"
        self._graphs = CapturedSteps("decoding", device, enabled=captured and on_gpu and on_step is None)

    @staticmethod
    def positions(gpt: UnifiedVoice, row: DecodeRow) -> int:
        """Cache slots a row may need."""
        return gpt.prefix_length(row.conds, row.text_ids) + row.max_codes

    @classmethod
    def capacity_for(cls, gpt: UnifiedVoice, rows: Iterable[DecodeRow]) -> int:
        """Cache slots that the longest row may need; on a GPU rounded up, so that a decoder fits other rows as well."""
        longest = max(cls.positions(gpt, row) for row in rows)
        return longest if gpt.device.type == "cpu" else -(-longest // SPAN_UNIT) * SPAN_UNIT

    def fits(self, options: GenerationOptions, slots: int, capacity: int, max_codes: int) -> bool:
        """Whether it does what one made with these would do."""
        return (
            (options, slots) == (self.options, self.slots) and capacity <= self.capacity and max_codes <= self.max_codes
        )

    def run(self, rows: Iterable[DecodeRow]) -> Iterator[tuple[int, Tensor]]:
        """Decodes all rows; yields (number of the row, codes (n,) int64) as they end, in no particular order."""
        self.steps = self.row_steps = self.prefilled = self.prefill_positions = 0
        self.waiting.extend(enumerate(rows))
        while self.waiting or self.running:
            yield from self.step()

    def step(self) -> list[tuple[int, Tensor]]:
        """One code more for every running row, several on a GPU; returns the rows that ended, with their codes."""
        self._admit()
        for _ in range(0 if self.on_cpu else STEPS_BETWEEN_READS - 1):
            self._choose()
            self._feed()
        self._choose()
        ended = self._collect()
        if self.running:
            self._feed()
        return ended

    # Letting rows in and out

    def _admit(self) -> None:
        """Waiting rows take the free slots, unless so few are free that a prefill for them would not pay."""
        free = self.slots - len(self.running)
        enough = 1 if self.on_cpu else max(1, self.slots // 8)
        if not self.waiting or (self.running and free < enough):
            return
        numbers, rows = zip(*(self.waiting.popleft() for _ in range(min(free, len(self.waiting)))))
        first, count = len(self.running), len(rows)
        logits, prefilled = self.gpt.prefill(torch.stack([row.conds for row in rows]), [r.text_ids for r in rows], 0)
        self.prefilled += sum(prefilled.known_lengths)
        self.prefill_positions += prefilled.used * count
        slots = slice(first, first + count)
        self._cache.put(range(first, first + count), prefilled, range(count))
        self._logits[slots] = logits
        self._seen[slots] = False
        self._seen[slots, [PREFIX_CODE, self.gpt.config.start_mel_token]] = True
        self._counts[slots] = 0
        self._minimum[slots] = torch.tensor([row.min_codes for row in rows], device=logits.device)
        self._maximum[slots] = torch.tensor([row.max_codes for row in rows], device=logits.device)
        self._done[slots] = False
        if self.options.do_sample:
            for slot, row in enumerate(rows, first):
                self._uniforms[slot, : row.max_codes] = row.uniforms(1)[:, 0].to(logits.device)
        self.running.extend(numbers)
        self._report(torch.full_like(self._counts[: len(self.running)], START_POSITION))

    def _collect(self) -> list[tuple[int, Tensor]]:
        """Takes the rows that ended out; the last live rows move into their slots."""
        live = len(self.running)
        done = self._done[:live].tolist()
        if not any(done):
            return []
        counts = self._counts[:live].tolist()
        ended = [(self.running[i], self._codes[i, : counts[i]].clone()) for i in range(live) if done[i]]
        staying = [i for i in range(live) if not done[i]]
        holes = [i for i in range(len(staying)) if done[i]]
        moved = staying[len(staying) - len(holes) :]
        self._move(moved, holes)
        for source, hole in zip(moved, holes, strict=True):
            self.running[hole] = self.running[source]
        del self.running[len(staying) :]
        self._done[len(staying) :] = True
        # Attention reads as far as the longest row goes: no further for those that left.
        self._cache.known_lengths[len(staying) :] = [0] * (self.slots - len(staying))
        return ended

    def _move(self, sources: list[int], targets: list[int]) -> None:
        """The rows in ``sources`` go to the slots ``targets``; both at once, no slot is in both."""
        if not sources:
            return
        self._cache.put(targets, self._cache, sources)
        state = (self._logits, self._seen, self._codes, self._uniforms, self._counts, self._minimum, self._maximum)
        for tensor in (*state, self._done):
            tensor[targets] = tensor[sources]

    # One code

    def _choose(self) -> None:
        """The next code of each row from its logits; rows that ended stay as they are."""
        rows = self._batch_rows()
        self._graphs.run(("choose", rows, 0), lambda: self._choose_for(rows))

    def _choose_for(self, rows: int) -> None:
        options, stop = self.options, self.gpt.config.stop_mel_token
        counts, done, seen = self._counts[:rows], self._done[:rows], self._seen[:rows]
        scores = self._logits[:rows].float()
        too_short = counts < self._minimum[:rows]
        scores = scores.index_copy(
            1, self._stop_index(scores.device), scores[:, stop].masked_fill(too_short, float("-inf"))[:, None]
        )
        candidates = candidates_of(scores, seen, options)
        if options.do_sample:
            pick = draw(candidates.scores, self._uniforms[:rows].gather(1, counts[:, None]))
        else:
            pick = candidates.scores.argmax(-1, keepdim=True)
        code = candidates.codes.gather(1, pick)[:, 0].masked_fill(done, stop)
        self._codes[:rows].scatter_(1, counts[:, None], code[:, None])
        seen.scatter_(1, code[:, None], True)
        counts += code != stop
        done |= (code == stop) | (counts >= self._maximum[:rows])

    def _stop_index(self, device: torch.device) -> Tensor:
        return torch.full((1,), self.gpt.config.stop_mel_token, device=device)

    def _feed(self) -> None:
        """The codes just chosen go through the model; ``_logits`` then belong to the next."""
        live, rows = len(self.running), self._batch_rows()
        self.steps += 1
        self.row_steps += live
        span = 0 if self.on_cpu else min(-(-(self._cache.used + 1) // SPAN_UNIT) * SPAN_UNIT, self._cache.capacity)
        self._graphs.run(("feed", rows, span), lambda: self._feed_to(rows, span))
        for slot in range(live):
            self._cache.known_lengths[slot] += 1
        self._report(self._counts[:live] + FIRST_CODE_POSITION - 1)

    def _feed_to(self, rows: int, span: int) -> None:
        counts = self._counts[:rows]
        last = self._codes[:rows].gather(1, (counts - 1).clamp(min=0)[:, None])[:, 0]
        # A row that ended may stand past the table's end; what becomes of it does not matter.
        positions = (counts + FIRST_CODE_POSITION - 1).clamp(max=self.gpt.mel_pos_embedding.emb.num_embeddings - 1)
        growth = (~self._done[:rows]).long()
        self._logits[:rows].copy_(self.gpt.step(last, positions, self._cache.first_rows(rows), growth, span or None))

    def _batch_rows(self) -> int:
        """Rows that go through the model: the live ones, on a GPU rounded up."""
        live = len(self.running)
        return live if self.on_cpu else min(-(-live // ROWS_UNIT) * ROWS_UNIT, self.slots)

    def _report(self, positions: Tensor) -> None:
        if self.on_step is not None:
            self.on_step(self.steps, self._logits[: len(self.running)].clone(), positions)


def candidates_of(scores: Tensor, seen: Tensor, options: GenerationOptions) -> Candidates:
    """Processed scores (rows, K): best first when sampling, all codes in their own order otherwise."""
    scores = penalise_repetition(scores, seen, options.repetition_penalty)
    if options.do_sample:
        min_keep = 1 if options.num_beams == 1 else 2
        if options.typical_sampling:
            scores = keep_typical(scores, options.typical_mass, min_keep)
        return warp(scores, options.temperature, options.top_k, options.top_p, min_keep)
    return Candidates(scores, torch.arange(scores.shape[-1], device=scores.device).expand_as(scores))
