"""Flow matching: from noise to a mel spectrogram that continues the voice prompt. docs/indextts2.md §9."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.acceleration import Acceleration, compiled
from ..device.row_threads import check_given_up
from .attention import AttentionName, Dense, attention_for
from .dit import DiT, TimeTables
from .flow_loops import BatchSizes, CapturedLoops, copied
from .padding import length_mask
from .row_layout import RowLayout
from .solver import FlowSolver
from .transformer import DiTConfig
from .weight_norm import fuse_weight_norm

GUIDANCE_RATE = 0.7
PUBLISHED_SOLVER = FlowSolver()


@dataclass(frozen=True)
class CFMConfig:
    """Sizes of the flow (config.yaml `s2mel`)."""

    dit: DiTConfig = field(default_factory=DiTConfig)


class FlowRows(NamedTuple):
    """A batch of rows for `CFM.solve`, which says what each tensor is."""

    mu: Tensor
    lengths: Tensor
    prompt_mel: Tensor
    prompt_lengths: Tensor
    style: Tensor
    noise: Tensor

    def padded(self, sizes: BatchSizes, shortest: int) -> FlowRows:
        """The same rows padded to `sizes`. Rows that fill up the batch have `shortest` frames, all of them prompt."""
        rows, frames = sizes.rows - self.mu.shape[0], sizes.frames - self.mu.shape[1]
        if not rows and not frames:
            return self
        return FlowRows(
            F.pad(self.mu, (0, 0, 0, frames, 0, rows)),
            F.pad(self.lengths, (0, rows), value=shortest),
            F.pad(self.prompt_mel, (0, 0, 0, 0, 0, rows)),
            F.pad(self.prompt_lengths, (0, rows), value=shortest),
            F.pad(self.style, (0, 0, 0, rows)),
            F.pad(self.noise, (0, frames, 0, 0, 0, rows)),
        )


class FlowState(NamedTuple):
    """Inputs of the loop, for B rows or, with guidance, B conditional and B unconditional ones."""

    x: Tensor
    """(B, T, 80) float32, the path's beginning."""
    terms: Tensor
    """(B or 2 B, T, D), from `DiT.frame_terms`."""
    layout: RowLayout
    """Layout of B or 2 B rows."""
    moving: Tensor
    """(B, W, 1) float32: 1 where the window moves, 0 in prompt and padding."""
    tables: TimeTables
    """Tables of the times of all evaluations."""


class CFM(nn.Module):
    """Conditional flow matching with classifier-free guidance.

    Key names are those of `s2mel.pth` `["net"]["cfm"]`; call `fuse` once they are loaded.
    """

    def __init__(self, config: CFMConfig) -> None:
        super().__init__()
        self.estimator = DiT(config.dit)
        self.acceleration = Acceleration("the flow")
        """Acceleration of the velocity, compiled on a GPU."""
        self.loops = CapturedLoops()
        """The whole loop, captured on a GPU."""
        self.attention: AttentionName = "auto"
        """How rows of different length are attended to on a GPU, see `indextts.models.attention`."""
        self._compiled_velocity = compiled(self.estimator.velocity)

    def fuse(self) -> None:
        """Turn weight-normalised layers into plain ones, in place."""
        fuse_weight_norm(self)

    def solve(
        self,
        mu: Tensor,
        lengths: Tensor,
        prompt_mel: Tensor,
        prompt_lengths: Tensor,
        style: Tensor,
        noise: Tensor,
        solver: FlowSolver = PUBLISHED_SOLVER,
        cfg_rate: float = GUIDANCE_RATE,
    ) -> Tensor:
        """Mel spectrogram of prompt and speech together, from which the prompt frames are then cut.

        Args:
            mu: (B, T, C) condition, each row that of its prompt followed by that of its speech, right-padded.
            lengths: (B,) int, frames of prompt and speech together; best on the host, where they are read.
            prompt_mel: (B, 80, Tp) log-mel of each prompt, right-padded.
            prompt_lengths: (B,) int, frames of each prompt; best on the host.
            style: (B, 192) speaker embeddings.
            noise: (B, 80, T) starting point; its values in the prompt and in the padding do not matter.
            solver: how the velocity is followed, and at how many times.
            cfg_rate: guidance; 0 leaves the unconditional half of the work out.

        Returns:
            (B, 80, T) float32 log-mel, zero in the prompt and in the padding.

        Raises:
            ValueError: see `DiT.row_layout`.
        """
        batch = FlowRows(mu, lengths.cpu(), prompt_mel, prompt_lengths.cpu(), style, noise)
        rows, frames = mu.shape[:2]
        guided = cfg_rate > 0
        sizes, bucket = None, None
        if mu.device.type == "cuda" and (self.acceleration.enabled or self.loops.enabled):
            self.estimator.pack()
            window = int((batch.lengths - self.estimator.speech_starts(batch.prompt_lengths)).max())
            asked = BatchSizes(rows, frames, window)
            bucket = self.loops.bucket(asked, 2 if guided else 1)
            sizes = bucket or asked.aligned()
            batch = batch.padded(sizes, self.estimator.config.wavenet.reach + 1)
        state = self._state(batch, solver, guided, sizes)

        def follow(state: FlowState) -> Tensor:
            return self._follow(state, solver, cfg_rate)

        if bucket is None:
            x = follow(state)
        else:
            x = self.loops.run((*bucket, solver, cfg_rate, type(state.layout.attention).__name__), state, follow)
        return x[:rows, :frames].transpose(1, 2)

    def _state(self, batch: FlowRows, solver: FlowSolver, guided: bool, sizes: BatchSizes | None) -> FlowState:
        """Inputs of the loop for a batch; with `sizes`, the batch's own, for a compiled or captured loop."""
        estimator, fast = self.estimator, sizes is not None
        mu, lengths, prompts = batch.mu, batch.lengths, batch.prompt_lengths
        device, dtype, (rows, frames) = mu.device, estimator.cond_projection.weight.dtype, mu.shape[:2]
        attention = attention_for(self.attention, device, dtype, self.acceleration.enabled) if fast else Dense
        branches = 2 if guided else 1
        all_lengths, all_prompts = lengths.repeat(branches), prompts.repeat(branches)
        layout = estimator.row_layout(all_lengths, frames, fast, attention)
        layout = estimator.speech_window(layout, all_lengths, all_prompts, fast, sizes.window if sizes else None)

        speech = length_mask(lengths.to(device), frames) & ~length_mask(prompts.to(device), frames)
        moving = speech = speech[..., None].float()
        if layout.window is not None:
            # Where rows leave the window empty at the end, frames are listed twice and count once.
            window = layout.window[:rows]
            moving = speech.gather(1, window[..., None])
            moving[:, 1:] *= (window[:, 1:] > window[:, :-1])[..., None]
        prompt = torch.zeros(rows, frames, batch.prompt_mel.shape[1], dtype=dtype, device=device)
        width = min(frames, batch.prompt_mel.shape[2])
        inside = length_mask(prompts.to(device), width)[..., None]
        prompt[:, :width] = batch.prompt_mel[:, :, :width].transpose(1, 2).masked_fill(~inside, 0)

        terms = estimator.frame_terms(prompt, mu.to(dtype), batch.style.to(dtype))
        if guided:
            terms = torch.cat((terms, estimator.null_terms().expand_as(terms)))
        tables = estimator.time_tables(solver.times().to(device))
        state = FlowState(batch.noise.float().transpose(1, 2) * speech, terms, layout, moving, tables)
        return copied(state, views_only=True) if fast else state

    def _follow(self, state: FlowState, solver: FlowSolver, cfg_rate: float) -> Tensor:
        """The path's end (B, T, 80) float32, zero in prompt and padding: the prompt enters through the terms alone.

        Nothing in it is read back, so that all of it can be one captured graph.
        """
        terms, layout, moving = state.terms, state.layout, state.moving
        window = None if layout.window is None else layout.window[: moving.shape[0], :, None]

        def velocity(x: Tensor, evaluation: int) -> Tensor:
            """Of the window (B, W, 80) float32."""
            check_given_up()
            inputs = (torch.cat((x, x)) if cfg_rate > 0 else x).to(terms.dtype)
            fast, plain, tables = self._compiled_velocity, self.estimator.velocity, state.tables.at(evaluation)
            found = self.acceleration.run(fast, plain, inputs, terms, tables, layout).float()
            if cfg_rate > 0:
                conditional, null = found.chunk(2)
                found = (1.0 + cfg_rate) * conditional - cfg_rate * null
            return found * moving

        def move(x: Tensor, change: Tensor) -> Tensor:
            return x + change if window is None else x.scatter_add(1, window.expand_as(change), change)

        # The path is added up in float32 whatever the weights are.
        return solver.solve(state.x, velocity, move)
