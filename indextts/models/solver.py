"""Ways of following the flow's velocity from noise at time 0 to a mel spectrogram at time 1. docs/indextts2.md §9.

The published way is Euler's with 25 equal steps. The others need fewer evaluations of the velocity for the same
distance from the exact solution, or more distance for fewer; `python -m benchmarks.tts --part solvers` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

FLOW_STEPS = 25
Method = Literal["euler", "midpoint", "heun"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class FlowSolver:
    """Method that integrates the velocity; the defaults are those of the published class."""

    evaluations: int = FLOW_STEPS
    """Evaluations of the velocity; the flow's time is proportional to them. Euler's method takes one a step, the others
    two.
    """
    method: Method = "euler"
    """`euler`, `midpoint` or `heun` (the explicit trapezoidal rule); the latter two are of second order."""
    sway: float = 0.0
    """How times are spread over [0, 1]: 0 evenly, -1 all the closer together the nearer they are to 0, where the noise
    is (sway sampling, Chen et al. 2024, "F5-TTS", equation 10); -1 to 2 / (pi - 2)."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"flow_method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if self.evaluations < 1:
            raise ValueError(f"flow_steps is {self.evaluations}, expected 1 or more")
        if self.evaluations % self._per_step:
            raise ValueError(
                f"flow_steps is {self.evaluations}, expected an even number: {self.method} takes two a step"
            )
        if not -1.0 <= self.sway <= 2 / (math.pi - 2):
            raise ValueError(f"flow_sway is {self.sway}, expected -1 to {2 / (math.pi - 2):.2f}")

    @property
    def _per_step(self) -> int:
        return 1 if self.method == "euler" else 2

    def steps(self) -> tuple[Tensor, list[float]]:
        """Times at which steps begin, (steps,) float32, and step sizes; added up in float32 (docs/indextts2.md §9)."""
        times, sizes = _steps(self.evaluations // self._per_step, self.sway)
        return torch.tensor(times), list(sizes)

    def times(self) -> Tensor:
        """Times of all evaluations in their order, (evaluations,) float32."""
        starts, sizes = self.steps()
        if self.method == "euler":
            return starts
        share = 0.5 if self.method == "midpoint" else 1.0
        return torch.stack((starts, starts + share * torch.tensor(sizes)), dim=1).flatten()

    def solve(
        self, x: Tensor, velocity: Callable[[Tensor, int], Tensor], move: Callable[[Tensor, Tensor], Tensor] = torch.add
    ) -> Tensor:
        """The state at time 1.

        Args:
            x: the state at time 0, any shape.
            velocity: (state, number of the evaluation) -> velocity at that evaluation's time.
            move: (state, change) -> state, where a change is of another shape than the state.
        """
        for step, size in enumerate(_steps(self.evaluations // self._per_step, self.sway)[1]):
            first = velocity(x, step * self._per_step)
            if self.method == "euler":
                x = move(x, size * first)
            elif self.method == "midpoint":
                x = move(x, size * velocity(move(x, size / 2 * first), 2 * step + 1))
            else:
                x = move(x, size / 2 * (first + velocity(move(x, size * first), 2 * step + 1)))
        return x


@lru_cache
def _steps(count: int, sway: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """See `FlowSolver.steps`. The steps are kept as numbers: a captured loop can neither compute nor read them."""
    grid = torch.linspace(0, 1, count + 1, device="cpu")
    if sway:
        grid = grid + sway * (torch.cos(math.pi / 2 * grid) - 1 + grid)
    times, sizes = [grid[0]], [grid[1] - grid[0]]
    for step in range(1, count):
        times.append(times[-1] + sizes[-1])
        sizes.append(grid[step + 1] - times[-1])
    return tuple(time.item() for time in times), tuple(size.item() for size in sizes)
