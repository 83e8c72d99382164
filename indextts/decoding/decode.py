"""The decoding loop: greedy, sampling and beam search over a batch of independent rows. docs/indextts2.md §6.

Rows share nothing but the matrix multiplications: each has its own cache rows, its own set of penalised codes and
its own random generator, so its codes do not depend on its neighbours or on the batch size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import torch
from torch import Tensor

from ..models.gpt import FIRST_CODE_POSITION, START_POSITION, UnifiedVoice
from .batch_decoder import PREFIX_CODE, BatchDecoder, DecodeRow, OnStep
from .beam_search import BeamSearch
from .options import GenerationOptions
from .sampling import Candidates, candidates_of, draw


def decode(
    gpt: UnifiedVoice,
    conds: Tensor,
    text_ids: Sequence[Tensor],
    options: GenerationOptions,
    generators: Sequence[torch.Generator] | None = None,
    on_step: OnStep | None = None,
) -> list[Tensor]:
    """Decode every row, up to and without the stop code.

    Args:
        conds: (B, 34, D), see `UnifiedVoice.conds`.
        text_ids: B rows (L,) int, without start and stop tokens; such ids inside are dropped.
        generators: one per row, on any device; needed when sampling. A row draws all its numbers from its own one,
            `max_mel_tokens * draws_per_step` of them whatever the length of the result.
        on_step: called with the raw logits of each step.

    Returns:
        B rows (n,) int64, 0 <= n <= max_mel_tokens.

    Raises:
        ValueError: there is no generator for each row when sampling, more codes are asked for than the model has
            positions, or a text is longer than the model takes.
    """
    check_rows(gpt, text_ids, options, generators)
    if options.num_beams > 1:
        return decode_beams(gpt, conds, text_ids, options, generators, on_step)[0]
    least, most = options.min_mel_tokens, options.max_mel_tokens
    rows = [
        DecodeRow(row_conds, ids, generator, least, most)
        for row_conds, ids, generator in zip(conds, text_ids, generators or repeat(None), strict=False)
    ]
    codes = dict(BatchDecoder(gpt, options, len(rows), on_step=on_step).run(rows))
    return [codes[number] for number in range(len(rows))]


def check_rows(
    gpt: UnifiedVoice,
    text_ids: Sequence[Tensor],
    options: GenerationOptions,
    generators: Sequence[torch.Generator] | None,
) -> None:
    """Check the arguments of `decode`.

    Raises:
        ValueError: as `decode` does.
    """
    limit = gpt.config.max_mel_tokens + FIRST_CODE_POSITION
    if options.max_mel_tokens > limit:
        raise ValueError(f"max_mel_tokens is {options.max_mel_tokens}, but the model's position table allows {limit}")
    if options.do_sample and (generators is None or len(generators) != len(text_ids)):
        raise ValueError(f"sampling {len(text_ids)} rows needs as many generators")


def decode_beams(
    gpt: UnifiedVoice,
    conds: Tensor,
    text_ids: Sequence[Tensor],
    options: GenerationOptions,
    generators: Sequence[torch.Generator] | None = None,
    on_step: OnStep | None = None,
) -> tuple[list[Tensor], Tensor]:
    """Decode with `num_beams` beams a row, as `decode`; also return the worth (B,) of each row's hypothesis."""
    beams, stop = options.num_beams, gpt.config.stop_mel_token
    session = _BeamSession(gpt, conds, text_ids, options, generators, on_step)
    search = BeamSearch(len(text_ids), beams, options.max_mel_tokens, stop, options.length_penalty, gpt.device)
    first_row = torch.arange(len(text_ids), device=gpt.device)[:, None] * beams
    for step in range(options.max_mel_tokens):
        candidates = session.candidates(step)
        scores, codes, origin = _best_continuations(search.scores, candidates, options, session.uniforms[:, step])
        source = search.advance(scores, codes, origin)
        if step + 1 == options.max_mel_tokens or bool(search.done.all()):
            break
        session.reorder((first_row + source).flatten())
        session.advance(search.codes[:, :, step].flatten(), step)
    codes, worth = search.best()
    return cut_at_stop(codes, stop), worth


def cut_at_stop(codes: Tensor, stop: int) -> list[Tensor]:
    """(B, steps) -> B rows up to and without the first stop code."""
    lengths = (codes == stop).cumsum(1).eq(0).sum(1)
    return [row[:length] for row, length in zip(codes, lengths.tolist(), strict=True)]


def _best_continuations(
    beam_scores: Tensor, candidates: Candidates, options: GenerationOptions, uniforms: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """2n continuations per row: beam_scores (B, n), candidates (B * n, K) -> scores, codes, beams, each (B, 2n)."""
    rows, beams = beam_scores.shape
    size = candidates.scores.shape[-1]
    scores = (candidates.scores.view(rows, beams, size) + beam_scores[..., None]).flatten(1)
    if options.do_sample:
        picked = draw(scores, uniforms)
        best, order = torch.sort(scores.gather(1, picked), dim=1, descending=True)
        picked = picked.gather(1, order)
    else:
        best, picked = torch.topk(scores, 2 * beams, dim=1)
    codes = candidates.codes.reshape(rows, beams * size).gather(1, picked)
    return best, codes, picked // size


class _BeamSession:
    """State of one call from step to step: the cache, the last logits, the codes seen, the random numbers."""

    def __init__(
        self,
        gpt: UnifiedVoice,
        conds: Tensor,
        text_ids: Sequence[Tensor],
        options: GenerationOptions,
        generators: Sequence[torch.Generator] | None,
        on_step: OnStep | None,
    ) -> None:
        beams = options.num_beams
        gpt.pack()
        self.gpt, self.options, self.on_step = gpt, options, on_step
        logits, prefilled = gpt.prefill(conds, text_ids, 0)
        # One prefill serves all beams of a row.
        capacity = prefilled.used + options.max_mel_tokens
        self.cache = gpt.gpt.new_cache(len(text_ids) * beams, capacity, like=logits)
        self.cache.put(
            range(len(text_ids) * beams), prefilled, [row for row in range(len(text_ids)) for _ in range(beams)]
        )
        self.logits = logits.repeat_interleave(beams, dim=0)
        self.seen = torch.zeros(self.logits.shape, dtype=torch.bool, device=gpt.device)
        self.seen[:, [PREFIX_CODE, gpt.config.start_mel_token]] = True
        self.uniforms = self._draw_uniforms(generators)
        self._report(0, START_POSITION)

    def _draw_uniforms(self, generators: Sequence[torch.Generator] | None) -> Tensor:
        """Draw all random numbers of the call, (B, steps, draws per step), so that the loop needs no generator."""
        steps, draws = self.options.max_mel_tokens, self.options.draws_per_step
        if not self.options.do_sample or generators is None:
            return torch.zeros(1, steps, draws)
        numbers = [torch.rand(steps, draws, generator=g, device=g.device).to(self.gpt.device) for g in generators]
        return torch.stack(numbers)

    def _report(self, step: int, position: int) -> None:
        if self.on_step is not None:
            self.on_step(step, self.logits, torch.full(self.logits.shape[:1], position))

    def candidates(self, step: int) -> Candidates:
        """Processed log-probabilities (rows, K)."""
        scores = torch.log_softmax(self.logits.float(), dim=-1)
        if step < self.options.min_mel_tokens:
            scores[:, self.gpt.config.stop_mel_token] = float("-inf")
        return candidates_of(scores, self.seen, self.options)

    def reorder(self, rows: Tensor) -> None:
        """Let row i continue from the state of row `rows[i]`."""
        self.cache.reorder_rows(rows)
        self.seen = self.seen[rows]

    def advance(self, codes: Tensor, step: int) -> None:
        """Feed the codes (rows,) of this step back; `logits` then belong to the next."""
        self.seen.scatter_(1, codes[:, None], True)
        position = FIRST_CODE_POSITION + step
        self.logits = self.gpt.step(codes, torch.full_like(codes, position), self.cache)
        self._report(step + 1, position)
