"""Measures of one utterance, from its samples and its text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..audio.loudness import loudness
from ..audio.pcm import FULL_SCALE
from .expectation import expect

CLIP_LEVEL = 32735
"""An int16 sample this large counts as clipped (0.999 of full scale, as in the contract checker)."""
SILENT_DBFS = -96.0
"""Lowest peak that is reported: less than one step of int16."""
FRAME_SECONDS = 0.01
"""Resolution of silences in seconds."""
SILENCE_BELOW_SPEECH = 40.0
"""dB below the loud frames (their 95th percentile) at which a frame is silence.

Weak consonants lie 30 dB below vowels.
"""
SILENCE_DBFS = -60.0
"""dBFS below which a frame is silence, whatever the other frames are."""


class Measures(NamedTuple):
    """Measures of one utterance, rounded to float32, as they are stored."""

    seconds: float
    loudness_lufs: float
    """Integrated loudness, ITU-R BS.1770-4; -70 and below is -70."""
    peak_dbfs: float
    """Largest sample in dBFS."""
    clipped: float
    """Share of samples at full scale."""
    dc: float
    """Mean of the samples as a share of full scale, with its sign."""
    leading_silence: float
    """Seconds of silence before the speech; the whole utterance if it is silent."""
    trailing_silence: float
    """Seconds of silence after the speech."""
    inner_silence: float
    """Longest silence between sounds, seconds."""
    characters: int
    """Characters of the text as written."""
    chars_per_second: float
    """Characters as spoken (see expectation.py) a second of sound, leading, trailing and inner silences over 0.2 s left
    out; 0 without a sound."""
    wer: float | None = None
    """Error rate of a recogniser, if one listened: by word, by character for one or two words."""
    speaker_similarity: float | None = None
    """Cosine of the speaker embeddings of utterance and prompt."""
    dnsmos: float | None = None
    """DNSMOS P.835 overall quality, 1 to 5."""


OPTIONAL = ("wer", "speaker_similarity", "dnsmos")
"""Measures that need packages or models of their own."""
_PAUSE_FRAMES = round(0.2 / FRAME_SECONDS)


def measure(samples: np.ndarray, sample_rate: int, text: str) -> Measures:
    """Measure one utterance.

    Args:
        samples: (N,) int16, N > 0.
        sample_rate: Hz.
        text: what it should say.
    """
    wave = samples.astype(np.float32)
    dc = float(wave.mean(dtype=np.float64))
    peak = max(int(samples.max()), -int(samples.min()))
    clipped = 0
    if peak >= CLIP_LEVEL:
        clipped = int(np.count_nonzero(samples >= CLIP_LEVEL) + np.count_nonzero(samples <= -CLIP_LEVEL))
    wave -= np.float32(dc)
    frame = max(1, round(FRAME_SECONDS * sample_rate))
    leading, trailing, inner, sounding = _silences(wave, frame)
    seconds = len(samples) / sample_rate
    spoken_seconds = min(sounding * frame / sample_rate, seconds)
    return rounded(
        Measures(
            seconds=seconds,
            loudness_lufs=loudness(wave / np.float32(FULL_SCALE), sample_rate),
            peak_dbfs=max(20 * np.log10(max(peak, 1e-9) / FULL_SCALE), SILENT_DBFS),
            clipped=clipped / len(samples),
            dc=dc / FULL_SCALE,
            leading_silence=min(leading * frame / sample_rate, seconds),
            trailing_silence=min(trailing * frame / sample_rate, seconds),
            inner_silence=inner * frame / sample_rate,
            characters=len(text),
            chars_per_second=expect(text).typical / spoken_seconds if spoken_seconds else 0.0,
        )
    )


def rounded(measures: Measures) -> Measures:
    """The same numbers rounded to float32, so that a verdict is the same before and after they are stored."""
    return Measures._make(float(np.float32(value)) if isinstance(value, float) else value for value in measures)


def _silences(wave: np.ndarray, frame: int) -> tuple[int, int, int, int]:
    """Silent frames at the beginning, at the end, in the longest run between, and the number of sounding frames.

    Short pauses (up to 0.2 s, as between words) count as sounding. Where nothing sounds all is leading silence.
    """
    whole = len(wave) // frame
    power = np.einsum("ij,ij->i", *[wave[: whole * frame].reshape(whole, frame)] * 2) / frame
    if rest := wave[whole * frame :].size:
        power = np.append(power, np.dot(wave[whole * frame :], wave[whole * frame :]) / rest)
    floor = (FULL_SCALE * 10 ** (SILENCE_DBFS / 20)) ** 2
    speech = np.partition(power, round(0.95 * (len(power) - 1)))[round(0.95 * (len(power) - 1))]
    sounding = np.flatnonzero(power > max(floor, speech * 10 ** (-SILENCE_BELOW_SPEECH / 10)))
    if not len(sounding):
        return len(power), 0, 0, 0
    pauses = np.diff(sounding) - 1
    inner = int(pauses.max(initial=0))
    spoken = len(sounding) + int(pauses[pauses <= _PAUSE_FRAMES].sum())
    return int(sounding[0]), len(power) - 1 - int(sounding[-1]), inner, spoken


_TYPES = {"characters": pa.int32()}


MEASURE_FIELDS = [pa.field(name, _TYPES.get(name, pa.float32())) for name in Measures._fields]
"""Columns of the measures; optional ones that were not taken are null."""
