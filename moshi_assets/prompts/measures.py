"""Measures of a recording, of the part that counts, as IndexTTS2 takes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

from indextts.voice.leading_silence import frames_to_skip, read_from

from ..audio.loudness import SILENT_LUFS, loudness
from .voice_activity import speech_seconds

RESAMPLER_REACH = 0.1
"""Seconds behind the part that counts that influence it: the resampler's filters have 0.04 s."""
LEAST_DB = -120.0
"""Lowest level of the mix that is reported."""
_TOP = 0.001
"""A sample this near to the largest or smallest one, as a share of their distance, lies at the top."""
_FLAT_SAMPLES = 3
"""So many samples at the top in a row are a flat top."""
_FULL_SCALE = 0.999
_LARGEST = 1e6
"""Larger samples are measured as this value: the peak is reported, and nothing overflows."""


class PromptMeasures(NamedTuple):
    """Figures of one recording; all but `seconds` are of the part that counts."""

    seconds: float
    """Length of the recording."""
    start: float
    """Seconds of silence at the start that do not count."""
    used: float
    """Seconds that count."""
    not_finite: int
    """Samples that are NaN or infinite; the other figures take them as 0."""
    peak: float
    """Largest sample of the channels; full scale is 1."""
    mix_db: float
    """Level of the mix of the channels relative to the channels: 0 if they are alike, -3 if they have nothing in
    common.
    """
    dc: float
    """Mean of the mix, as a share of full scale, with its sign."""
    loudness_lufs: float
    """Integrated loudness of the mix, ITU-R BS.1770-4; -70 and below is -70."""
    clipped: float
    """Share of samples on flat tops or at full scale, in the channel that has most of them."""
    speech_seconds: float
    """Seconds of speech."""

    @property
    def speech_share(self) -> float:
        """Share of speech in the part that counts."""
        return self.speech_seconds / self.used if self.used else 0.0


def start_frame(path: Path) -> int:
    """Samples of each channel before the part that counts, if a long silence at the start is skipped.

    Raises:
        soundfile.LibsndfileError: the file cannot be decoded.
    """
    with sf.SoundFile(path) as file:
        return frames_to_skip(file)


def measure(path: Path, start: int, max_seconds: float) -> PromptMeasures:
    """Measure a recording, in memory that does not depend on its length.

    Args:
        path: of a sound file.
        start: samples of each channel that do not count, from `start_frame`.
        max_seconds: how much counts after them.

    Raises:
        soundfile.LibsndfileError: it cannot be decoded.
        DetectorMissing: the package that detects speech is not installed.
    """
    with sf.SoundFile(path) as file:
        rate, length = file.samplerate, file.frames / file.samplerate
        wanted = round(max_seconds * rate)
        channels = read_from(file, start, wanted + round(RESAMPLER_REACH * rate))
    finite = np.isfinite(channels)
    not_finite = int(finite.size - np.count_nonzero(finite))
    if not_finite:
        channels[~finite] = 0
    channels = channels[:wanted]
    np.clip(channels, -_LARGEST, _LARGEST, out=channels)
    wave = channels.mean(axis=1, dtype=np.float32)
    dc = float(wave.mean(dtype=np.float64)) if len(wave) else 0.0
    centred = wave - np.float32(dc)
    return PromptMeasures(
        seconds=length,
        start=start / rate,
        used=len(wave) / rate,
        not_finite=not_finite,
        peak=float(np.abs(channels).max(initial=0)),
        mix_db=_mix_db(wave, channels),
        dc=dc,
        loudness_lufs=loudness(centred, rate) if len(wave) else SILENT_LUFS,
        clipped=max(map(_clipped, channels.T)),
        speech_seconds=speech_seconds(centred, rate),
    )


def _mix_db(mix: np.ndarray, channels: np.ndarray) -> float:
    """Power of the mix against the mean power of the channels, offsets left out."""
    if channels.shape[1] == 1 or not (power := channels.var(axis=0, dtype=np.float64).mean() if len(mix) else 0.0):
        return 0.0
    ratio = mix.var(dtype=np.float64) / power
    return max(LEAST_DB, 10 * float(np.log10(ratio))) if ratio else LEAST_DB


def _clipped(wave: np.ndarray) -> float:
    """Share of samples on flat tops, wherever these lie: a clipped recording may have been turned down afterwards.

    What was compressed (MP3) has no flat tops any more, but lies at full scale or above.
    """
    if not len(wave) or (low := wave.min()) == (high := wave.max()):
        return 0.0
    near = np.float32(_TOP) * (high - low)
    top = np.pad(((wave >= high - near) | (wave <= low + near)).astype(np.int8), 1)
    edges = np.diff(top)
    runs = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    flat = int(runs[runs >= _FLAT_SAMPLES].sum())
    return max(flat, int(np.count_nonzero(np.abs(wave) >= _FULL_SCALE))) / len(wave)
