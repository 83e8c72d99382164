"""Calls that round a row the same, on products that round it by the size of the call."""

import pytest
import torch

from indextts.device.row_rounding import MOST_SPARE_ROWS, SIZES_COMPARED, RowRounding

FEATURES = 8
X = torch.randn(200, FEATURES, generator=torch.Generator().manual_seed(1))


class Rounder:
    """A product whose rows come out otherwise where `off(rows of the call, row)` is not 0; it notes its calls."""

    def __init__(self, off):
        self.off = off
        self.calls = []

    def __call__(self, x):
        self.calls.append(len(x))
        wrong = [self.off(len(x), row) for row in range(len(x))]
        return x.sum(1, keepdim=True) + 1e-3 * torch.tensor(wrong, dtype=torch.float32)[:, None]


def single_row(rows, row):
    return rows == 1


def rows_left_over(rows, row):
    return rows % 6 in (1, 2, 3) and row >= rows - rows % 6


def last_of_many(rows, row):
    return rows > 5 and row == rows - 1


def by_the_number(rows, row):
    return rows


@pytest.mark.parametrize("off", [single_row, rows_left_over, last_of_many, by_the_number])
@pytest.mark.parametrize("rows", [1, 2, 5, 7, 13, 50, 200])
def test_a_row_is_the_same_in_every_batch(off, rows):
    product = Rounder(off)
    rounding = RowRounding(product, FEATURES)
    batch = rounding.product(product, X[:rows])
    assert torch.equal(batch, torch.cat([rounding.product(product, row[None]) for row in X[:rows]]))


def test_such_products_differ_when_they_are_called_plainly():
    for off in (single_row, rows_left_over, last_of_many, by_the_number):
        product = Rounder(off)
        assert not torch.equal(product(X[:7]), torch.cat([product(row[None]) for row in X[:7]]))


@pytest.mark.parametrize(
    ("off", "rows", "calls"),
    [
        (single_row, 1, [2]),
        (single_row, 7, [7]),
        (rows_left_over, 7, [10]),
        (rows_left_over, 12, [12]),
        (last_of_many, 7, [5, 2]),
        (by_the_number, 3, [1, 1, 1]),
    ],
)
def test_rows_are_added_or_dealt_to_several_calls(off, rows, calls):
    product = Rounder(off)
    rounding = RowRounding(product, FEATURES)
    rounding.product(product, X[:rows])
    product.calls.clear()
    rounding.product(product, X[:rows])
    assert product.calls == calls


def test_a_size_is_asked_for_once():
    product = Rounder(single_row)
    rounding = RowRounding(product, FEATURES)
    assert product.calls == list(range(1, SIZES_COMPARED + 1))
    for _ in range(3):
        rounding.product(product, X[: SIZES_COMPARED + MOST_SPARE_ROWS])
    assert product.calls[SIZES_COMPARED:] == [24, 2, 24, 24, 24]  # asked, beside the usual size, and three products
