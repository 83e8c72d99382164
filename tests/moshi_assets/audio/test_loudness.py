"""Loudness normalisation: one gain a speaker, true peaks under the limit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.audio.loudness import balance, normalise, true_peak
from moshi_assets.quality.measures import measure
from tests.moshi_assets.support.plain_dataset import PlainDataset, records

RATE = 24000


def noise(seconds: float, peak: int = 3000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-peak, peak, round(seconds * RATE)).astype(np.int16)


def lufs(turns: list[np.ndarray]) -> float:
    return measure(np.concatenate(turns), RATE, "x").loudness_lufs


@given(
    lengths=st.lists(st.floats(0.1, 1.5), min_size=1, max_size=4),
    peak=st.integers(300, 30000),
    target=st.floats(-35, -16),
    limit=st.floats(-9, 0),
)
def test_a_speaker_reaches_the_target_or_is_held_back_by_the_limit(lengths, peak, target, limit):
    turns = [noise(length, peak, seed) for seed, length in enumerate(lengths)]
    done, level = normalise(turns, RATE, target, limit)
    assert lufs(done) == pytest.approx(level.lufs, abs=0.1)
    assert max(true_peak(turn, RATE) for turn in done) <= limit + 0.1
    assert level.lufs <= target + 1e-6
    assert level.held_back == (level.lufs < target - 1e-9)


def test_turns_keep_their_relation():
    loud, quiet = noise(1, 8000), noise(1, 800)
    done, _ = normalise([loud, quiet], RATE, -20, -1)
    ratios = [np.abs(after).mean() / np.abs(before).mean() for before, after in zip((loud, quiet), done, strict=True)]
    assert ratios[0] == pytest.approx(ratios[1], rel=0.01)


def test_both_speakers_are_equally_loud_afterwards():
    turns = [noise(1, 500), noise(1, 9000), noise(2, 700)]
    done, levels = balance(["user", "assistant", "user"], turns, RATE, -28.0, -1.0)
    assert {role: round(level.lufs, 3) for role, level in levels.items()} == {"user": -28.0, "assistant": -28.0}
    assert lufs([done[0], done[2]]) == pytest.approx(lufs([done[1]]), abs=0.1)
    assert [len(turn) for turn in done] == [len(turn) for turn in turns]


def test_a_peak_between_samples_is_found():
    """A sine at a quarter of the rate, sampled 45 degrees off its peaks, is 3 dB higher between them."""
    wave = np.sin(2 * np.pi * np.arange(4800) / 4 + np.pi / 4)
    samples = np.rint(20000 * wave / np.abs(wave).max()).astype(np.int16)
    assert true_peak(samples, RATE) - 20 * np.log10(20000 / 32767) == pytest.approx(3.01, abs=0.3)


def test_silence_stays_silence():
    quiet = np.array([1, -1] * 5000, np.int16)
    (done,), level = normalise([quiet], RATE, -20, -1)
    assert done is quiet and not level.held_back


# -- in a dataset


def test_recordings_are_normalised_where_the_recipe_says_so(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2), target_lufs=-30.0)
    dataset.build()
    import soundfile as sf

    samples, rate = sf.read(dataset.wav("talk_000"), dtype="int16")
    for channel in samples.T:
        assert measure(channel[np.flatnonzero(channel)[0] :][: rate // 5], rate, "x").loudness_lufs == pytest.approx(
            -30, abs=0.3
        )


def test_the_stage_tells_who_was_held_back_and_how_far_speakers_are_apart(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2), target_lufs=-12.0, true_peak_dbtp=-9.0)
    dataset.build()
    dataset.wav("talk_000").unlink()
    (stage,) = dataset.pair()
    told = stage.levels.summary()
    assert (told["speakers_normalised"], told["speakers_held_back_by_true_peak"]) == (2, 2)
    assert 0 <= told["channels_apart_max_lu"] < 1


def test_a_target_keeps_the_mono_parts_that_another_target_needs(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), target_lufs=-23.0, keep_mono=False)
    dataset.build()
    assert dataset.recipe.keeps_mono and len(dataset.spoken()) == 2


@pytest.mark.parametrize("setting", [{"target_lufs": -30.0}, {"target_lufs": -25.0, "true_peak_dbtp": -12.0}], ids=str)
def test_a_change_of_the_target_makes_recordings_anew_and_speaks_nothing(tmp_path: Path, setting: dict[str, float]):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.build()
    before = dataset.outputs()
    dataset.settings |= setting
    assert dataset.build() == 0
    after = dataset.outputs()
    assert all(after[path] != content for path, content in before.items() if path.endswith(".wav"))
    dataset.settings = {name: value for name, value in dataset.settings.items() if name not in setting}
    assert dataset.build() == 0 and dataset.outputs() == before
