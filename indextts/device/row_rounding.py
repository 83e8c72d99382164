"""Calls of a matrix product that round a row the same, however many rows are asked for. docs/indextts2.md §12.

The libraries behind a product add up a row's sum in an order that may depend on how many rows the call has, and on
which of them it is. The kernels of AVX-512 do so for a single row alone. Those of AVX2 work on six rows at a time, and
where one to three are left over they are summed otherwise; with several threads it also matters how the rows are dealt
to them. No documentation promises anything here, so the kernels are asked: the same row is multiplied as a call of 1,
2, ... rows, and the sizes of call whose results are equal to the last bit are the ones used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

SIZES_COMPARED = 16
"""Calls of 1, 2, ... so many rows decide which result is the usual one. Larger calls are asked when they are wanted."""
MOST_SPARE_ROWS = 8
"""A call may have up to so many rows more than are wanted. Beyond that the rows are dealt to several calls."""

Product = Callable[[Tensor], Tensor]
"""Rows (B, in) -> (B, out), with one weight."""


class RowRounding:
    """The sizes of call that round every row in one way, which is that of most small sizes.

    It holds for weights of one shape on one number of threads: kernels are chosen by these, not by the values.
    """

    def __init__(self, product: Product, in_features: int) -> None:
        self._row = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
        results = {rows: self._result(product, rows) for rows in range(1, SIZES_COMPARED + 1)}
        usual = Counter(result for result in results.values() if result is not None).most_common(1)[0][0]
        self._usual_size = min(rows for rows, result in results.items() if result == usual)
        self._is_usual = {rows: result == usual for rows, result in results.items()}
        self._calls: dict[int, tuple[int, ...]] = {}

    def product(self, product: Product, x: Tensor) -> Tensor:
        """X (B, in) -> (B, out), B at least 1. Each row is what it is in any other batch, to the last bit."""
        wanted = x.shape[0]
        calls = self._calls.get(wanted)
        if calls is None:
            calls = self._calls[wanted] = self._plan(product, wanted)
        if calls == (wanted,):
            return product(x)
        padded = torch.cat((x, x.new_zeros(sum(calls) - wanted, x.shape[1])))
        results = [product(rows) for rows in padded.split(calls)]
        return (results[0] if len(results) == 1 else torch.cat(results))[:wanted]

    def _plan(self, product: Product, wanted: int) -> tuple[int, ...]:
        """Rows of each call to make for `wanted` rows, together at least as many."""
        for size in range(wanted, wanted + MOST_SPARE_ROWS + 1):
            if self._rounds_as_usual(product, size):
                return (size,)
        size = next(size for size in range(wanted - 1, 0, -1) if self._rounds_as_usual(product, size))
        return (size, *self._plan(product, wanted - size))

    def _rounds_as_usual(self, product: Product, rows: int) -> bool:
        known = self._is_usual.get(rows)
        if known is None:
            result = self._result(product, rows)
            known = self._is_usual[rows] = result is not None and result == self._result(product, self._usual_size)
        return known

    def _result(self, product: Product, rows: int) -> bytes | None:
        """One row of a call with `rows` equal ones, or None where they do not all come out equal."""
        results = product(self._row.expand(rows, -1))
        return results[0].numpy().tobytes() if torch.equal(results, results[:1].expand_as(results)) else None
