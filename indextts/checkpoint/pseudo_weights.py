"""Reproducible pseudo-random weights and test inputs, from names alone.

The goldens in `tests/golden` were measured on models whose weights follow this rule: the CRC32 of an entry's
name seeds a PCG64 stream of standard normals, and the name's ending decides how they are scaled. Anybody can
therefore rebuild the very same model without shipping a single weight. See docs/indextts2.md §11.

The scaling keeps a random network alive: matrices keep the variance of what passes through them, query/key
matrices are doubled so that attention peaks, the vocoder's gains are lowered so that it does not clip.

numpy only, apart from `fill_module`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

FloatArray = NDArray[np.float32]

COMPUTED_SUFFIXES = ("num_batches_tracked", "input_pos", ".freqs", ".pe", ".filter", ".inv_freq")
"""Entries a constructor computes (counters, position and frequency tables, filter taps): the rule leaves them alone."""
EMBEDDING_SUFFIXES = (
    "embedding.weight",
    "embeddings.weight",
    ".emb.weight",
    "speed_emb.weight",
    "codebook.weight",
    "cond_embedder.weight",
    "mask_embedder.weight",
)
IN_OUT_SUFFIXES = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
"""GPT-2's projections store (in, out); every other matrix stores (out, in, ...)."""
QUERY_KEY_SUFFIXES = (
    "linear_q.weight",
    "linear_k.weight",
    "to_q.weight",
    "to_kv.weight",
    "c_attn.weight",
    "wqkv.weight",
)


def stream(name: str) -> np.random.Generator:
    """The random stream that belongs to `name`."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode("utf-8"))))


def _matrix_gain(key: str) -> float:
    if key.endswith(QUERY_KEY_SUFFIXES):
        return 2.0
    if key.startswith("xvector."):
        return 1.7
    if key.startswith("head."):
        return 1.2
    return 1.0


def _gain_vector_scale(key: str) -> float:
    if key.startswith("conv_post."):
        return 0.1
    if key.startswith("resblocks."):
        return 0.4
    return 1.0


def fill(key: str, shape: Sequence[int]) -> FloatArray | None:
    """Values of one checkpoint entry, float32 of `shape`; `None` if the entry keeps its computed value.

    `key` is the name within its own dictionary, e.g. `text_embedding.weight` in `gpt.pth` or
    `estimator.conv2.weight` in `s2mel.pth["net"]["cfm"]`.
    """
    shape = tuple(int(size) for size in shape)
    if key.endswith(COMPUTED_SUFFIXES):
        return None
    normal = stream(key).standard_normal(shape, dtype=np.float32)
    f32 = np.float32
    if key.endswith("running_var"):
        return f32(1.0) + f32(0.1) * np.abs(normal)
    if key.endswith("running_mean"):
        return f32(0.05) * normal
    if key.endswith("weight_g"):
        return f32(_gain_vector_scale(key)) * (f32(1.0) + f32(0.05) * normal)
    if key.endswith(EMBEDDING_SUFFIXES) or key == "latents" or key.endswith(".latents"):
        return f32(0.5) * normal
    if len(shape) >= 2:
        fan_in = shape[0] if key.endswith(IN_OUT_SUFFIXES) else math.prod(shape[1:])
        return normal * f32(_matrix_gain(key) / math.sqrt(fan_in))
    if key.endswith((".alpha", ".beta")):
        return f32(0.1) * normal
    if key.endswith((".gamma", "weight")):
        return f32(1.0) + f32(0.05) * normal
    return f32(0.02) * normal


def fill_module(module: nn.Module) -> None:
    """Overwrite every entry of `module.state_dict()` that the rule covers, in place.

    Integer buffers and computed entries stay as they are. The module's own key names are the keys of the rule, so
    it must be the root of its checkpoint dictionary.
    """
    import torch

    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            values = fill(key, tensor.shape) if tensor.is_floating_point() else None
            if values is not None:
                tensor.copy_(torch.from_numpy(values))


def w2v_stats(dim: int) -> tuple[FloatArray, FloatArray]:
    """`mean` and `var` of `wav2vec2bert_stats.pt`, (dim,) each."""
    mean = np.float32(0.2) * noise("w2v_stats.mean", (dim,))
    var = np.float32(4.0) + np.float32(0.5) * np.abs(noise("w2v_stats.var", (dim,)))
    return mean, var


def emotion_matrices(rows: int, model_dim: int, style_dim: int = 192) -> tuple[FloatArray, FloatArray]:
    """`feat2.pt` (rows, model_dim) and `feat1.pt` (rows, style_dim), in this order."""
    return np.float32(0.5) * noise("feat2", (rows, model_dim)), noise("feat1", (rows, style_dim))


def noise(tag: str, shape: Sequence[int]) -> FloatArray:
    """Standard normal float32 test input that belongs to `tag`."""
    return stream("noise:" + tag).standard_normal(tuple(shape), dtype=np.float32)


def ints(tag: str, shape: Sequence[int], low: int, high: int) -> NDArray[np.int64]:
    """Uniform integers `low <= v < high` that belong to `tag`, int64."""
    return stream("ints:" + tag).integers(low, high, size=tuple(shape), dtype=np.int64)


def wave(sampling_rate: int, seconds: float, seed: int) -> FloatArray:
    """Voice-like test tone, mono float32 in (-1, 1), `round(sampling_rate * seconds)` samples.

    Twelve harmonics of a gliding pitch under a formant envelope, with a syllable-rate amplitude and a little noise.
    """
    count = round(sampling_rate * seconds)
    time = np.arange(count, dtype=np.float64) / float(sampling_rate)
    pitch = (110.0 + 35.0 * (seed % 5)) * (1.0 + 0.12 * np.sin(2 * np.pi * (0.7 + 0.1 * (seed % 3)) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / float(sampling_rate)
    tone = np.zeros(count, dtype=np.float64)
    for harmonic in range(1, 13):
        formant = math.exp(-(((harmonic * 150.0 - 500.0 - 60.0 * (seed % 4)) / 900.0) ** 2))
        tone += (0.2 + formant) / harmonic * np.sin(harmonic * phase + 0.3 * harmonic * (seed % 7))
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * time + seed) * np.sin(2 * np.pi * 0.9 * time + 0.5 * seed)
    breath = np.random.Generator(np.random.PCG64(1000 + seed)).standard_normal(count)
    return np.clip(0.16 * envelope * tone + 0.01 * breath, -0.999, 0.999).astype(np.float32)
