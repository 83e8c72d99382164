"""Beam search over a batch of independent rows. docs/indextts2.md §6.

Every step each row offers its 2n best continuations, best first. Those that end become hypotheses if they are
among the first n, the first n of the others live on. A row is done when it has n hypotheses and its best
continuation cannot beat the worst of them. A hypothesis is worth `sum of log-probabilities / codes **
length_penalty`: with the published penalty of 0 the plain sum, which favours short endings.

All state is tensors, one row a request, and nothing reads them back to the host.
"""

from __future__ import annotations

import torch
from torch import Tensor

DORMANT = -1e9
"""Beams that do not exist yet: all start alike, so only the first may offer continuations."""
NONE = float("-inf")


class BeamSearch:
    """Live beams and finished hypotheses of B rows."""

    def __init__(
        self, rows: int, beams: int, steps: int, stop: int, length_penalty: float, device: torch.device
    ) -> None:
        self.beams, self.steps, self.stop, self.length_penalty = beams, steps, stop, length_penalty
        self.codes = torch.full((rows, beams, steps), stop, device=device)
        """(B, n, steps) int64, what each live beam has generated."""
        self.scores = torch.full((rows, beams), DORMANT, device=device)
        """(B, n) float32, their summed log-probabilities, best first."""
        self.scores[:, 0] = 0.0
        self.done = torch.zeros(rows, dtype=torch.bool, device=device)
        """(B,) bool."""
        self.length = 0
        self._hypothesis_codes = torch.full((rows, beams, steps), stop, device=device)
        self._hypothesis_scores = torch.full((rows, beams), NONE, device=device)

    def _worth(self, scores: Tensor, length: int) -> Tensor:
        """Length-normalised scores. An ending before the first code counts as one code long."""
        return scores / max(length, 1) ** self.length_penalty

    def advance(self, scores: Tensor, codes: Tensor, origin: Tensor) -> Tensor:
        """Take one step with candidate scores, codes and origins (the beam they continue), each (B, 2n), best first.

        Rows that are done stay as they are.

        Returns:
            The beam (B, n) that each new live beam continues, for the caches.
        """
        ends = codes == self.stop
        worth = torch.where(ends, self._worth(scores, self.length), NONE)[:, : self.beams]
        self._collect(worth, origin[:, : self.beams], ~self.done)
        best_possible = self._worth(scores[:, 0], self.length + 1)
        finished = self.done | (
            self._hypothesis_scores[:, -1].ge(best_possible) & self._hypothesis_scores[:, -1].gt(NONE)
        )

        # The first n that go on, in order. A row has at most n endings among its 2n candidates: one per beam.
        rank = torch.arange(codes.shape[1], device=codes.device)
        chosen = torch.sort(rank + ends * codes.shape[1], dim=-1).indices[:, : self.beams]
        live = ~finished[:, None]
        kept = torch.arange(self.beams, device=codes.device).expand_as(chosen)
        source = torch.where(live, origin.gather(1, chosen), kept)
        self.scores = torch.where(live, scores.gather(1, chosen), self.scores)
        self.codes = self.codes.gather(1, source[..., None].expand_as(self.codes))
        self.codes[:, :, self.length] = torch.where(live, codes.gather(1, chosen), self.stop)
        self.done = finished
        self.length += 1
        return source

    def _collect(self, worth: Tensor, origin: Tensor, rows: Tensor) -> None:
        """Keep the n best of the hypotheses so far and the new ones (B, n), in the given rows; best first."""
        new = self.codes.gather(1, origin[..., None].expand_as(self.codes))
        worth = torch.where(rows[:, None], worth, NONE)
        everything = torch.cat((self._hypothesis_scores, worth), dim=1)
        order = torch.sort(everything, dim=1, descending=True, stable=True).indices[:, : self.beams]
        self._hypothesis_scores = everything.gather(1, order)
        codes = torch.cat((self._hypothesis_codes, new), dim=1)
        self._hypothesis_codes = codes.gather(1, order[..., None].expand_as(self.codes))

    def best(self) -> tuple[Tensor, Tensor]:
        """The best hypothesis of each row: codes (B, steps), filled up with the stop code, and score (B,).

        Beams still alive in a row that is not done count as they stand.
        """
        origin = torch.arange(self.beams, device=self.codes.device).expand_as(self.scores)
        self._collect(self._worth(self.scores, self.length), origin, ~self.done)
        self.scores = torch.full_like(self.scores, NONE)
        return self._hypothesis_codes[:, 0], self._hypothesis_scores[:, 0]
