"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a dataset that would mislead a trainer."""

    check: str
    """Name of the asset check that fails."""
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"
