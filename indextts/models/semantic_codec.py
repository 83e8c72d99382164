"""Semantic codec: w2v-bert embeddings to discrete codes and their embeddings. docs/indextts2.md §2 and §8.

The module has the key names of the MaskGCT semantic codec's `model.safetensors`; its decoder (`decoder.*`) is
not built, as IndexTTS2 only quantises prompts and looks codes up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .weight_norm import WeightNormConv1d


@dataclass(frozen=True)
class CodecConfig:
    """Sizes of the semantic codec (`semantic_codec` in config.yaml); `hidden_size` is the embedding width C."""

    codebook_size: int = 8192
    hidden_size: int = 1024
    codebook_dim: int = 8
    vocos_dim: int = 384
    vocos_intermediate_dim: int = 2048
    vocos_num_layers: int = 12


class ConvNeXtBlock(nn.Module):
    """Depthwise conv over 7 frames, then a per-frame two-layer perceptron, scaled by `gamma`, around a residual."""

    def __init__(self, dim: int, intermediate_dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, intermediate_dim)
        self.pwconv2 = nn.Linear(intermediate_dim, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """`x` (B, D, T), `valid` (B, 1, T) 1.0 or 0.0 -> (B, D, T)."""
        # LayerNorm's and the linear layers' biases make padding non-zero again in every block.
        y = self.dwconv(x * valid).transpose(1, 2)
        y = self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))
        return x + (self.gamma * y).transpose(1, 2)


class VocosBackbone(nn.Module):
    """(B, C, T) -> (B, T, D), frame by frame as wide as the row itself."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        dim = config.vocos_dim
        self.embed = nn.Conv1d(config.hidden_size, dim, kernel_size=7, padding=3)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.convnext = nn.ModuleList(
            ConvNeXtBlock(dim, config.vocos_intermediate_dim) for _ in range(config.vocos_num_layers)
        )
        self.final_layer_norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        x = self.norm(self.embed(x * valid).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x, valid)
        return self.final_layer_norm(x.transpose(1, 2))


class FactorizedQuantizer(nn.Module):
    """Nearest codebook row by cosine in a space of a few dimensions."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.in_project = WeightNormConv1d(config.hidden_size, config.codebook_dim, kernel_size=1)
        self.out_project = WeightNormConv1d(config.codebook_dim, config.hidden_size, kernel_size=1)
        self.codebook = nn.Embedding(config.codebook_size, config.codebook_dim)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) -> quantised embedding (B, T, C), codes (B, T) int64."""
        low = self.in_project(z.transpose(1, 2)).transpose(1, 2)
        cosine = F.normalize(low, dim=-1) @ F.normalize(self.codebook.weight, dim=-1).T
        codes = cosine.argmax(dim=-1)
        # The straight-through sum of training; kept, as it rounds differently from the row itself.
        rows = low + (self.codebook(codes) - low)
        return self.out_project(rows.transpose(1, 2)).transpose(1, 2), codes

    def embed(self, codes: Tensor) -> Tensor:
        """(B, n) int -> (B, n, C)."""
        return self.out_project(self.codebook(codes).transpose(1, 2)).transpose(1, 2)


class ResidualQuantizer(nn.Module):
    """The checkpoint's residual quantiser, which has a single stage."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList([FactorizedQuantizer(config)])

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.quantizers[0](z)

    def embed(self, codes: Tensor) -> Tensor:
        return self.quantizers[0].embed(codes)  # type: ignore[operator]


class SemanticCodec(nn.Module):
    """Quantises embeddings and looks codes up; 50 codes a second for prompts."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(VocosBackbone(config), nn.Linear(config.vocos_dim, config.hidden_size))
        self.quantizer = ResidualQuantizer(config)

    def encode(self, embedding: Tensor, lengths: Tensor) -> Tensor:
        """Encoder output before quantisation: (B, T, C) with `lengths` (B,) -> (B, T, C).

        Rows are padded on the right; a row's valid frames equal those of the row alone.
        """
        frames = torch.arange(embedding.shape[1], device=embedding.device)
        valid = (frames < lengths.to(embedding.device).unsqueeze(1)).unsqueeze(1).to(embedding.dtype)
        return self.encoder[1](self.encoder[0](embedding.transpose(1, 2), valid))

    def quantize(self, embedding: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """w2v-bert embeddings (B, T, C) with `lengths` (B,) -> quantised embedding (B, T, C), codes (B, T).

        Frames beyond a row's length are meaningless.
        """
        return self.quantizer(self.encode(embedding, lengths))

    def embed(self, codes: Tensor) -> Tensor:
        """Codes (B, n) int in [0, codebook_size) -> embeddings (B, n, C).

        The range is the caller's to check: a check here would stop a GPU at every call.
        """
        return self.quantizer.embed(codes)
