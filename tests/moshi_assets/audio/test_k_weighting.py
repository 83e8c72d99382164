"""Loudness: the figures of ITU-R BS.1770 and EBU Tech 3341, and another's meter beside ours."""

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile as sf
import soxr
from scipy.signal import lfilter

from moshi_assets.audio import k_weighting as filters
from moshi_assets.audio.k_weighting import k_weighting
from moshi_assets.audio.loudness import SILENT_LUFS, loudness

VOICES = Path(__file__).resolve().parents[3] / "examples" / "voices"
RATES = [8000, 16000, 22050, 24000, 44100, 48000]


def tone(seconds: float, dbfs: float, rate: int = 48000, hertz: float = 1000) -> np.ndarray:
    return (10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def speech(first: float = 0, last: float | None = None) -> tuple[np.ndarray, int]:
    wave, rate = sf.read(VOICES / "user.wav", dtype="float32")
    return wave[round(first * rate) : None if last is None else round(last * rate)], rate


def theirs(wave: np.ndarray, rate: int) -> float:
    found = pyloudnorm.Meter(rate, block_size=min(0.4, len(wave) / rate * (1 - 1e-12))).integrated_loudness(
        wave.astype(np.float64)
    )
    return max(found, SILENT_LUFS)


@pytest.mark.parametrize("rate", RATES)
def test_a_sine_at_full_scale_in_one_channel_has_minus_3_lufs(rate: int):
    """ITU-R BS.1770-4, annex 1; its shelf is steeper where it lies nearer to half the sample rate."""
    assert loudness(tone(5, 0.0, rate, 997), rate) == pytest.approx(-3.01, abs=0.3 if rate < 20000 else 0.1)


@pytest.mark.parametrize(
    ("seconds_at_dbfs", "lufs"),
    [
        ([(20, -23)], -23),
        ([(20, -33)], -33),
        ([(10, -36), (60, -23), (10, -36)], -23),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23),
        ([(20, -26), (20.1, -20), (20, -26)], -23),
    ],
    ids=["1", "2", "3", "4", "5"],
)
def test_ebu_tech_3341(seconds_at_dbfs: list[tuple[float, float]], lufs: float):
    """Its cases 1 to 5 play the tone in two channels, which are 3.01 LU louder than one."""
    wave = np.concatenate([tone(seconds, dbfs) for seconds, dbfs in seconds_at_dbfs])
    assert loudness(wave, 48000) == pytest.approx(lufs - 3.01, abs=0.1)


def test_without_its_gates_the_meter_would_fail_them():
    wave = np.concatenate([tone(seconds, dbfs) for seconds, dbfs in [(10, -36), (60, -23), (10, -36)]])
    ungated = k_weighting(48000).energies(wave, 800).sum() / len(wave)
    assert -0.691 + 10 * np.log10(ungated) < -23 - 3.01 - 1


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.3, 0.37, 0.52, 1.0, 4.96])
def test_speech_is_as_loud_as_pyloudnorm_says(seconds: float, rate: int):
    wave = soxr.resample(speech()[0], speech()[1], rate)[round(0.2 * rate) :]
    wave = wave[: round(seconds * rate)]
    assert loudness(wave, rate) == pytest.approx(theirs(wave, rate), abs=0.03)


def hop_energies(wave: np.ndarray, rate: int) -> np.ndarray:
    """By the filters themselves, sample by sample."""
    hop = k_weighting(rate).hop
    filtered = lfilter(*filters._coefficients(rate), wave.astype(np.float64))
    return (np.pad(filtered, (0, -len(wave) % hop)).reshape(-1, hop) ** 2).sum(1)


def apart(energies: np.ndarray, wave: np.ndarray, rate: int) -> float:
    """Largest difference, as a share of the loudest hop that it lies in or beside."""
    expected = hop_energies(wave, rate)
    loudest = np.convolve(expected, np.ones(3))[1:-1]
    return float((np.abs(energies - expected) / (loudest + 1e-12)).max())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [7, 700, 5001, 52345])
def test_energies_are_those_of_the_filters_run_sample_by_sample(samples: int, rate: int):
    """A sound that falls by 60 dB, with a hum of 40 Hz that rings from hop to hop."""
    time = np.arange(samples) / rate
    wave = np.random.default_rng(0).standard_normal(samples) * 10 ** (-3 * time / time[-1])
    wave = (0.1 * wave + 0.1 * np.sin(2 * np.pi * 40 * time)).astype(np.float32)
    weighting = k_weighting(rate)
    hops = -(-samples // weighting.hop)
    assert apart(weighting.energies(wave, hops), wave, rate) < 1e-5


def test_without_what_rings_on_from_hop_to_hop_they_would_not_be():
    wave, rate = speech(0.3, 4.7)
    weighting = k_weighting(rate)
    hops = -(-len(wave) // weighting.hop)
    assert apart(weighting.energies(wave, hops), wave, rate) < 1e-5
    cut = weighting._replace(leaves=np.zeros_like(weighting.leaves))
    assert apart(cut.energies(wave, hops), wave, rate) > 1e-3


def test_a_wave_looked_at_in_other_pieces_is_as_loud(monkeypatch: pytest.MonkeyPatch):
    wave, rate = speech()
    whole = loudness(wave, rate)
    monkeypatch.setattr(filters, "_SAMPLES_AT_ONCE", 3 * k_weighting(rate).hop)
    assert loudness(wave, rate) == pytest.approx(whole, abs=1e-5)


def test_silence_is_silent():
    assert loudness(np.zeros(9000, np.float32), 24000) == SILENT_LUFS
    assert loudness(np.zeros(1, np.float32), 24000) == SILENT_LUFS
