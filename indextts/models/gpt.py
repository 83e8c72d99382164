"""UnifiedVoice: the GPT that turns voice, emotion and text into semantic codes. docs/indextts2.md §5-§7.

The module has the key names of `gpt.pth`. It offers the pieces; the decoding loop is in `decode.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.packed_linear import PackedWeight, available
from .conformer import ConformerConfig, ConformerEncoder, PerceiverConfig, PerceiverResampler
from .gpt2 import GPT2, KVCache
from .padding import stack_rows

# mel_pos_embedding row of start_mel, and of the first generated code when decoding; row 1 is never used there
# (docs/indextts2.md §6). The latent pass numbers the same codes from 1 (§7).
START_POSITION = 0
FIRST_CODE_POSITION = 2


@dataclass(frozen=True)
class GPTConfig:
    """Sizes and special tokens of UnifiedVoice (config.yaml `gpt`); the defaults are the published model's."""

    model_dim: int = 1280
    layers: int = 24
    heads: int = 20
    max_text_tokens: int = 600
    max_mel_tokens: int = 1815
    number_text_tokens: int = 12000
    number_mel_codes: int = 8194
    start_text_token: int = 0
    stop_text_token: int = 1
    start_mel_token: int = 8192
    stop_mel_token: int = 8193
    semantic_dim: int = 1024
    condition_num_latents: int = 32
    condition: ConformerConfig = field(default_factory=ConformerConfig)
    condition_perceiver_mult: int = 2
    emo_condition: ConformerConfig = field(
        default_factory=lambda: ConformerConfig(linear_units=1024, attention_heads=4, num_blocks=4)
    )
    emo_condition_perceiver_mult: int = 2

    def __post_init__(self) -> None:
        if self.heads < 1 or self.model_dim % self.heads:
            raise ValueError(f"gpt.model_dim {self.model_dim} is not a multiple of gpt.heads {self.heads}")

    def speaker_perceiver(self) -> PerceiverConfig:
        """Perceiver that makes the speaker latents, `model_dim` wide."""
        return PerceiverConfig(
            dim=self.model_dim,
            dim_context=self.condition.output_size,
            num_latents=self.condition_num_latents,
            heads=self.condition.attention_heads,
            ff_mult=self.condition_perceiver_mult,
        )

    def emotion_perceiver(self) -> PerceiverConfig:
        """Perceiver that makes the one emotion latent, as wide as the semantic features."""
        return PerceiverConfig(
            dim=self.semantic_dim,
            dim_context=self.emo_condition.output_size,
            num_latents=1,
            heads=self.emo_condition.attention_heads,
            ff_mult=self.emo_condition_perceiver_mult,
        )


class PositionEmbedding(nn.Module):
    """A learned position table `emb`."""

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(length, dim)

    def forward(self, positions: Tensor) -> Tensor:
        return self.emb(positions)


class UnifiedVoice(nn.Module):
    """Speaker and emotion conditioning, text and code embeddings, GPT-2 and the code head."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.model_dim
        self.conditioning_encoder = ConformerEncoder(config.condition)
        self.perceiver_encoder = PerceiverResampler(config.speaker_perceiver())
        self.speed_emb = nn.Embedding(2, dim)
        self.emo_conditioning_encoder = ConformerEncoder(config.emo_condition)
        self.emo_perceiver_encoder = PerceiverResampler(config.emotion_perceiver())
        self.emovec_layer = nn.Linear(config.semantic_dim, dim)
        self.emo_layer = nn.Linear(dim, dim)
        self.text_embedding = nn.Embedding(config.number_text_tokens + 1, dim)
        self.mel_embedding = nn.Embedding(config.number_mel_codes, dim)
        self.gpt = GPT2(dim, config.layers, config.heads)
        self.text_pos_embedding = PositionEmbedding(config.max_text_tokens + 2, dim)
        self.mel_pos_embedding = PositionEmbedding(config.max_mel_tokens + 3, dim)
        self.final_norm = nn.LayerNorm(dim)
        self.mel_head = nn.Linear(dim, config.number_mel_codes)
        self._packed_head: PackedWeight | None = None

    @property
    def device(self) -> torch.device:
        return self.mel_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.mel_head.weight.dtype

    # Conditioning, docs/indextts2.md §5

    def get_conditioning(self, spk_cond_emb: Tensor, lengths: Tensor) -> Tensor:
        """Speaker latents: spk_cond_emb (B, T, 1024), lengths (B,) valid frames -> (B, 32, D)."""
        context, mask = self.conditioning_encoder(spk_cond_emb.to(self.dtype), lengths)
        return self.perceiver_encoder(context, mask)

    def get_emotion_latent(self, emo_cond_emb: Tensor, lengths: Tensor) -> Tensor:
        """The emotion perceiver's one latent: emo_cond_emb (B, T, 1024), lengths (B,) -> (B, 1024)."""
        context, mask = self.emo_conditioning_encoder(emo_cond_emb.to(self.dtype), lengths)
        return self.emo_perceiver_encoder(context, mask).squeeze(1)

    def get_emovec(self, emo_cond_emb: Tensor, lengths: Tensor) -> Tensor:
        """Emotion vector: emo_cond_emb (B, T, 1024), lengths (B,) valid frames -> (B, D)."""
        return self.emo_layer(self.emovec_layer(self.get_emotion_latent(emo_cond_emb, lengths)))

    @staticmethod
    def merge_emovec(base: Tensor, emo: Tensor, alpha: float | Tensor) -> Tensor:
        """Move the speaker's own emotion `base` (B, D) towards `emo` (B, D) by `alpha`; 1 is all the way."""
        return base + alpha * (emo - base)

    def conds(self, speech_latents: Tensor, emovec: Tensor) -> Tensor:
        """speech_latents (B, 32, D), emovec (B, D) -> the sequence's first 34 positions (B, 34, D).

        Latents with the emotion vector added to each, then `speed_emb` row 1, then row 0.
        """
        speed = self.speed_emb.weight.flip(0).expand(speech_latents.shape[0], -1, -1)
        return torch.cat((speech_latents + emovec[:, None], speed), dim=1)

    # Sequences, docs/indextts2.md §6 and §7

    def _text_rows(self, text_ids: Sequence[Tensor]) -> list[Tensor]:
        """Embeddings of `[start, text, stop]` with positions from 0: rows (L,) -> rows (L + 2, D)."""
        config, rows = self.config, []
        for ids in text_ids:
            if ids.shape[0] > config.max_text_tokens:
                raise ValueError(f"text of {ids.shape[0]} tokens: a segment may have {config.max_text_tokens}")
            ids = F.pad(ids.to(self.device), (1, 0), value=config.start_text_token)
            rows.append(F.pad(ids, (0, 1), value=config.stop_text_token))
        sizes = [row.shape[0] for row in rows]
        positions = torch.cat([torch.arange(size, device=self.device) for size in sizes])
        embedded = self.text_embedding(torch.cat(rows)) + self.text_pos_embedding(positions)
        return list(embedded.split(sizes))

    def _mel_rows(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """Embeddings of `[start_mel, codes]` with positions from 0: rows (n,) -> rows (n + 1, D)."""
        rows = [F.pad(row.to(self.device), (1, 0), value=self.config.start_mel_token) for row in codes]
        sizes = [row.shape[0] for row in rows]
        if max(sizes) > self.config.max_mel_tokens + 3:
            raise ValueError(f"{max(sizes) - 1} codes: the position table ends at {self.config.max_mel_tokens + 2}")
        positions = torch.cat([torch.arange(size, device=self.device) for size in sizes])
        embedded = self.mel_embedding(torch.cat(rows)) + self.mel_pos_embedding(positions)
        return list(embedded.split(sizes))

    def _sequences(self, conds: Tensor, text_ids: Sequence[Tensor], codes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Input `[conds, start, text, stop, start_mel, codes]` of every row: (B, T, D) and the lengths (B,)."""
        parts = zip(conds.to(self.dtype), self._text_rows(text_ids), self._mel_rows(codes), strict=True)
        return stack_rows([torch.cat(row) for row in parts])

    def _spoken_ids(self, text_ids: Tensor) -> Tensor:
        """(L,) -> without start and stop tokens."""
        special = torch.tensor([self.config.start_text_token, self.config.stop_text_token], device=text_ids.device)
        return text_ids[~torch.isin(text_ids, special)]

    def prefix_length(self, conds: Tensor, text_ids: Tensor) -> int:
        """Positions of `[conds, start, text, stop, start_mel]`: conds (34, D), text_ids (L,)."""
        return conds.shape[0] + self._spoken_ids(text_ids).shape[0] + 3

    def prefill(self, conds: Tensor, text_ids: Sequence[Tensor], new_tokens: int) -> tuple[Tensor, KVCache]:
        """Run `[conds, start, text, stop, start_mel]` of every row as one right-padded batch.

        conds (B, 34, D), text_ids B rows (L,) int, room for `new_tokens` more positions
        -> logits (B, codes) of the first code, and the filled cache.

        Start and stop tokens inside a text are dropped here, and only here (docs/indextts2.md §6).
        """
        text_ids = [self._spoken_ids(ids) for ids in text_ids]
        no_codes = [torch.zeros(0, dtype=torch.long)] * len(text_ids)
        x, lengths = self._sequences(conds, text_ids, no_codes)
        cache = self.gpt.new_cache(x.shape[0], x.shape[1] + new_tokens, like=x)
        cache.lengths.copy_(lengths)
        cache.known_lengths = lengths.tolist()
        if x.device.type == "cpu":
            # A single row keeps a CPU busy, and on its own it is rounded the same whatever it is batched with.
            last = torch.cat([self._prefill_row(x, cache, row) for row in range(x.shape[0])])
        else:
            last = self.gpt(x, cache)[torch.arange(x.shape[0], device=x.device), lengths - 1]
        return self._logits(last), cache

    def _prefill_row(self, x: Tensor, cache: KVCache, row: int) -> Tensor:
        """Fill one row of the cache from x (B, T, D) -> its last state (1, D)."""
        return self.gpt(x[row : row + 1, : cache.known_lengths[row]], cache.one_row(row))[:, -1]

    def pack(self) -> None:
        """Lay out the weights of decoding for the CPU, see `indextts.device.packed_linear`; elsewhere do nothing."""
        self.gpt.pack()
        head = self.mel_head.weight
        if available(head) and (self._packed_head is None or not self._packed_head.is_of(head)):
            self._packed_head = PackedWeight(head)

    def _logits(self, states: Tensor) -> Tensor:
        """States (B, D) -> logits (B, codes)."""
        states, head = self.final_norm(states), self._packed_head
        if head is not None and head.is_of(self.mel_head.weight):
            return head.rows(states, self.mel_head.bias)
        return self.mel_head(states)

    def step(
        self, codes: Tensor, positions: Tensor, cache: KVCache, growth: Tensor | int = 1, span: int | None = None
    ) -> Tensor:
        """Feed one code per row back: codes (B,) int64, positions (B,) int64 -> logits (B, codes) of the next.

        The k-th generated code (k = 0, 1, ...) has position `FIRST_CODE_POSITION + k`. `growth` and `span`:
        see `GPT2.step`.
        """
        x = self.mel_embedding(codes) + self.mel_pos_embedding(positions)
        return self._logits(self.gpt.step(x[:, None], cache, growth, span)[:, 0])

    def latent(self, conds: Tensor, text_ids: Sequence[Tensor], codes: Sequence[Tensor]) -> list[Tensor]:
        """Second pass over whole sequences: the state that predicts each code. docs/indextts2.md §7.

        conds (B, 34, D), text_ids B rows (L,), codes B rows (n,) -> B rows (n, D).

        Codes have positions 1, 2, ... here, one less than while decoding, so the states cannot be kept from there.
        Nothing after the last code but one is needed: attention is causal.
        """
        x, lengths = self._sequences(conds, text_ids, [row[:-1] for row in codes])
        states = self.gpt(x)
        counts = [row.shape[0] for row in codes]
        ends = lengths.tolist()
        wanted = [states[row, end - n : end] for row, (end, n) in enumerate(zip(ends, counts, strict=True))]
        return list(self.final_norm(torch.cat(wanted)).split(counts))
