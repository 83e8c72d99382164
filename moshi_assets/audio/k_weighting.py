"""Energy of speech after the K-weighting of ITU-R BS.1770, hop by hop, from spectra.

Its two filters, run sample by sample, would cost more than all else that is measured of an utterance. The energy of a
hop that repeats itself for ever is a weighted sum over its spectrum. The filters then begin the hop with what rings on
from its own end; really they begin with what rings on from the hop before. Either is a sum of the filters' four modes,
so the difference is put right exactly: what comes out is what the filters give, within the rounding of float32.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

HOP_SECONDS = 0.1
"""Blocks of ITU-R BS.1770 begin so far apart."""
_SHELF_HERTZ, _SHELF_DB = 1500.0, 4.0
_HIGH_PASS_HERTZ, _HIGH_PASS_Q = 38.0, 0.5
"""The analogue filters behind the table of ITU-R BS.1770 for 48 kHz, as in pyloudnorm: they fit any sample rate."""
_SAMPLES_AT_ONCE = 38_400
"""Their spectra stay in the processor's cache, and their products too small to be spread over threads, on whose number
the rounding would depend."""


class KWeighting(NamedTuple):
    """The filters at one sample rate."""

    hop: int
    """Samples of 0.1 s; each of the other fields is float32."""
    power: np.ndarray
    """(2 * bins,): weight of the square of each real and imaginary part of a hop's spectrum."""
    ringing: np.ndarray
    """(hop, 4): the modes as they ring on through the next hop, orthonormal."""
    leaves: np.ndarray
    """(hop, 4): from a hop's samples to how much of each mode they leave."""
    holds: np.ndarray
    """(2 * bins, 4): from a hop's spectrum to how much of each mode the filtered, repeated hop holds."""

    def energies(self, wave: np.ndarray, hops: int) -> np.ndarray:
        """Energy of each hop of (N,) float samples, N > 0: (hops,) float32. Zeros follow where the wave ends within the
        last, and what rings on through them is not counted.
        """
        hop = self.hop
        wave = np.ascontiguousarray(wave[: hops * hop], np.float32)
        if missing := hops * hop - len(wave):
            wave = np.concatenate([wave, np.zeros(missing, np.float32)])
        frames = wave.reshape(hops, hop)
        energy = np.empty(hops, np.float32)
        left, held = np.empty((hops, 4), np.float32), np.empty((hops, 4), np.float32)
        step = max(1, _SAMPLES_AT_ONCE // hop)
        spectra: Any = np.empty((min(step, hops), hop // 2 + 1), np.complex64)
        for first in range(0, hops, step):
            some = slice(first, min(first + step, hops))
            parts = np.fft.rfft(frames[some], out=spectra[: some.stop - first]).view(np.float32)
            np.matmul(parts, self.holds, out=held[some])
            np.matmul(frames[some], self.leaves, out=left[some])
            np.vecdot(np.square(parts, out=parts), self.power, out=energy[some])
        more = -left  # than the repeated hop rings with at its beginning
        more[1:] += left[:-1]
        energy += np.einsum("ij,ij->i", more, 2 * held + more)
        if missing:
            energy[-1] -= self._after(wave, missing)
        return np.maximum(energy, 0)  # rounding

    def _after(self, wave: np.ndarray, missing: int) -> float:
        """Energy of what rings on through `missing` zeros at the end of a wave, fewer than a hop."""
        last = wave[: len(wave) - missing][-self.hop :]
        rest = self.ringing[:missing] @ (last @ self.leaves[self.hop - len(last) :])
        return float(rest @ rest)


@lru_cache(maxsize=16)
def k_weighting(sample_rate: int) -> KWeighting:
    """The filters at a sample rate in Hz."""
    hop = max(1, round(HOP_SECONDS * sample_rate))
    b, a = _coefficients(sample_rate)
    # The filters as a state of four numbers: state' = advance @ state + drive * x; y = state[0] + b[0] * x.
    advance = np.zeros((4, 4))
    advance[:, 0], advance[:3, 1:] = -a[1:], np.eye(3)
    drive = b[1:] - a[1:] * b[0]
    heard, reached = np.empty((hop, 4)), np.empty((hop, 4))
    row, column = np.eye(4)[0], drive
    for sample in range(hop):  # 0.1 s is 24 time constants of the slower filter: nothing rings on beyond the next hop
        heard[sample], reached[hop - 1 - sample] = row, column
        row, column = row @ advance, advance @ column
    ringing, scale = np.linalg.qr(heard)
    bins = 2 * np.pi * np.arange(hop // 2 + 1) / hop
    response = np.polyval(b[::-1], np.exp(-1j * bins)) / np.polyval(a[::-1], np.exp(-1j * bins))
    counted = np.full(len(bins), 2 / hop)  # Parseval: a real signal's bins stand for two
    counted[0] /= 2
    if hop % 2 == 0:
        counted[-1] /= 2
    overlap = (counted * response)[:, None] * np.fft.rfft(ringing, axis=0).conj()
    return KWeighting(
        hop,
        np.repeat(counted * np.abs(response) ** 2, 2).astype(np.float32),
        ringing.astype(np.float32),
        (reached @ scale.T).astype(np.float32),
        np.stack([overlap.real, -overlap.imag], 1).reshape(-1, 4).astype(np.float32),
    )


def _coefficients(sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator of both filters together, (5,) each, the denominator's first 1.

    Both are by the bilinear transform (R. Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients).
    """
    gain = 10 ** (_SHELF_DB / 40)
    turn = 2 * math.pi * min(_SHELF_HERTZ / sample_rate, 0.25)  # below 6 kHz the shelf lies lower, or it has no place
    cosine, bend = math.cos(turn), math.sqrt(2 * gain) * math.sin(turn)  # 2 sqrt(A) alpha, with Q = 1 / sqrt(2)
    more, less = gain + 1, gain - 1
    shelf = (
        gain * np.array([more + less * cosine + bend, -2 * (less + more * cosine), more + less * cosine - bend]),
        np.array([more - less * cosine + bend, 2 * (less - more * cosine), more - less * cosine - bend]),
    )
    turn = 2 * math.pi * min(_HIGH_PASS_HERTZ / sample_rate, 0.25)
    cosine, alpha = math.cos(turn), math.sin(turn) / (2 * _HIGH_PASS_Q)
    high_pass = (
        np.array([1 + cosine, -2 * (1 + cosine), 1 + cosine]) / 2,
        np.array([1 + alpha, -2 * cosine, 1 - alpha]),
    )
    b, a = (np.convolve(one, other) for one, other in zip(shelf, high_pass, strict=True))
    return b / a[0], a / a[0]
