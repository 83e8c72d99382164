"""Reading and comparing the arrays of a golden file."""

from collections.abc import Mapping

import numpy as np
import torch

Arrays = Mapping[str, np.ndarray]


def cases(arrays: Arrays, stem: str) -> list[int]:
    """The case numbers k for which `f"{stem}_{k}"` exists."""
    tails = (key[len(stem) + 1 :] for key in arrays if key.startswith(stem + "_"))
    return sorted(int(tail) for tail in tails if tail.isdigit())


def peak_error(actual: torch.Tensor | np.ndarray, expected: torch.Tensor | np.ndarray) -> float:
    """Largest difference as a fraction of the expected array's peak."""
    actual, expected = (
        (array.cpu().double().numpy() if isinstance(array, torch.Tensor) else np.asarray(array, dtype=np.float64))
        for array in (actual, expected)
    )
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    return float(np.abs(actual - expected).max() / np.abs(expected).max())
