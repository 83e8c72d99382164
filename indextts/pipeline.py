"""From text ids and conditioning to audio, stage by stage and for a batch of rows. docs/indextts2.md §5 to §10.

A row is one segment of one utterance; rows may have different voices, emotions and lengths. Each stage is one call of
one module; nothing is kept between calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from indextts.components import Components
from indextts.decode import GenerationOptions, decode
from indextts.length_regulator import target_frames
from indextts.padding import stack_rows
from indextts.voice import SpeakerCondition

STAGES = ("prompt", "text", "gpt", "latent", "flow", "vocoder")
FLOW_STEPS = 25
GUIDANCE_RATE = 0.7


@dataclass
class Row:
    """One segment to speak.

    Attributes:
        text_ids: (L,) int64.
        speaker: its voice.
        emovec: (1, D) emotion vector.
    """

    text_ids: Tensor
    speaker: SpeakerCondition
    emovec: Tensor


class StageClock:
    """Seconds spent in each stage; on a GPU a stage ends when its work has ended."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[stage] += time.perf_counter() - start


class Pipeline:
    """The stages, over the loaded modules."""

    def __init__(self, components: Components, device: torch.device) -> None:
        self.components = components
        self.device = device

    def conds(self, rows: Sequence[Row]) -> Tensor:
        """Conditioning positions of the GPT, (B, 34, D)."""
        latents = torch.cat([row.speaker.latents for row in rows])
        emovec = torch.cat([row.emovec for row in rows]).to(latents.dtype)
        return self.components.gpt.conds(latents, emovec)

    def codes(
        self,
        rows: Sequence[Row],
        conds: Tensor,
        options: GenerationOptions,
        generators: Sequence[torch.Generator] | None,
    ) -> list[Tensor]:
        """Semantic codes, B rows (n,) int64; see :func:`indextts.decode.decode`."""
        return decode(self.components.gpt, conds, [row.text_ids for row in rows], options, generators)

    def semantic(self, rows: Sequence[Row], conds: Tensor, codes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """What the flow is told about each code: its embedding plus the GPT's view of it.

        -> (B, n, C) right-padded, lengths (B,). docs/indextts2.md §7 and §8.
        """
        latents = self.components.gpt.latent(conds, [row.text_ids for row in rows], codes)
        latent, lengths = stack_rows(latents)
        padded_codes, _ = stack_rows(codes)
        embedded = self.components.semantic_codec.embed(padded_codes)
        return embedded + self.components.gpt_layer(latent.to(embedded.dtype)), lengths

    def flow_shapes(self, rows: Sequence[Row], codes: Sequence[Tensor]) -> list[tuple[int, int, int]]:
        """(1, 80, T) of each row's noise: prompt and speech frames together."""
        return [
            (1, row.speaker.ref_mel.shape[1], row.speaker.ref_mel.shape[2] + target_frames(len(row_codes)))
            for row, row_codes in zip(rows, codes)
        ]

    def mels(self, rows: Sequence[Row], semantic: Tensor, lengths: Tensor, noises: Sequence[Tensor]) -> list[Tensor]:
        """Log-mels of the speech alone, B rows (80, T).

        ``semantic`` and ``lengths`` from :meth:`semantic`, ``noises`` of the shapes of :meth:`flow_shapes`.
        """
        targets = [target_frames(length) for length in lengths.tolist()]
        speech, _ = self.components.length_regulator(semantic, lengths, torch.tensor(targets, device=self.device))
        # Each row's prompt is directly followed by its speech; padding comes after both.
        frames = [torch.cat((row.speaker.prompt_condition[0], s[:t])) for row, s, t in zip(rows, speech, targets)]
        mu, totals = stack_rows(frames)
        prompts, prompt_frames = stack_rows([row.speaker.ref_mel[0].T for row in rows])
        noise, _ = stack_rows([noise[0].T.to(self.device) for noise in noises])
        mel = self.components.cfm.solve(
            mu,
            totals,
            prompts.transpose(1, 2),
            prompt_frames,
            torch.cat([row.speaker.style for row in rows]),
            noise.transpose(1, 2),
            steps=FLOW_STEPS,
            cfg_rate=GUIDANCE_RATE,
        )
        ends = zip(mel, prompt_frames.tolist(), totals.tolist())
        return [row_mel[:, start:stop] for row_mel, start, stop in ends]

    def audio(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """Waveforms in [-1, 1], B rows (N,) float32 on the CPU, N = 256 samples a frame."""
        batch, lengths = stack_rows([mel.T for mel in mels])
        wav = self.components.bigvgan(batch.transpose(1, 2), lengths)
        hop = wav.shape[1] // batch.shape[1]
        return [row[: length * hop].float().cpu() for row, length in zip(wav, lengths.tolist())]
