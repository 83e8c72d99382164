"""Attention over rows of different length: three ways with the same result and different cost. docs/indextts2.md §9.

Each way is a named tuple of the tensors it needs. They follow from the row lengths, so they are made once a batch, with
shapes that follow from rows and frames alone: nothing is read back, and a captured graph serves all lengths.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.attention.varlen import varlen_attn

from .padding import length_mask

logger = logging.getLogger(__name__)

AttentionName = Literal["auto", "dense", "flex", "varlen"]
ATTENTIONS: tuple[AttentionName, ...] = get_args(AttentionName)
BLOCK = 128
"""Frames of a block of FlexAttention."""


class RowAttention(Protocol):
    """Queries of a batch attend to the frames of their own rows."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Q (B, W, heads, d_head), k and v (B, T, heads, d_head), of one format -> (B, W, heads, d_head).

        What a query past its row's end gets is finite and of no meaning.
        """
        ...


class Dense(NamedTuple):
    """Every query meets every key of the batch; keys past a row's end are masked."""

    mask: Tensor | None
    """(B, 1, 1, T) bool; `None` if every row is full."""

    @classmethod
    def of(cls, keys: Tensor | None, frames: int, queries: Tensor | None, width: int) -> Dense:
        """Prepare for lengths (B,) of the keys in `frames` and of the queries in `width`; `None` for full rows."""
        return cls(None if keys is None else length_mask(keys, frames)[:, None, None])

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `RowAttention`."""
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask).transpose(1, 2)


class Flex(NamedTuple):
    """FlexAttention: blocks of 128 frames past a row's end are left out, of queries as of keys.

    Not compiled it would make the whole matrix of scores, slower than `Dense`.
    """

    keys: Tensor
    """(B,) int64 lengths."""
    queries: Tensor
    """(B,) int64 lengths."""

    @classmethod
    def of(cls, keys: Tensor, frames: int, queries: Tensor, width: int) -> Flex:
        """As `Dense.of`; no row may be taken as full."""
        return cls(keys, queries)

    def _blocks(self, width: int, frames: int) -> BlockMask:
        """The blocks of keys that each block of queries attends to: those attended as a whole, and the one in which the
        row ends.
        """
        keys, device = self.keys, self.keys.device
        lines, count = -(-width // BLOCK), -(-frames // BLOCK)
        block = torch.arange(count, device=device)
        asked = torch.arange(lines, device=device) * BLOCK < self.queries[:, None]
        whole = keys // BLOCK

        def counted(blocks: Tensor) -> Tensor:
            return (blocks[:, None] * asked)[:, None].int()

        def beginning_at(first: Tensor) -> Tensor:
            return ((first[:, None] + block) % count)[:, None, None].expand(-1, 1, lines, -1).int().contiguous()

        def inside(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return key < keys[row]

        return BlockMask.from_kv_blocks(
            counted((keys % BLOCK > 0).long()),
            beginning_at(whole),
            counted(whole),
            beginning_at(torch.zeros_like(keys)),
            BLOCK_SIZE=BLOCK,
            mask_mod=inside,
            seq_lengths=(width, frames),
            compute_q_blocks=False,  # gradients alone need them
        )

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `RowAttention`."""
        mask = self._blocks(q.shape[1], k.shape[1])
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        attended = flex_attention(q, k, v, block_mask=mask)
        assert isinstance(attended, Tensor)
        return attended.transpose(1, 2)


class Varlen(NamedTuple):
    """Flash attention over rows without padding, laid one after another; half precision on a GPU only."""

    key_order: Tensor
    """(B * T,) int64: the frames of all rows, joined; past their sum anything."""
    key_starts: Tensor
    """(B + 1,) int32: where each row begins among them."""
    query_order: Tensor
    query_starts: Tensor
    back: Tensor
    """(B, W) int64: where each query is among the joined; past a row's end its last."""

    @classmethod
    def of(cls, keys: Tensor, frames: int, queries: Tensor, width: int) -> Varlen:
        """As `Dense.of`; no row may be taken as full."""
        query_order, query_starts = cls._joined(queries, width)
        inside = torch.minimum(torch.arange(width, device=keys.device), queries[:, None] - 1)
        key_order, key_starts = cls._joined(keys, frames)
        return cls(key_order, key_starts.int(), query_order, query_starts.int(), query_starts[:-1, None] + inside)

    @staticmethod
    def _joined(lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
        starts = F.pad(lengths.cumsum(0), (1, 0))
        place = torch.arange(lengths.shape[0] * size, device=lengths.device)
        row = torch.searchsorted(starts[1:], place, right=True).clamp(max=lengths.shape[0] - 1)
        return row * size + (place - starts[row]).clamp(max=size - 1), starts

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `RowAttention`."""
        width, frames = q.shape[1], k.shape[1]
        q = q.flatten(0, 1)[self.query_order]
        k, v = (x.flatten(0, 1)[self.key_order] for x in (k, v))
        attended = varlen_attn(q, k, v, self.query_starts, self.key_starts, width, frames)
        assert isinstance(attended, Tensor)
        return attended[self.back]


Way = type[Dense] | type[Flex] | type[Varlen]


def attention_for(name: AttentionName, device: torch.device, dtype: torch.dtype, compiled: bool) -> Way:
    """The way of this name, or `Dense` if it does not serve this device and format, which the log says once.

    `auto` is dense until a card has been measured (`python -m benchmarks.gpu --part attention`).

    Raises:
        ValueError: there is no way of this name.
    """
    if name not in ATTENTIONS:
        raise ValueError(f"flow_attention is {name!r}, expected one of {', '.join(ATTENTIONS)}")
    if name == "flex":
        if compiled:
            return Flex
        _warn_of(name, "it is for the compiled flow")
    if name == "varlen":
        if device.type == "cuda" and dtype in (torch.float16, torch.bfloat16):
            return Varlen
        _warn_of(name, "it is for half precision on CUDA devices")
    return Dense


@lru_cache
def _warn_of(name: str, reason: str) -> None:
    logger.warning("flow_attention %r has no effect here: %s", name, reason)


@lru_cache
def _cpu_multiplies_bf16() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def attention_dtype(device_type: str, dtype: torch.dtype) -> torch.dtype:
    """Number format of attention between layers of `dtype`: the same, but float32 for bf16 on a CPU without AMX.

    There the rotary products, which are float32, are not rounded for it (docs/indextts2.md §12).
    """
    exact = device_type == "cpu" and dtype == torch.bfloat16 and not _cpu_multiplies_bf16()
    return torch.float32 if exact else dtype
