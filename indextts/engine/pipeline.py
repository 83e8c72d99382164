"""From text ids and conditioning to audio, stage by stage and for a batch of rows. docs/indextts2.md §5 to §10.

A row is one segment of one utterance; rows may have different voices, emotions and lengths. Each stage is one call of
one module; nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..checkpoint.components import Components
from ..device.row_threads import each_row
from ..models.flow import GUIDANCE_RATE, PUBLISHED_SOLVER
from ..models.length_regulator import target_frames
from ..models.padding import stack_rows
from ..models.solver import FlowSolver
from ..voice.encoder import SpeakerCondition
from .stage_memory import bytes_per_frame


class Row(Protocol):
    """Input of the stages for a segment: ids (L,) int64, its voice, its emotion vector (1, D)."""

    text_ids: Tensor
    speaker: SpeakerCondition
    emovec: Tensor


class Pipeline:
    """The stages, over the loaded modules."""

    def __init__(self, components: Components, device: torch.device) -> None:
        self.components = components
        self.device = device

    def bytes_per_frame(self) -> int:
        """Bytes that a frame of the flow budget takes, see `indextts.engine.stage_memory.bytes_per_frame`."""
        flow, vocoder = self.components.cfm.estimator, self.components.bigvgan
        weights = flow.cond_projection.weight, vocoder.conv_pre.weight
        return bytes_per_frame(flow.config, weights[0].dtype, vocoder.config, weights[1].dtype)

    def _side_by_side(self, rows: Sequence[object]) -> bool:
        """Whether each row runs on its own threads instead of in a batch."""
        return self.device.type == "cpu" and len(rows) > 1 and torch.get_num_threads() > 1

    def conds(self, rows: Sequence[Row]) -> Tensor:
        """Conditioning positions of the GPT, (B, 34, D)."""
        latents = torch.cat([row.speaker.latents for row in rows])
        emovec = torch.cat([row.emovec for row in rows]).to(latents.dtype)
        return self.components.gpt.conds(latents, emovec)

    def semantic(self, rows: Sequence[Row], codes: Sequence[Tensor]) -> list[Tensor]:
        """Input of the flow for each code: its embedding plus the GPT's view of it, B rows (n, C).

        docs/indextts2.md §7 and §8.
        """
        if self._side_by_side(rows):
            alone = each_row(lambda i: self.semantic(rows[i : i + 1], codes[i : i + 1]), len(rows))
            return [semantic for (semantic,) in alone]
        latents = self.components.gpt.latent(self.conds(rows), [row.text_ids for row in rows], codes)
        embedded = self.components.semantic_codec.embed(torch.cat(list(codes))[None])[0]
        merged = embedded + self.components.gpt_layer(torch.cat(latents).to(embedded.dtype))
        return list(merged.split([len(row_codes) for row_codes in codes]))

    @staticmethod
    def flow_shape(row: Row, codes: int) -> tuple[int, int, int]:
        """(1, 80, T) of a row's noise: prompt and speech frames together."""
        _, mels, prompt_frames = row.speaker.ref_mel.shape
        return 1, mels, prompt_frames + target_frames(codes)

    def mels(
        self,
        rows: Sequence[Row],
        semantic: Sequence[Tensor],
        noises: Sequence[Tensor],
        solver: FlowSolver = PUBLISHED_SOLVER,
        cfg_rate: float = GUIDANCE_RATE,
    ) -> list[Tensor]:
        """Log-mels of the speech alone, B rows (80, T).

        `semantic` from `semantic`, `noises` of the shapes of `flow_shape`.
        """
        if self._side_by_side(rows):

            def mel_of(i: int) -> list[Tensor]:
                return self.mels(rows[i : i + 1], semantic[i : i + 1], noises[i : i + 1], solver, cfg_rate)

            return [mel for (mel,) in each_row(mel_of, len(rows))]
        targets = [target_frames(len(row)) for row in semantic]
        codes, lengths = stack_rows(semantic)
        speech, _ = self.components.length_regulator(codes, lengths, torch.tensor(targets, device=self.device))
        # Each row's prompt is directly followed by its speech; padding comes after both.
        frames = [
            torch.cat((row.speaker.prompt_condition[0], s[:t])) for row, s, t in zip(rows, speech, targets, strict=True)
        ]
        mu, _ = stack_rows(frames)
        prompts, _ = stack_rows([row.speaker.ref_mel[0].T for row in rows])
        starts = [row.speaker.ref_mel.shape[2] for row in rows]
        noise, _ = stack_rows([noise[0].T.to(self.device) for noise in noises])
        mel = self.components.cfm.solve(
            mu,
            torch.tensor([len(row) for row in frames]),
            prompts.transpose(1, 2),
            torch.tensor(starts),
            torch.cat([row.speaker.style for row in rows]),
            noise.transpose(1, 2),
            solver=solver,
            cfg_rate=cfg_rate,
        )
        return [row_mel[:, start : start + target] for row_mel, start, target in zip(mel, starts, targets, strict=True)]

    def audio(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """Waveforms in [-1, 1], B rows (N,) float32 on the CPU, N = 256 samples a frame."""
        return self.audio_later(mels)()

    def audio_later(self, mels: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
        """Begin `audio`, on a GPU without waiting for it.

        Returns:
            A function that gives the waveforms; call it once the current stream has come to here.
        """
        if self._side_by_side(mels):
            rows = [samples for (samples,) in each_row(lambda i: self.audio(mels[i : i + 1]), len(mels))]
            return lambda: rows
        batch, lengths = stack_rows([mel.T for mel in mels])
        vocoder = self.components.bigvgan
        wav = vocoder(batch.transpose(1, 2).to(vocoder.conv_pre.weight.dtype), lengths).float()
        samples = [mel.shape[1] * (wav.shape[1] // batch.shape[1]) for mel in mels]
        on_host = torch.empty(wav.shape, pin_memory=True) if wav.device.type == "cuda" else wav
        if on_host is not wav:
            on_host.copy_(wav, non_blocking=True)
        # Copies: a row must not keep its batch in memory.
        return lambda: [row[:count].clone() for row, count in zip(on_host.cpu(), samples, strict=True)]
