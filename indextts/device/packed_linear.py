"""Matrix products on the CPU with weights in oneDNN's own layout. docs/indextts2.md §12.

They have two properties that a plain product lacks there. The weight is laid out once instead of at every call, which
makes products of 4 to 128 rows 1.5 to 2 times as fast. And a row of the result does not depend, even in the last bit,
on how many rows are multiplied together, so that sampled codes do not depend on the batch size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEWEST_ROWS = 2
"""Fewest rows for packed weights: with a single row oneDNN takes another route with other rounding."""


def available(weight: Tensor) -> bool:
    """Whether this weight can be packed: float32 on a CPU, in a build of torch that has oneDNN."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


class PackedWeight:
    """A weight (out, in) in oneDNN's layout, and the tensor it was made from."""

    def __init__(self, weight: Tensor, transposed: bool = False) -> None:
        """Lay out a weight (out, in), or with `transposed` one that is given as (in, out)."""
        self._source = self._identity(weight)
        rows_first = weight.detach().t().contiguous() if transposed else weight.detach().contiguous()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(rows_first, None)

    def __deepcopy__(self, memo: dict[int, object]) -> PackedWeight:
        """Return this very object, since it is never written to; `is_of` of the copied weight is then false."""
        return self

    @staticmethod
    def _identity(weight: Tensor) -> tuple[int, int]:
        return weight.data_ptr(), 0 if weight.is_inference() else weight._version

    def is_of(self, weight: Tensor) -> bool:
        """Whether this was made from the weight as it is now: False once it was replaced or written to."""
        return self._source == self._identity(weight)

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """X (..., in) float32 -> x W^T + bias (..., out)."""
        rows = x.reshape(-1, x.shape[-1])
        alone = rows.shape[0] < FEWEST_ROWS
        if alone:
            rows = rows.expand(FEWEST_ROWS, -1)
        y = torch.ops.mkldnn._linear_pointwise(rows.contiguous(), self._packed, bias, "none", [], "")
        return (y[:1] if alone else y).view(*x.shape[:-1], y.shape[-1])


class PackedLinear(nn.Linear):
    """A linear layer that packs its weight at the first use without gradients, on a CPU only."""

    _packed: PackedWeight | None = None

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling() or torch.is_grad_enabled() or not available(self.weight):
            return F.linear(x, self.weight, self.bias)
        packed = self._packed
        if packed is None or not packed.is_of(self.weight):
            packed = self._packed = PackedWeight(self.weight)
        return packed.linear(x, self.bias)
