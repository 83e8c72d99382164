"""Loudness of speech (ITU-R BS.1770), and its normalisation: the turns of one speaker brought to a target, without
touching their peaks' shape.

One gain for all that a speaker says in a dialogue: a whisper stays quieter than a shout, the two channels are equally
loud, and what a dialogue sounds like does not depend on what else its recording holds. No limiter: where the target
would push a true peak over the limit, the gain is smaller and the speaker stays below the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soxr

from .k_weighting import k_weighting
from .pcm import FULL_SCALE

SILENT_LUFS = -70.0
"""Lowest loudness that is reported: the absolute gate of ITU-R BS.1770."""
_RELATIVE_GATE_LU = -10.0
_HOPS_PER_BLOCK = 4
"""A gating block lasts 0.4 s, and the next one begins 0.1 s later."""
_OFFSET_LUFS = -0.691
"""Loudness of power 1, so that a sine of 997 Hz at full scale has -3.01 LUFS."""
OVERSAMPLING = 4
"""Oversampling factor of the true-peak meter, ITU-R BS.1770-4 annex 2."""


def loudness(wave: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of (N,) float samples, N > 0, full scale 1, in LUFS; not below `SILENT_LUFS`.

    What is shorter than a gating block of 0.4 s is taken as one block of its own length. The last block counts where
    less than 0.05 s of it are missing, as in pyloudnorm.
    """
    weighting = k_weighting(sample_rate)
    hops = len(wave) / weighting.hop
    if hops <= _HOPS_PER_BLOCK:
        power = weighting.energies(wave, math.ceil(hops)).sum(keepdims=True) / len(wave)
    else:
        energies = weighting.energies(wave, round(hops))
        power = np.convolve(energies, np.ones(_HOPS_PER_BLOCK), "valid") / (_HOPS_PER_BLOCK * weighting.hop)
    heard = power[power >= 10 ** ((SILENT_LUFS - _OFFSET_LUFS) / 10)]
    if not len(heard):
        return SILENT_LUFS
    loud = heard[heard > heard.mean() * 10 ** (_RELATIVE_GATE_LU / 10)]
    return max(_OFFSET_LUFS + 10 * math.log10(loud.mean()), SILENT_LUFS)


@dataclass
class LevelFigures:
    """Loudness of the speakers in the recordings that were written now."""

    speakers: int = 0
    held_back: int = 0
    """Speakers that the true-peak limit kept below the target."""
    apart: float = 0.0
    """Largest distance between the two speakers of a dialogue, LU."""

    def add(self, levels: Mapping[str, Level]) -> None:
        """Add the speakers of one dialogue."""
        loud = [level.lufs for level in levels.values()]
        self.speakers += len(loud)
        self.held_back += sum(level.held_back for level in levels.values())
        self.apart = max(self.apart, max(loud) - min(loud))

    def summary(self) -> dict[str, float]:
        """Numbers for metadata; none where nothing was normalised."""
        if not self.speakers:
            return {}
        return {
            "speakers_normalised": self.speakers,
            "speakers_held_back_by_true_peak": self.held_back,
            "channels_apart_max_lu": round(self.apart, 2),
        }


class Level(NamedTuple):
    """The loudness of a speaker after normalisation."""

    lufs: float
    held_back: bool
    """Whether the true-peak limit kept the speaker below the target."""


def true_peak(samples: np.ndarray, sample_rate: int) -> float:
    """True peak of (N,) int16 in dBTP: the largest sample after four-fold oversampling; -inf for silence."""
    wave = samples.astype(np.float32) / np.float32(FULL_SCALE)
    between = soxr.resample(wave, sample_rate, OVERSAMPLING * sample_rate, quality="HQ") if len(wave) else wave
    peak = max(float(np.abs(between).max(initial=0)), float(np.abs(wave).max(initial=0)))
    return 20 * float(np.log10(peak)) if peak else -np.inf


def normalise(
    turns: Sequence[np.ndarray], sample_rate: int, target_lufs: float, true_peak_dbtp: float
) -> tuple[list[np.ndarray], Level]:
    """Bring what one speaker says in one dialogue to a loudness, with one gain.

    Args:
        turns: (N,) int16 each; at least one sample in all.
        sample_rate: Hz.
        target_lufs: integrated loudness (ITU-R BS.1770-4) of the turns one after another.
        true_peak_dbtp: highest true peak; the gain is smaller where the target would exceed it.

    Returns:
        The turns, (N,) int16, and how loud they are. What is silent stays as it is.
    """
    wave = np.concatenate(turns).astype(np.float32) / np.float32(FULL_SCALE)
    measured = loudness(wave, sample_rate)
    if measured <= SILENT_LUFS:
        return list(turns), Level(measured, False)
    wanted = target_lufs - measured
    room = true_peak_dbtp - max(true_peak(turn, sample_rate) for turn in turns)
    gain = min(wanted, room)
    factor = 10 ** (gain / 20)
    scaled = [
        np.clip(np.rint(turn.astype(np.float64) * factor), -FULL_SCALE, FULL_SCALE).astype(np.int16) for turn in turns
    ]
    return scaled, Level(measured + gain, gain < wanted)


def balance(
    roles: Sequence[str], turns: Sequence[np.ndarray], sample_rate: int, target_lufs: float, true_peak_dbtp: float
) -> tuple[list[np.ndarray], dict[str, Level]]:
    """Normalise the turns of a dialogue speaker by speaker; arguments as `normalise`, a role for each turn."""
    balanced = list(turns)
    levels: dict[str, Level] = {}
    for role in dict.fromkeys(roles):
        numbers = [number for number, each in enumerate(roles) if each == role]
        done, levels[role] = normalise([turns[n] for n in numbers], sample_rate, target_lufs, true_peak_dbtp)
        for number, samples in zip(numbers, done, strict=True):
            balanced[number] = samples
    return balanced, levels
