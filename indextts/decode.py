"""The decoding loop: greedy, sampling and beam search over a batch of independent rows. docs/indextts2.md §6.

Rows share nothing but the matrix multiplications: each has its own cache rows, its own set of penalised codes and
its own random generator, so its codes do not depend on its neighbours or on the batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from indextts.beam_search import BeamSearch
from indextts.gpt import FIRST_CODE_POSITION, START_POSITION, KVCache, UnifiedVoice
from indextts.sampling import Candidates, draw, penalise_repetition, warp

# The published code hands the decoder a prefix of made-up ids, all of this value, followed by start_mel. The
# repetition penalty therefore holds for code 1 and start_mel from the first step on (FACTS 2.5).
PREFIX_CODE = 1

OnStep = Callable[[int, Tensor, Tensor], None]
"""``on_step(step, logits (rows, V) raw, positions (rows,) of the inputs that gave them)``; rows are B x beams."""


@dataclass(frozen=True)
class GenerationOptions:
    """How codes are drawn; the defaults are those of the published ``infer``."""

    do_sample: bool = True
    top_p: float = 0.8
    top_k: int = 30
    temperature: float = 0.8
    length_penalty: float = 0.0
    num_beams: int = 3
    repetition_penalty: float = 10.0
    max_mel_tokens: int = 1500
    min_mel_tokens: int = 0

    def __post_init__(self) -> None:
        if self.num_beams < 1:
            raise ValueError(f"num_beams is {self.num_beams}, expected 1 or more")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}, expected 0 (off) or more")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, expected a number in (0, 1]")
        if not self.temperature > 0.0:
            raise ValueError(f"temperature is {self.temperature}, expected more than 0; do_sample=False is greedy")
        if not self.repetition_penalty > 0.0:
            raise ValueError(f"repetition_penalty is {self.repetition_penalty}, expected more than 0 (1: off)")
        if self.max_mel_tokens < 1:
            raise ValueError(f"max_mel_tokens is {self.max_mel_tokens}, expected 1 or more")
        if not 0 <= self.min_mel_tokens <= self.max_mel_tokens:
            raise ValueError(f"min_mel_tokens is {self.min_mel_tokens}, expected 0 to max_mel_tokens")

    @property
    def draws_per_step(self) -> int:
        """Random numbers a row uses in one step: beams need 2n candidates."""
        return 1 if self.num_beams == 1 else 2 * self.num_beams


def decode(
    gpt: UnifiedVoice,
    conds: Tensor,
    text_ids: Sequence[Tensor],
    options: GenerationOptions,
    generators: Sequence[torch.Generator] | None = None,
    on_step: OnStep | None = None,
) -> list[Tensor]:
    """Codes of every row, up to and without the stop code.

    Args:
        conds: (B, 34, D), see :meth:`UnifiedVoice.conds`.
        text_ids: B rows (L,) int, without start and stop tokens; such ids inside are dropped.
        generators: one per row, on any device; needed when sampling. A row draws all its numbers from its own one,
            ``max_mel_tokens * draws_per_step`` of them whatever the length of the result.
        on_step: called with the raw logits of each step.

    Returns:
        B rows (n,) int64, 0 <= n <= max_mel_tokens.

    Raises:
        ValueError: sampling without a generator per row; more codes asked for than the model has positions; a text
            longer than the model takes.
    """
    if options.num_beams > 1:
        return decode_beams(gpt, conds, text_ids, options, generators, on_step)[0]
    session = _Session(gpt, conds, text_ids, options, generators, on_step)
    rows = len(text_ids)
    codes = torch.full((rows, options.max_mel_tokens), gpt.config.stop_mel_token, device=gpt.device)
    done = torch.zeros(rows, dtype=torch.bool, device=gpt.device)
    for step in range(options.max_mel_tokens):
        scores, chosen = session.candidates(session.logits.float(), step)
        pick = draw(scores, session.uniforms[:, step]) if options.do_sample else scores.argmax(-1, keepdim=True)
        code = chosen.gather(1, pick)[:, 0].masked_fill(done, gpt.config.stop_mel_token)
        codes[:, step] = code
        done |= code == gpt.config.stop_mel_token
        if step + 1 == options.max_mel_tokens or bool(done.all()):
            break
        session.advance(code, step)
    return cut_at_stop(codes, gpt.config.stop_mel_token)


def decode_beams(
    gpt: UnifiedVoice,
    conds: Tensor,
    text_ids: Sequence[Tensor],
    options: GenerationOptions,
    generators: Sequence[torch.Generator] | None = None,
    on_step: OnStep | None = None,
) -> tuple[list[Tensor], Tensor]:
    """:func:`decode` with ``num_beams`` beams a row; also returns the worth (B,) of each row's hypothesis."""
    beams, stop = options.num_beams, gpt.config.stop_mel_token
    session = _Session(gpt, conds, text_ids, options, generators, on_step)
    search = BeamSearch(len(text_ids), beams, options.max_mel_tokens, stop, options.length_penalty, gpt.device)
    first_row = torch.arange(len(text_ids), device=gpt.device)[:, None] * beams
    for step in range(options.max_mel_tokens):
        candidates = session.candidates(torch.log_softmax(session.logits.float(), dim=-1), step)
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
    return [row[:length] for row, length in zip(codes, lengths.tolist())]


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


class _Session:
    """What one call carries from step to step: the cache, the last logits, the codes seen, the random numbers."""

    def __init__(
        self,
        gpt: UnifiedVoice,
        conds: Tensor,
        text_ids: Sequence[Tensor],
        options: GenerationOptions,
        generators: Sequence[torch.Generator] | None,
        on_step: OnStep | None,
    ) -> None:
        config, beams = gpt.config, options.num_beams
        if options.max_mel_tokens > config.max_mel_tokens + FIRST_CODE_POSITION:
            raise ValueError(
                f"max_mel_tokens is {options.max_mel_tokens}, but the model's position table allows "
                f"{config.max_mel_tokens + FIRST_CODE_POSITION}"
            )
        if options.do_sample and (generators is None or len(generators) != len(text_ids)):
            raise ValueError(f"sampling {len(text_ids)} rows needs as many generators")
        self.gpt, self.options, self.on_step = gpt, options, on_step
        logits, cache = gpt.prefill(conds, text_ids, options.max_mel_tokens)
        # One prefill serves all beams of a row.
        self.cache: KVCache = cache.repeat_rows(beams) if beams > 1 else cache
        self.logits = logits.repeat_interleave(beams, dim=0)
        self.seen = torch.zeros(self.logits.shape, dtype=torch.bool, device=gpt.device)
        self.seen[:, [PREFIX_CODE, config.start_mel_token]] = True
        self.uniforms = self._draw_uniforms(generators)
        self._report(0, START_POSITION)

    def _draw_uniforms(self, generators: Sequence[torch.Generator] | None) -> Tensor:
        """All random numbers of the call, (B, steps, draws per step): no generator is touched inside the loop."""
        steps, draws = self.options.max_mel_tokens, self.options.draws_per_step
        if not self.options.do_sample or generators is None:
            return torch.zeros(1, steps, draws)
        numbers = [torch.rand(steps, draws, generator=g, device=g.device).to(self.gpt.device) for g in generators]
        return torch.stack(numbers)

    def _report(self, step: int, position: int) -> None:
        if self.on_step is not None:
            self.on_step(step, self.logits, torch.full(self.logits.shape[:1], position))

    def candidates(self, scores: Tensor, step: int) -> Candidates:
        """Processed scores (rows, K), best first when sampling; all codes in their own order otherwise."""
        options = self.options
        if step < options.min_mel_tokens:
            scores = scores.clone()
            scores[:, self.gpt.config.stop_mel_token] = float("-inf")
        scores = penalise_repetition(scores, self.seen, options.repetition_penalty)
        if options.do_sample:
            min_keep = 1 if options.num_beams == 1 else 2
            return warp(scores, options.temperature, options.top_k, options.top_p, min_keep)
        return Candidates(scores, torch.arange(scores.shape[-1], device=scores.device).expand_as(scores))

    def reorder(self, rows: Tensor) -> None:
        """Row i continues what row ``rows[i]`` was."""
        self.cache.reorder_rows(rows)
        self.seen = self.seen[rows]

    def advance(self, codes: Tensor, step: int) -> None:
        """Feeds the codes (rows,) of this step back; ``logits`` then belong to the next."""
        self.seen.scatter_(1, codes[:, None], True)
        position = FIRST_CODE_POSITION + step
        self.logits = self.gpt.step(codes, torch.full_like(codes, position), self.cache)
        self._report(step + 1, position)
