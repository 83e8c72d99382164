"""Continuous batching: many rows decoded together, a waiting row takes a finished one's place. docs/indextts2.md §12.

`BatchDecoder.step` is the whole story: let waiting rows in, choose a code for every running row, hand out the
rows that ended, feed the codes back. Rows are at different points of their sequences; each has its own cache row,
counters, penalised codes and random numbers, so its codes depend neither on its neighbours nor on when it was let in.

The cache is as large as its rows: it grows with their number and with the longest of them. When it may not grow any
further, the rows with the fewest codes are set back: they wait once more, and get the same codes later.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from ..device.captured_steps import CapturedSteps
from ..models.gpt import FIRST_CODE_POSITION, START_POSITION, UnifiedVoice
from ..models.gpt2 import KVCache
from .budgets import ROWS_UNIT
from .options import GenerationOptions
from .sampling import candidates_of, draw

logger = logging.getLogger(__name__)

PREFIX_CODE = 1
"""The published code hands the decoder a prefix of made-up ids, all of this value, followed by start_mel. The
repetition penalty therefore holds for code 1 and start_mel from the first step on (docs/indextts2.md §6)."""
STEPS_BETWEEN_READS = 8
"""On a GPU, reading back which rows ended costs more than the codes a few of them are decoded too far."""
SPAN_UNIT = 128
"""On a GPU, attention reads a multiple of this many cache slots and a batch has a multiple of so many rows, so that few
different steps have to be captured."""
FIRST_SLOTS = 256
"""Cache slots for codes that a row finds when it is let in, some 5 s of speech; from there the cache doubles."""

OnStep = Callable[[int, Tensor, Tensor], None]
"""`on_step(step, logits (rows, V) raw, positions (rows,) of the inputs that gave them)`; rows are B x beams."""


@dataclass(frozen=True)
class DecodeRow:
    """One sequence to decode."""

    conds: Tensor
    """(34, D), see `UnifiedVoice.conds`."""
    text_ids: Tensor
    """(L,) int, without start and stop tokens; such ids inside are dropped."""
    generator: torch.Generator | None
    """On any device; needed when sampling. All numbers of the row are drawn from it when the row is let in:
    `max_codes * draws_per_step` of them, whatever the length of the result."""
    min_codes: int
    """Least length of the result."""
    max_codes: int
    """Greatest length of the result."""

    def uniforms(self, draws_per_step: int) -> Tensor:
        """The row's random numbers, (max_codes, draws per step) on the generator's device."""
        assert self.generator is not None
        return torch.rand(self.max_codes, draws_per_step, generator=self.generator, device=self.generator.device)


@dataclass
class _Place:
    """A row with its number, the positions of its prompt, and its random numbers once they are drawn."""

    number: int
    row: DecodeRow
    prompt: int
    uniforms: Tensor | None = None


class BatchDecoder:
    """Decodes any number of rows, greedily or by sampling, with one beam; as many at a time as there are slots.

    Rows may be added at any time. Live rows occupy the first slots, with gaps where some have ended and others wait.
    All state is tensors with one row a slot; on a GPU nothing is read back but, every few steps, which rows have ended.
    """

    def __init__(
        self,
        gpt: UnifiedVoice,
        options: GenerationOptions,
        slots: int,
        positions: int | None = None,
        on_step: OnStep | None = None,
        captured: bool = True,
    ) -> None:
        """Prepare an empty decoder.

        Args:
            gpt: the model, with its weights.
            options: how codes are chosen, the same for all rows.
            slots: most rows decoded at a time.
            positions: most cache positions of all rows together, each counted as long as the longest; a single row may
                have more. None: no limit.
            on_step: called with the raw logits of each step.
            captured: whether steps are CUDA graphs on a GPU.
        """
        assert options.num_beams == 1 and slots >= 1
        gpt.pack()
        config, device = gpt.config, gpt.device
        self.gpt, self.options, self.on_step = gpt, options, on_step
        self.slots, self.positions = slots, positions
        self.on_cpu = device.type == "cpu"
        self.waiting: deque[_Place] = deque()
        """Rows that are not let in yet."""
        self.steps = 0
        """Passes through the model."""
        self.row_steps = 0
        """Sum of the live rows of all passes."""
        self.set_back = 0
        """How often a row gave its place up because the cache had no more room."""
        self._places: list[_Place | None] = []
        self._cache: KVCache | None = None
        self._spans: set[tuple[str, int, int]] = set()
        vocabulary, most = config.number_mel_codes, config.max_mel_tokens + FIRST_CODE_POSITION
        self._logits = torch.zeros(slots, vocabulary, dtype=gpt.dtype, device=device)
        self._seen = torch.zeros(slots, vocabulary, dtype=torch.bool, device=device)
        # One column more than codes: a row that ended writes its next stop code somewhere.
        self._codes = torch.full((slots, most + 1), config.stop_mel_token, device=device)
        self._uniforms = torch.zeros(slots, most + 1, device=device)
        self._counts = torch.zeros(slots, dtype=torch.long, device=device)
        self._minimum = torch.zeros(slots, dtype=torch.long, device=device)
        self._maximum = torch.zeros(slots, dtype=torch.long, device=device)
        self._done = torch.ones(slots, dtype=torch.bool, device=device)
        on_gpu = device.type == "cuda"
        self._graphs = CapturedSteps("decoding", device, enabled=captured and on_gpu and on_step is None)

    def does(self, options: GenerationOptions, slots: int, positions: int | None) -> bool:
        """Whether this decoder would serve as one made with these arguments."""
        return (options, slots, positions) == (self.options, self.slots, self.positions)

    @property
    def live(self) -> int:
        """Number of rows that are being decoded."""
        return sum(place is not None for place in self._places)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the rows that are being decoded."""
        return [place.number for place in self._places if place is not None]

    @property
    def busy(self) -> bool:
        """Whether there is anything to decode."""
        return bool(self.waiting) or self.live > 0

    def add(self, number: int, row: DecodeRow) -> None:
        """Add a row; `number` will name it when it ends."""
        self.waiting.append(_Place(number, row, self.gpt.prefix_length(row.conds, row.text_ids)))

    def run(self, rows: Iterable[DecodeRow]) -> Iterator[tuple[int, Tensor]]:
        """Decode all rows; yield (number of the row, codes (n,) int64) as they end, in no particular order."""
        for number, row in enumerate(rows):
            self.add(number, row)
        while self.busy:
            yield from self.step()

    def step(self) -> list[tuple[int, Tensor]]:
        """Decode one code more of every running row, several on a GPU; return the rows that ended, with their codes."""
        self.advance()
        return self.collect()

    def advance(self) -> None:
        """Do the first half of a step: let rows in, choose codes. On a GPU this returns before they are there."""
        self._admit()
        if not self._places:
            return
        steps = 1 if self.on_cpu else STEPS_BETWEEN_READS
        self._lengthen(steps)
        for _ in range(steps - 1):
            self._choose()
            self._feed()
        self._choose()

    def collect(self) -> list[tuple[int, Tensor]]:
        """Do the second half of a step: read back which rows ended, and return them with their codes."""
        if not self._places:
            return []
        ended = self._take_ended()
        if self._places:
            self._feed()
        return ended

    # Letting rows in and out

    def _admit(self) -> None:
        """Let waiting rows into the free slots, unless so few are free that a prefill for them would not pay."""
        live = self.live
        places = list(islice(self.waiting, self.slots - live))
        enough = 1 if self.on_cpu or not live else max(1, self.slots // 8)
        if len(places) < min(enough, len(self.waiting)) or not places:
            return
        used = 0 if self._cache is None else self._cache.used
        capacity = self._rounded(max(used, *(place.prompt for place in places)) + FIRST_SLOTS)
        if self._cache is not None:
            present = self._cache.capacity
            # A cache that was made long for rows that have gone is made shorter again where others wait for its room.
            tight = self._rows_of(present) < live + len(places)
            capacity = max(capacity, 0 if tight and 2 * capacity <= present else present)
        count = min(len(places), self._rows_of(capacity) - live)
        if count <= 0 or (self._rows_of(capacity) - live < enough and count < len(places)):
            return
        self._let_in([self.waiting.popleft() for _ in range(count)], capacity)

    def _let_in(self, places: list[_Place], capacity: int) -> None:
        gaps = [slot for slot, place in enumerate(self._places) if place is None]
        end = len(self._places)
        slots = (gaps + list(range(end, end + len(places))))[: len(places)]
        self._places += [None] * (max(slots) + 1 - end)
        for slot, place in zip(slots, places, strict=True):
            self._places[slot] = place
        extent, rows = len(self._places), 0 if self._cache is None else self._cache.rows
        if extent > rows:
            unit = 1 if self.on_cpu else ROWS_UNIT
            most = min(self.slots, max(extent, self._rows_of(capacity)))
            rows = min(max(-(-extent // unit) * unit, 2 * rows), most)
        self._resize(rows, capacity)
        assert self._cache is not None
        given = [place.row for place in places]
        logits, prefilled = self.gpt.prefill(torch.stack([row.conds for row in given]), [r.text_ids for r in given], 0)
        self._cache.put(slots, prefilled, range(len(slots)))
        at = torch.tensor(slots, device=logits.device)
        self._logits[at] = logits
        self._seen[at] = False
        self._seen[at[:, None], torch.tensor([PREFIX_CODE, self.gpt.config.start_mel_token], device=at.device)] = True
        self._counts[at] = 0
        self._minimum[at] = torch.tensor([row.min_codes for row in given], device=at.device)
        self._maximum[at] = torch.tensor([row.max_codes for row in given], device=at.device)
        self._done[at] = False
        if self.options.do_sample:
            for slot, place in zip(slots, places, strict=True):
                if place.uniforms is None:
                    place.uniforms = place.row.uniforms(1)[:, 0]
                self._uniforms[slot, : place.row.max_codes] = place.uniforms.to(at.device)
        self._report(torch.full_like(self._counts[:extent], START_POSITION))

    def _take_ended(self) -> list[tuple[int, Tensor]]:
        """Take out the rows that ended."""
        extent = len(self._places)
        done = self._done[:extent].tolist()
        places = [(slot, place) for slot, place in enumerate(self._places) if place is not None and done[slot]]
        if not places:
            return []
        counts = self._counts[:extent].tolist()
        ended = [(place.number, self._codes[slot, : counts[slot]].clone()) for slot, place in places]
        self._empty(slot for slot, _ in places)
        if self.on_cpu or (not self.waiting and self._batch_rows() > self._batch_rows(self.live)):
            self._close_gaps()
        return ended

    def _empty(self, slots: Iterable[int]) -> None:
        """Mark slots as empty: attention reads nothing for them, and nothing is written past the cache's end."""
        assert self._cache is not None
        for slot in slots:
            self._places[slot] = None
            self._cache.known_lengths[slot] = 0
        extent = len(self._places)
        self._cache.lengths[:extent].masked_fill_(self._done[:extent], 0)
        while self._places and self._places[-1] is None:
            self._places.pop()

    def _close_gaps(self) -> None:
        """Move the last live rows into the gaps."""
        live = self.live
        sources = [slot for slot in range(live, len(self._places)) if self._places[slot] is not None]
        targets = [slot for slot in range(live) if self._places[slot] is None]
        if sources:
            assert self._cache is not None
            self._cache.put(targets, self._cache, sources)
            state = (self._logits, self._seen, self._codes, self._uniforms, self._counts, self._minimum, self._maximum)
            for tensor in (*state, self._done):
                tensor[targets] = tensor[sources]
            for source, target in zip(sources, targets, strict=True):
                self._places[target] = self._places[source]
            self._done[live : len(self._places)] = True
            self._empty(sources)
        del self._places[live:]

    # The cache's size

    def _rounded(self, positions: int) -> int:
        return positions if self.on_cpu else -(-positions // SPAN_UNIT) * SPAN_UNIT

    def _rows_of(self, capacity: int) -> int:
        """Number of rows of this capacity that there may be, at least one."""
        return self.slots if self.positions is None else max(1, min(self.slots, self.positions // capacity))

    def _lengthen(self, steps: int) -> None:
        """Make room for so many codes more of every row; if there is none, set back the rows with the fewest codes."""
        assert self._cache is not None
        cache = self._cache
        needed = self._rounded(cache.used + steps)
        if needed <= cache.capacity:
            return
        longest = max(place.prompt + place.row.max_codes for place in self._places if place is not None)
        capacity = max(needed, min(2 * cache.capacity, self._rounded(longest + steps)))
        if self._rows_of(capacity) < cache.rows and self.positions is not None:
            affordable = self.positions // cache.rows  # as long as all rows may be
            capacity = max(needed, affordable if self.on_cpu else affordable // SPAN_UNIT * SPAN_UNIT)
        rows = self._rows_of(capacity)
        if rows < len(self._places):
            self._set_back(self.live - rows)
            self._close_gaps()
        self._resize(min(cache.rows, max(rows, len(self._places))), capacity)

    def _set_back(self, count: int) -> None:
        """Let the rows with the fewest codes wait again, before all others."""
        if count <= 0:
            return
        assert self._cache is not None
        lengths = self._cache.known_lengths
        live = [slot for slot, place in enumerate(self._places) if place is not None]
        youngest = sorted(live, key=lambda slot: (lengths[slot], -slot))[:count]
        for slot in youngest:
            place = self._places[slot]
            assert place is not None
            self.waiting.appendleft(place)
        self._done[torch.tensor(youngest, device=self._done.device)] = True
        self._empty(youngest)
        self.set_back += count
        logger.debug("%d rows are set back: the cache has no room for more than %d positions", count, self.positions)

    def _resize(self, rows: int, capacity: int) -> None:
        if self._cache is None:
            gpt = self.gpt.gpt
            self._cache = gpt.new_cache(rows, capacity, like=self.gpt.mel_head.weight)
        elif (rows, capacity) != (self._cache.rows, self._cache.capacity):
            self._cache.resize(rows, capacity)
            for key in self._spans:  # captured where the cache was
                self._graphs.forget(key)
            self._spans.clear()

    # One code

    def _choose(self) -> None:
        """Choose the next code of each row from its logits; rows that ended stay as they are."""
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
        """Run the model on the codes just chosen; `_logits` then belong to the next ones."""
        assert self._cache is not None
        cache, rows = self._cache, self._batch_rows()
        live = [slot for slot, place in enumerate(self._places) if place is not None]
        self.steps += 1
        self.row_steps += len(live)
        span = 0 if self.on_cpu else min(self._rounded(cache.used + 1), cache.capacity)
        key = ("feed", rows, span)
        self._spans.add(key)
        self._graphs.run(key, lambda: self._feed_to(cache, rows, span))
        for slot in live:
            cache.known_lengths[slot] += 1
        self._report(self._counts[: len(self._places)] + FIRST_CODE_POSITION - 1)

    def _feed_to(self, cache: KVCache, rows: int, span: int) -> None:
        counts = self._counts[:rows]
        last = self._codes[:rows].gather(1, (counts - 1).clamp(min=0)[:, None])[:, 0]
        # A row that ended may stand past the table's end; what becomes of it does not matter.
        positions = (counts + FIRST_CODE_POSITION - 1).clamp(max=self.gpt.mel_pos_embedding.emb.num_embeddings - 1)
        growth = (~self._done[:rows]).long()
        self._logits[:rows].copy_(self.gpt.step(last, positions, cache.first_rows(rows), growth, span or None))

    def _batch_rows(self, live: int | None = None) -> int:
        """Number of rows that go through the model: up to the last live one, on a GPU rounded up."""
        extent = len(self._places) if live is None else live
        if self.on_cpu or self._cache is None:
            return extent
        return min(-(-extent // ROWS_UNIT) * ROWS_UNIT, self._cache.rows)

    def _report(self, positions: Tensor) -> None:
        if self.on_step is not None:
            self.on_step(self.steps, self._logits[: len(self._places)].clone(), positions)
