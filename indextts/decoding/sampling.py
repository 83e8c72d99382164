"""Score processors and draws of the decoder, row by row in one batch. docs/indextts2.md §6.

Order: minimum length, repetition penalty, and when sampling then typical decoding, temperature, top-k, top-p. Without
beams they act on raw logits, with beams on log-probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .options import GenerationOptions

EXCLUDED = float("-inf")


class Candidates(NamedTuple):
    """Codes with which a row may continue, best first."""

    scores: Tensor
    """(B, K) float32, `-inf` for excluded codes."""
    codes: Tensor
    """(B, K) int64."""


def penalise_repetition(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Scores (B, V) of the codes in `seen` (B, V) bool: negative ones times `penalty`, others divided by it.

    A code counts once however often it occurred (Keskar et al., 2019).
    """
    if penalty == 1.0:
        return scores
    return torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)


def keep_typical(scores: Tensor, mass: float, min_keep: int) -> Tensor:
    """Scores (B, V) with `-inf` for codes that are not typical (Meister et al. 2022, arXiv:2202.00666).

    Codes whose information is nearest to the distribution's entropy stay, until their probabilities sum to `mass`; the
    likeliest code may be excluded. At least `min_keep` stay.
    """
    logs = torch.log_softmax(scores, dim=-1)
    probabilities = logs.exp()
    entropy = -(logs * probabilities).nansum(-1, keepdim=True)  # a code that is out already has 0 * -inf
    distance, order = torch.sort((-logs - entropy).abs(), dim=-1)
    cumulative = probabilities.gather(-1, order).cumsum(-1)
    last = (cumulative < mass).sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
    outside = distance > distance.gather(-1, last)
    outside[..., :min_keep] = False
    return scores.masked_fill(torch.zeros_like(outside).scatter(-1, order, outside), EXCLUDED)


def warp(scores: Tensor, temperature: float, top_k: int, top_p: float, min_keep: int) -> Candidates:
    """Temperature, then top-k (0: all), then nucleus top-p (1.0: all): scores (B, V) -> candidates (B, K).

    At least `min_keep` candidates stay. Of codes with exactly the k-th score only as many stay as fit into k.
    """
    if temperature != 1.0:
        scores = scores / temperature
    size = scores.shape[-1]
    kept, codes = torch.topk(scores, min(max(top_k, min_keep), size) if top_k else size, dim=-1)
    if top_p < 1.0:
        # Mass of a candidate and all below it; the nucleus ends where this falls to 1 - top_p.
        tail = torch.softmax(kept, dim=-1).flip(-1).cumsum(-1).flip(-1)
        outside = tail <= 1.0 - top_p
        outside[:, :min_keep] = False
        kept = kept.masked_fill(outside, EXCLUDED)
    return Candidates(kept, codes)


def draw(scores: Tensor, uniforms: Tensor) -> Tensor:
    """Draw n of K without replacement, row by row.

    scores (B, K) log-probabilities up to a constant, uniforms (B, n) in [0, 1) -> indices (B, n) int64. The j-th
    uniform picks among the candidates that earlier draws have left, by inversion of the cumulative distribution. Once
    no probability is left, the best remaining score is taken.
    """
    weights = torch.softmax(scores, dim=-1)
    drawn = []
    for uniform in uniforms.unbind(-1):
        cumulative = weights.cumsum(-1)
        index = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(-1, keepdim=True)
        # Past the end: nothing left to draw from, or rounding of the product above.
        index = torch.where(index == scores.shape[-1], scores.argmax(-1, keepdim=True), index)
        weights = weights.scatter(-1, index, 0.0)
        scores = scores.scatter(-1, index, EXCLUDED)
        drawn.append(index)
    return torch.cat(drawn, dim=-1)


def candidates_of(scores: Tensor, seen: Tensor, options: GenerationOptions) -> Candidates:
    """Processed scores (rows, K): best first when sampling, all codes in their own order otherwise."""
    scores = penalise_repetition(scores, seen, options.repetition_penalty)
    if options.do_sample:
        min_keep = 1 if options.num_beams == 1 else 2
        if options.typical_sampling:
            scores = keep_typical(scores, options.typical_mass, min_keep)
        return warp(scores, options.temperature, options.top_k, options.top_p, min_keep)
    return Candidates(scores, torch.arange(scores.shape[-1], device=scores.device).expand_as(scores))
