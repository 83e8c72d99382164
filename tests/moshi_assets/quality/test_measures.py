"""What is measured of an utterance, and what is expected of its text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.audio.loudness import SILENT_LUFS
from moshi_assets.quality.expectation import expect
from moshi_assets.quality.measures import Measures, measure, rounded
from moshi_assets.quality.rules import failed_gates
from moshi_assets.recipe.gates import Gates

RATE = 24000


def noise(seconds: float, peak: int = 4096, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).integers(-peak, peak, round(seconds * rate)).astype(np.int16)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.int16)


def sine(seconds: float, dbfs: float, hertz: float = 997, rate: int = 48000) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.rint(32767 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


# -- level


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.4, 3.0, 30.0])
@pytest.mark.parametrize("dbfs", [-23.0, -40.0])
def test_a_997_hz_sine_on_one_channel_is_3_lu_below_its_peak(seconds: float, dbfs: float):
    """ITU-R BS.1770: 0 dBFS in one front channel is -3.01 LKFS; short utterances are measured the same way."""
    assert measure(sine(seconds, dbfs), 48000, "x").loudness_lufs == pytest.approx(dbfs - 3.01, abs=0.35)


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_next_to_nothing_has_the_lowest_loudness(seconds: float):
    assert measure(noise(seconds, peak=2), RATE, "x").loudness_lufs == SILENT_LUFS


@given(gain=st.floats(0.01, 1.0), seconds=st.floats(0.02, 2.0))
def test_half_the_level_is_6_db_less_of_loudness_and_peak(gain: float, seconds: float):
    loud = measure(noise(seconds, 30000), RATE, "x")
    quiet = measure((noise(seconds, 30000) * gain).astype(np.int16), RATE, "x")
    assert quiet.loudness_lufs == pytest.approx(loud.loudness_lufs + 20 * np.log10(gain), abs=0.1)
    assert quiet.peak_dbfs == pytest.approx(loud.peak_dbfs + 20 * np.log10(gain), abs=0.1)


def test_a_pause_does_not_lower_the_loudness():
    with_pause = np.concatenate([noise(2), silence(3), noise(2)])
    assert measure(with_pause, RATE, "x").loudness_lufs == pytest.approx(
        measure(noise(4), RATE, "x").loudness_lufs, abs=0.6
    )


def test_samples_at_full_scale_are_counted_on_both_sides():
    samples = noise(1)
    samples[:12], samples[12:36] = 32767, -32768
    assert measure(samples, RATE, "x").clipped == pytest.approx(36 / RATE)


@pytest.mark.parametrize("offset", [-3000, 0, 3000])
def test_an_offset_is_told_with_its_sign_and_is_no_sound(offset: int):
    samples = (np.concatenate([silence(0.5), noise(1), silence(0.5)]) + offset).astype(np.int16)
    found = measure(samples, RATE, "x")
    assert found.dc == pytest.approx(offset / 32767, abs=1e-3)
    assert (found.leading_silence, found.trailing_silence) == (pytest.approx(0.5), pytest.approx(0.5))


# -- silences and rate


def test_silences_are_told_apart():
    samples = np.concatenate([silence(0.3), noise(1), silence(0.7), noise(1), silence(0.1), noise(1), silence(0.5)])
    found = measure(samples, RATE, "a" * 61)
    assert found.leading_silence == pytest.approx(0.3)
    assert found.inner_silence == pytest.approx(0.7)
    assert found.trailing_silence == pytest.approx(0.5)
    assert found.chars_per_second == pytest.approx(61 / 3.1)  # the short pause is part of speaking


@given(
    lead=st.integers(0, 40),
    sound=st.integers(1, 40),
    trail=st.integers(0, 40),
    rate=st.sampled_from([16000, 22050, 24000]),
)
def test_silences_and_sound_make_up_the_utterance(lead: int, sound: int, trail: int, rate: int):
    frame = round(rate / 100)
    hiss = np.tile(np.array([3000, -3000], np.int16), frame)[:frame]  # without an offset of its own
    samples = np.concatenate([np.zeros(lead * frame, np.int16), *[hiss] * sound, np.zeros(trail * frame, np.int16)])
    found = measure(samples, rate, "x" * 10)
    if frame % 2 == 0:
        assert found.leading_silence == pytest.approx(lead * frame / rate)
        assert found.trailing_silence == pytest.approx(trail * frame / rate)
    assert found.seconds == pytest.approx((lead + sound + trail) * frame / rate)


def test_noise_far_below_the_speech_is_silence():
    hiss = noise(1.0, peak=40)
    found = measure(np.concatenate([hiss, noise(2, peak=20000), hiss]), RATE, "x")
    assert found.leading_silence == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("samples", [np.array([1], np.int16), np.array([5, -5, 5], np.int16), noise(0.011)])
def test_the_shortest_sound_can_be_measured(samples: np.ndarray):
    assert all(np.isfinite(value) for value in measure(samples, RATE, "x") if value is not None)


def test_where_nothing_sounds_all_is_leading_silence_without_a_rate():
    found = measure(np.tile(np.array([1, -1], np.int16), 6000), RATE, "some words")
    assert (found.leading_silence, found.trailing_silence, found.chars_per_second) == (pytest.approx(0.5), 0, 0)


def test_numbers_survive_their_column():
    found = measure(noise(1.2345), RATE, "some words")
    assert rounded(found) == found
    assert [np.float32(value) == value for value in found if isinstance(value, float)].count(False) == 0


# -- what is expected of a text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("No.", 0.85),
        ("Mm-hm.", 0.8),
        ("OK", 1.02),
        ("1999", 1.85),
        ("Hmm...", 0.75),
        ("It costs $1,250,000.50 in total.", 5.47),
        ("Visit https://www.example.com/a/b?c=d now.", 6.38),
        ("Do I need an umbrella this afternoon?", 2.55),
        ("是的，我明白了。", 1.9),
        ("ありがとうございます。", 1.5),
    ],
)
def test_ordinary_utterances_are_as_long_as_expected(text: str, seconds: float):
    """Lengths of the built-in voice; of the last two, of people."""
    assert 0.7 < expect(text).duration_ratio(seconds, 15) < 1.7


@pytest.mark.parametrize(
    ("text", "seconds"), [("No.", 6.0), ("Do I need an umbrella this afternoon?", 12.0), ("是的，我明白了。", 9.0)]
)
def test_a_run_away_is_much_longer(text: str, seconds: float):
    assert expect(text).duration_ratio(seconds, 15) > 2.5


@pytest.mark.parametrize(
    ("text", "seconds"), [("Do I need an umbrella this afternoon?", 0.9), ("word " * 40, 5.0), ("我" * 40, 3.0)]
)
def test_an_early_stop_is_much_shorter(text: str, seconds: float):
    assert expect(text).duration_ratio(seconds, 15) < 0.4


@given(text=st.text(max_size=300), seconds=st.floats(0.01, 1000))
def test_any_text_has_an_expectation(text: str, seconds: float):
    expected = expect(text)
    assert 0 <= expected.shortest <= expected.typical <= expected.longest
    assert expected.duration_ratio(seconds, 15) > 0
    assert expected.duration_ratio(2 * seconds, 15) >= expected.duration_ratio(seconds, 15)


# -- gates

GOOD = Measures(3.0, -25.0, -6.0, 0.0, 0.0, 0.3, 0.4, 0.8, 45, 17.0)
TEXT = "Do I need an umbrella with me this afternoon?"


def test_a_good_utterance_has_no_fault():
    assert failed_gates(Gates(), GOOD, TEXT, 15) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"loudness_lufs": -55.0}, "loudness_lufs is -55, less than min_loudness_lufs=-50"),
        ({"loudness_lufs": -3.0}, "loudness_lufs is -3, more than max_loudness_lufs=-6"),
        ({"clipped": 0.01}, "clipped is 0.01, more than max_clipped=0.001"),
        ({"dc": -0.05}, "dc is 0.05, more than max_dc=0.02"),
        ({"leading_silence": 1.2}, "leading_silence is 1.2, more than max_leading_silence=1"),
        ({"trailing_silence": 2.0}, "trailing_silence is 2, more than max_trailing_silence=1.5"),
        ({"inner_silence": 4.0}, "inner_silence is 4, more than max_inner_silence=2"),
        ({"chars_per_second": 3.0}, "chars_per_second is 3, less than min_chars_per_second=5"),
        ({"chars_per_second": 50.0}, "chars_per_second is 50, more than max_chars_per_second=35"),
        ({"seconds": 0.9}, "duration_ratio is 0.3, less than min_duration_ratio=0.4"),
        ({"seconds": 14.0}, "duration_ratio is 4, more than max_duration_ratio=2.5"),
    ],
    ids=str,
)
def test_each_gate_tells_measure_value_and_threshold(change: dict[str, float], fault: str):
    assert failed_gates(Gates(), GOOD._replace(**change), TEXT, 15) == [(fault.split(" ")[0], fault)]


def test_a_short_text_has_no_speaking_rate():
    assert failed_gates(Gates(), GOOD._replace(seconds=0.8, chars_per_second=2.0), "Oh.", 15) == []


def test_without_an_expected_rate_lengths_are_not_judged():
    assert failed_gates(Gates(), GOOD._replace(seconds=60.0, chars_per_second=0.1), TEXT, None) == []


@pytest.mark.parametrize(
    ("gates", "measures", "faulty"),
    [
        ({"recogniser": "pocketsphinx"}, {"wer": 0.8}, True),
        ({"recogniser": "pocketsphinx"}, {"wer": 0.2}, False),
        ({"recogniser": "pocketsphinx"}, {"wer": float("nan")}, False),
        ({}, {"wer": 0.8}, False),
        ({"dnsmos": True}, {"dnsmos": 1.5}, True),
        ({"speaker_similarity": True}, {"speaker_similarity": 0.3}, True),
        ({"speaker_similarity": True, "enabled": False}, {"speaker_similarity": 0.3}, False),
    ],
    ids=str,
)
def test_optional_measures_are_judged_where_they_are_switched_on(gates: dict, measures: dict, faulty: bool):
    assert bool(failed_gates(Gates(**gates), GOOD._replace(**measures), TEXT, 15)) is faulty


# -- the built-in voice


@pytest.fixture(scope="module")
def builtin():
    from moshi_assets.engines.builtin import BuiltinEngine
    from moshi_assets.recipe.engines import BuiltinOptions

    return BuiltinEngine(BuiltinOptions())


@pytest.mark.parametrize("text", ["No.", "Mm-hm.", "W.", "1999", "Call 555 0199 2234, please.", "I see. Thank you!"])
def test_ordinary_short_texts_of_the_built_in_voice_pass(builtin, text: str):
    from moshi_assets.audio.pcm import to_pcm16
    from moshi_assets.engines.base import SynthesisTask

    for voice in ("heart", "heart-deep"):
        (spoken,) = builtin.synthesize([SynthesisTask("d", "i", 0, "user", text, voice, 1, b"k" * 16)])
        found = measure(to_pcm16(spoken.audio), spoken.sample_rate, text)
        assert failed_gates(Gates(), found, text, builtin.characters_per_second) == []
