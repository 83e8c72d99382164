"""DNSMOS: the predicted opinion of listeners on noise and speech (package speechmos)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ...audio.pcm import FULL_SCALE, resample
from .base import Heard, ListenerError

RATE = 16000
MIN_SECONDS = 0.4
"""Shortest sound in seconds that is judged."""


class Opinion:
    """Takes the measure `dnsmos`: P.835, overall, 1 to 5."""

    measure: ClassVar[str] = "dnsmos"

    def __init__(self) -> None:
        """
        Raises:
            ListenerError: the package is missing.
        """
        try:
            from speechmos import dnsmos
        except ImportError as error:
            raise ListenerError(
                f"gates.dnsmos needs the package speechmos ({error}): pip install speechmos, or switch it off"
            ) from None
        self._run = dnsmos.run

    def listen(self, utterances: Sequence[Heard]) -> list[float]:
        return [self._rate(utterance) for utterance in utterances]

    def _rate(self, utterance: Heard) -> float:
        if len(utterance.samples) < MIN_SECONDS * utterance.sample_rate:
            return math.nan
        wave = resample(utterance.samples, utterance.sample_rate, RATE).astype(np.float32) / np.float32(FULL_SCALE)
        return float(self._run(wave, sr=RATE)["ovrl_mos"])
