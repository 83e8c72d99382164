"""Matrix products on the CPU with weights in oneDNN's own layout. docs/indextts2.md §12.

The weight is laid out once instead of at every call, which makes products of 4 to 128 rows 1.5 to 2 times as fast
where oneDNN has a layout of its own (with AVX-512; with AVX2 it has none, and the products take what plain ones take).
Where a row must not depend, even in the last bit, on how many rows are multiplied together, so that sampled codes do
not depend on the batch size, `PackedWeight.rows` makes only calls that keep to that, see `row_rounding`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .row_rounding import RowRounding

_roundings: dict[tuple[int, int, bool, int], RowRounding] = {}
"""By the weight's shape, whether there is a bias, and the number of threads: what chooses a kernel beside the rows."""


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
        self._shape = (weight.shape[0], weight.shape[1])
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
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        y = torch.ops.mkldnn._linear_pointwise(rows, self._packed, bias, "none", [], "")
        return y.view(*x.shape[:-1], y.shape[-1])

    def rows(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """X (B, in) float32 -> x W^T + bias (B, out). To the last bit, no row depends on the others or on B.

        It does depend on torch's number of threads, and on the machine.
        """

        def product(rows: Tensor) -> Tensor:
            return self.linear(rows, bias)

        key = (*self._shape, bias is not None, torch.get_num_threads())
        if key not in _roundings:
            _roundings[key] = RowRounding(product, x.shape[1])
        return _roundings[key].product(product, x)


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
