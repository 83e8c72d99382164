"""The seam of listeners: utterances in, one measure of each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np


class ListenerError(RuntimeError):
    """A measure is switched on that cannot be taken; the message names the package or model and the remedy."""


class Heard(NamedTuple):
    """What a listener is given."""

    samples: np.ndarray
    """(N,) int16."""
    sample_rate: int
    text: str
    voice: str
    """Preset, or absolute path of the prompt."""


class Listener(Protocol):
    """Takes one optional measure."""

    measure: ClassVar[str]
    """Its name in `Measures`."""

    def listen(self, utterances: Sequence[Heard]) -> list[float]:
        """One value each; NaN where there is nothing to be judged."""
        ...
