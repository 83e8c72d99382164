"""Flow matching: from noise to a mel spectrogram that continues the voice prompt. docs/indextts2.md §9."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indextts.acceleration import Acceleration, compiled
from indextts.dit import DiT, DiTConfig
from indextts.padding import length_mask
from indextts.solver import FlowSolver
from indextts.weight_norm import fuse_weight_norm

GUIDANCE_RATE = 0.7
PUBLISHED_SOLVER = FlowSolver()
# Where the flow is compiled, batches are padded to a multiple of so many frames.
FRAMES_UNIT = 16


@dataclass(frozen=True)
class CFMConfig:
    """Sizes of the flow (config.yaml ``s2mel``)."""

    dit: DiTConfig = field(default_factory=DiTConfig)


class CFM(nn.Module):
    """Conditional flow matching with classifier-free guidance.

    Key names are those of ``s2mel.pth`` ``["net"]["cfm"]``; call :meth:`fuse` once they are loaded.
    """

    def __init__(self, config: CFMConfig) -> None:
        super().__init__()
        self.estimator = DiT(config.dit)
        self.acceleration = Acceleration("the flow")
        self._compiled_velocity = compiled(self.estimator.velocity)

    def fuse(self) -> None:
        """Turns weight-normalised layers into plain ones, in place."""
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
            lengths: (B,) int, frames of prompt and speech together.
            prompt_mel: (B, 80, Tp) log-mel of each prompt, right-padded.
            prompt_lengths: (B,) int, frames of each prompt.
            style: (B, 192) speaker embeddings.
            noise: (B, 80, T) starting point; what it holds in the prompt and in the padding does not matter.
            solver: how the velocity is followed, and at how many times.
            cfg_rate: guidance; 0 leaves the unconditional half of the work out.

        Returns:
            (B, 80, T) float32 log-mel, zero in the prompt and in the padding.

        Raises:
            ValueError: see :meth:`DiT.row_layout`.
        """
        masked = self.acceleration.enabled and mu.is_cuda
        asked = mu.shape[1]
        if masked:
            # Compiled kernels and attention with a mask want aligned rows.
            spare = -asked % FRAMES_UNIT
            mu, noise = F.pad(mu, (0, 0, 0, spare)), F.pad(noise, (0, spare))
        estimator, frames = self.estimator, mu.shape[1]
        device, dtype = mu.device, estimator.cond_projection.weight.dtype
        layout = estimator.row_layout(lengths, frames, masked)
        layout = estimator.speech_window(layout, lengths, prompt_lengths, masked)
        speech = length_mask(lengths.to(device), frames) & ~length_mask(prompt_lengths.to(device), frames)
        speech = speech[..., None].float()
        # The same of the window; where rows leave it empty at the end, frames are listed twice and count once.
        moving, window = layout.take(speech), layout.window
        if window is not None:
            moving[:, 1:] *= (window[:, 1:] > window[:, :-1])[..., None]
        prompt = torch.zeros(mu.shape[0], frames, prompt_mel.shape[1], dtype=dtype, device=device)
        width = min(frames, prompt_mel.shape[2])
        inside = length_mask(prompt_lengths.to(device), width)[..., None]
        prompt[:, :width] = prompt_mel[:, :, :width].transpose(1, 2).masked_fill(~inside, 0)

        tables = estimator.time_tables(solver.times().to(device))
        terms = estimator.frame_terms(prompt, mu.to(dtype), style.to(dtype))
        guided = cfg_rate > 0
        if guided:
            # One batch of conditional and unconditional rows.
            terms = torch.cat((terms, estimator.null_terms().expand_as(terms)))
            layout = layout.repeat(2)

        def velocity(x: Tensor, evaluation: int) -> Tensor:
            """Of the window (B, W, 80) float32; zero in prompt and padding: the prompt enters through the terms alone."""
            inputs = (torch.cat((x, x)) if guided else x).to(dtype)
            fast, plain = self._compiled_velocity, estimator.velocity
            found = self.acceleration.run(fast, plain, inputs, terms, tables.at(evaluation), layout).float()
            if guided:
                conditional, null = found.chunk(2)
                found = (1.0 + cfg_rate) * conditional - cfg_rate * null
            return found * moving

        def move(x: Tensor, change: Tensor) -> Tensor:
            return x + change if window is None else x.scatter_add(1, window[..., None].expand_as(change), change)

        # The path is added up in float32 whatever the weights are.
        x = solver.solve(noise.float().transpose(1, 2) * speech, velocity, move)
        return x[:, :asked].transpose(1, 2)
