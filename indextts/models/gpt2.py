"""The GPT-2 transformer with a key/value cache. docs/indextts2.md §6.

Key names are those of `gpt.pth` below `gpt.`. Positions are part of the inputs: GPT-2's own table is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..device.packed_linear import PackedWeight, available


class KVCache:
    """Keys and values of every layer; each row is contiguous from slot 0 whatever its neighbours."""

    def __init__(self, keys: list[Tensor], values: list[Tensor], lengths: Tensor, known_lengths: list[int]) -> None:
        self.keys, self.values = keys, values
        """By layer, each (B, heads, capacity, d_head)."""
        self.lengths = lengths
        """(B,) int64 on the device: slots in use in each row."""
        self.known_lengths = known_lengths
        """The same on the host, or upper bounds of them: attention reads no further."""

    @classmethod
    def allocate(cls, layers: int, rows: int, heads: int, capacity: int, dim_head: int, like: Tensor) -> KVCache:
        """An empty cache of the dtype and device of `like`. Untouched zeros cost no memory on a CPU."""
        shape = (rows, heads, capacity, dim_head)
        keys, values = ([like.new_zeros(shape) for _ in range(layers)] for _ in range(2))
        return cls(keys, values, torch.zeros(rows, dtype=torch.long, device=like.device), [0] * rows)

    @property
    def rows(self) -> int:
        return self.keys[0].shape[0]

    @property
    def capacity(self) -> int:
        return self.keys[0].shape[2]

    @property
    def used(self) -> int:
        """Number of slots that the longest row uses."""
        return max(self.known_lengths)

    def first_rows(self, rows: int) -> KVCache:
        """A view of the first rows, with separate lengths on the host."""
        return self._view(slice(rows))

    def one_row(self, row: int) -> KVCache:
        """A view of one row, with a separate length on the host."""
        return self._view(slice(row, row + 1))

    def _view(self, rows: slice) -> KVCache:
        keys, values = ([layer[rows] for layer in layers] for layers in (self.keys, self.values))
        return KVCache(keys, values, self.lengths[rows], self.known_lengths[rows])

    def put(self, rows: Sequence[int], source: KVCache, source_rows: Sequence[int]) -> None:
        """Copy `source_rows` of another cache to `rows` of this one."""
        lengths = [source.known_lengths[row] for row in source_rows]
        used = max(lengths)
        to = torch.tensor(rows, device=self.lengths.device)
        taken = torch.tensor(source_rows, device=self.lengths.device)
        for mine, theirs in zip(self.keys + self.values, source.keys + source.values, strict=True):
            mine[to, :, :used] = theirs[taken, :, :used]
        self.lengths[to] = source.lengths[taken]
        for row, length in zip(rows, lengths, strict=True):
            self.known_lengths[row] = length

    def resize(self, rows: int, capacity: int) -> None:
        """Change the number of rows and of slots a row; rows that stay keep their content.

        No row in use may be cut. Layers are replaced one by one, so that old and new exist together for one layer only.
        """
        kept, used = min(rows, self.rows), min(capacity, self.used)
        for layers in (self.keys, self.values):
            for layer in range(len(layers)):
                new = layers[layer].new_zeros((rows, layers[layer].shape[1], capacity, layers[layer].shape[3]))
                new[:kept, :, :used] = layers[layer][:kept, :, :used]
                layers[layer] = new
        lengths = self.lengths.new_zeros(rows)
        lengths[:kept] = self.lengths[:kept]
        self.lengths = lengths
        self.known_lengths = [*self.known_lengths[:kept], *[0] * (rows - kept)]

    def reorder_rows(self, index: Tensor) -> None:
        """Replace row i by row `index[i]`; index (B,) int64. Every row must be of its source's length."""
        used = self.used
        for layer in self.keys + self.values:
            layer[:, :, :used] = layer[index, :, :used]


class Step(NamedTuple):
    """Place of one more position of every row, and the slots that it may attend to."""

    slots: Tensor
    """(B,) int64, the cache slot of each row's new position."""
    mask: Tensor | None
    """(B, S) bool over the first S slots, True up to and including the new one; None on a CPU."""
    known_lengths: list[int]
    """Slots in use by each row, the new one included."""


class Conv1D(nn.Module):
    """GPT-2's linear layer, whose weight is stored (in, out)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))

        self._packed: PackedWeight | None = None

    def pack(self) -> None:
        """Lay the weight out for the CPU, unless that is done or this is no CPU."""
        if available(self.weight) and (self._packed is None or not self._packed.is_of(self.weight)):
            self._packed = PackedWeight(self.weight, transposed=True)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, in) -> (B, T, out)."""
        if self._packed is not None and self._packed.is_of(self.weight):
            if x.shape[1] == 1:  # a decoding step, whose rows are texts that shall not depend on one another
                return self._packed.rows(x[:, 0], self.bias)[:, None]
            return self._packed.linear(x, self.bias)
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).unflatten(0, x.shape[:-1])


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = Conv1D(dim, 3 * dim)
        self.c_proj = Conv1D(dim, dim)

    def _qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, D) -> q, k, v, each (B, heads, T, d_head)."""
        q, k, v = self.c_attn(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(self, x: Tensor, cached: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Whole sequences from position 0: x (B, T, D) -> (B, T, D); their keys and values go to `cached`."""
        q, k, v = self._qkv(x)
        if cached is not None:
            cached[0][:, :, : x.shape[1]] = k
            cached[1][:, :, : x.shape[1]] = v
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(out.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, cached: tuple[Tensor, Tensor], step: Step) -> Tensor:
        """One more position per row: x (B, 1, D) -> (B, 1, D)."""
        q, k, v = self._qkv(x)
        rows = torch.arange(x.shape[0], device=x.device)
        keys, values = cached
        keys[rows, :, step.slots] = k[:, :, 0]
        values[rows, :, step.slots] = v[:, :, 0]
        if step.mask is None:
            # Row by row a CPU reads nothing but each row's own slots, and a row's sums do not depend on the others.
            out = torch.cat(
                [
                    F.scaled_dot_product_attention(q[i : i + 1], keys[i : i + 1, :, :n], values[i : i + 1, :, :n])
                    for i, n in enumerate(step.known_lengths)
                ]
            )
        else:
            used = step.mask.shape[1]
            mask = step.mask[:, None, None]
            out = F.scaled_dot_product_attention(q, keys[:, :, :used], values[:, :, :used], attn_mask=mask)
        return self.c_proj(out.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Linear - GELU (tanh form) - Linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.c_fc = Conv1D(dim, 4 * dim)
        self.c_proj = Conv1D(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """Pre-norm GPT-2 block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim)

    def forward(self, x: Tensor, cached: tuple[Tensor, Tensor] | None = None, step: Step | None = None) -> Tensor:
        """X (B, T, D) -> (B, T, D): whole sequences, or with `step` one more position of each (T = 1)."""
        normed = self.ln_1(x)
        if step is not None and cached is not None:
            x = x + self.attn.step(normed, cached, step)
        else:
            x = x + self.attn(normed, cached)
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    """The blocks and `ln_f`. No position table of its own: positions are part of the input embeddings."""

    def __init__(self, dim: int, layers: int, heads: int) -> None:
        super().__init__()
        self.dim, self.heads = dim, heads
        self.h = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(dim)

    def new_cache(self, rows: int, capacity: int, like: Tensor) -> KVCache:
        """An empty cache for `rows` sequences of at most `capacity` positions, dtype and device of `like`."""
        return KVCache.allocate(len(self.h), rows, self.heads, capacity, self.dim // self.heads, like)

    def forward(self, x: Tensor, cache: KVCache | None = None) -> Tensor:
        """X (B, T, D) -> (B, T, D), causal. Right padding is exact: no valid position sees it."""
        for layer, block in enumerate(self.h):
            x = block(x, None if cache is None else (cache.keys[layer], cache.values[layer]))
        return self.ln_f(x)

    def pack(self) -> None:
        """Lay all weights out for the CPU, see `indextts.device.packed_linear`; elsewhere do nothing."""
        for module in self.modules():
            if isinstance(module, Conv1D):
                module.pack()

    def step(self, x: Tensor, cache: KVCache, growth: Tensor | int = 1, span: int | None = None) -> Tensor:
        """One position more for every row: x (B, 1, D) -> (B, 1, D).

        `cache` grows by one slot per row, or by `growth` (B,) of 0 and 1; attention reads at most `span` slots
        (default: as many as are in use).
        """
        cache.known_lengths = [length + 1 for length in cache.known_lengths]
        mask = None
        if x.device.type != "cpu":
            mask = torch.arange(span or cache.used, device=x.device) <= cache.lengths[:, None]
        step = Step(cache.lengths, mask, cache.known_lengths)
        for layer, block in enumerate(self.h):
            x = block(x, (cache.keys[layer], cache.values[layer]), step)
        cache.lengths += growth
        return self.ln_f(x)
