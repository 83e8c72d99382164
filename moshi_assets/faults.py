"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that would mislead a trainer."""

    check: str
    """Name of the asset check that it fails."""
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"
