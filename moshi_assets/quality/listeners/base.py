"""The protocol of listeners: utterances in, one measure of each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np


class ListenerError(RuntimeError):
    """A measure is switched on that is not available; the message names the package or model and the remedy."""


class Heard(NamedTuple):
    """The input of a listener."""

    samples: np.ndarray
    """Samples, (N,) int16."""
    sample_rate: int
    text: str
    voice: str
    """Preset, or absolute path of the prompt."""


class Listener(Protocol):
    """Takes one optional measure."""

    measure: ClassVar[str]
    """Name of the measure in `Measures`."""

    def listen(self, utterances: Sequence[Heard]) -> list[float]:
        """Return one value for each utterance; NaN if there is nothing to judge."""
        ...
