"""Stereo assembly, sample formats and the index of a shard."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from indextts.engine.samples import to_int16
from moshi_assets.audio.pcm import Unspeakable, resample, resampled_frames, to_pcm16
from moshi_assets.recipe import make_recipe
from moshi_assets.stereo.index import read_index, write_index
from moshi_assets.stereo.recording import CHANNEL, PlacedTurn, Recording, lay_out, recording_path, write_recording
from tests.moshi_assets.support.plain_dataset import full_disk

PCM = st.lists(st.integers(-32768, 32767), min_size=1, max_size=60).map(lambda values: np.asarray(values, np.int16))
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), PCM), min_size=1, max_size=5)
GAPS = st.integers(0, 20)


def recipe(**settings: Any):
    return make_recipe({"name": "talks", "source": "talks.jsonl"} | settings)


# -- assembly


def stereo_of(turns: list) -> np.ndarray:
    return np.column_stack(lay_out(turns))


def starts_of(turns: list, gap: int) -> list[int]:
    """Starts of turns that follow one another, `gap` frames apart."""
    ends = np.cumsum([len(samples) + gap for _, samples in turns]).tolist()
    return [0, *ends[:-1]]


def assembled(turns: list, gap: int) -> tuple[np.ndarray, list[int]]:
    starts = starts_of(turns, gap)
    return stereo_of([(role, start, samples) for (role, samples), start in zip(turns, starts, strict=True)]), starts


def test_the_assistant_is_left_and_the_user_right():
    user, assistant = np.full(3, 5, np.int16), np.full(2, 7, np.int16)
    stereo = stereo_of([("user", 0, user), ("assistant", 4, assistant)])
    assert stereo[:, 0].tolist() == [0, 0, 0, 0, 7, 7]
    assert stereo[:, 1].tolist() == [5, 5, 5, 0, 0, 0]


def test_overlapped_turns_start_together():
    user, assistant = np.full(3, 5, np.int16), np.full(2, 7, np.int16)
    stereo = stereo_of([("user", 0, user), ("assistant", 0, assistant)])
    assert stereo.tolist() == [[7, 5], [7, 5], [0, 5]] and stereo.dtype == np.int16


@given(turns=TURNS, gap=GAPS)
def test_every_turn_lies_bit_for_bit_where_it_is_put(turns: list, gap: int):
    stereo, starts = assembled(turns, gap)
    for start, (role, samples) in zip(starts, turns, strict=True):
        assert np.array_equal(stereo[start : start + len(samples), CHANNEL[role]], samples)


@given(turns=TURNS, gap=GAPS)
def test_outside_its_turns_a_channel_is_exact_zero(turns: list, gap: int):
    stereo, starts = assembled(turns, gap)
    for start, (role, samples) in zip(starts, turns, strict=True):
        stereo[start : start + len(samples), CHANNEL[role]] = 0
    assert not stereo.any()


@given(turns=TURNS, gap=GAPS)
def test_a_recording_ends_with_its_last_sound(turns: list, gap: int):
    stereo, starts = assembled(turns, gap)
    assert len(stereo) == starts[-1] + len(turns[-1][1])


# -- samples


@given(pcm=PCM.filter(np.any))
@example(pcm=np.arange(-32768, 32768).astype(np.int16))
def test_int16_passes_untouched(pcm: np.ndarray):
    assert to_pcm16(pcm) is pcm


@given(samples=st.lists(st.floats(-1.5, 1.5, width=32), min_size=1).filter(lambda v: max(map(abs, v)) > 1e-4))
@example(samples=(np.arange(-65534, 65535, dtype=np.float32) / 65534).tolist())
def test_float_becomes_what_infer_writes(samples: list[float]):
    wave = np.asarray(samples, np.float32)
    assert np.array_equal(to_pcm16(wave), to_int16(torch.from_numpy(wave)).numpy())


def test_float_is_cut_towards_zero_and_clipped_at_full_scale():
    wave = np.array([0.0, 0.6 / 32767, 1.6 / 32767, -1.6 / 32767, 1.0, 1.5, -1.0, -7.0], np.float32)
    assert to_pcm16(wave).tolist() == [0, 0, 1, -1, 32767, 32767, -32767, -32767]


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.zeros(0, np.int16), "empty"),
        (np.zeros(9, np.int16), "silent"),
        (np.full(9, 1e-6, np.float32), "silent"),
        (np.array([0.5, np.nan], np.float32), "NaN"),
        (np.array([0.5, -np.inf], np.float32), "infinite"),
        (np.ones((9, 2), np.float32), "shape"),
        (np.array(0.5, np.float32), "shape"),
    ],
)
def test_what_is_no_speech_is_refused(audio: np.ndarray, reason: str):
    with pytest.raises(Unspeakable, match=reason):
        to_pcm16(audio)


def test_resampling_to_the_same_rate_changes_nothing():
    pcm = np.arange(-100, 100, dtype=np.int16)
    assert resample(pcm, 24000, 24000) is pcm


@given(frames=st.integers(1, 5000), rates=st.permutations([8000, 16000, 22050, 24000, 44100]))
def test_resampling_keeps_the_duration(frames: int, rates: list[int]):
    rate, target = rates[:2]
    pcm = np.full(frames, 1000, np.int16)
    assert len(resample(pcm, rate, target)) == resampled_frames(frames, rate, target)
    assert abs(len(resample(pcm, rate, target)) - frames * target / rate) <= 0.5


@pytest.mark.parametrize(("rate", "target"), [(24000, 16000), (22050, 24000), (24000, 48000)])
def test_resampling_keeps_a_tone(rate: int, target: int):
    def tone(at: int) -> np.ndarray:
        return np.rint(20000 * np.sin(2 * np.pi * 440 * np.arange(at) / at)).astype(np.int16)

    inner = slice(target // 10, -target // 10)
    error = resample(tone(rate), rate, target)[inner].astype(float) - tone(target)[inner]
    assert np.sqrt(np.mean(error**2)) < 20  # 60 dB below the tone


def test_resampling_full_scale_does_not_wrap():
    square = np.where(np.arange(4000) // 50 % 2, 32767, -32768).astype(np.int16)
    resampled = resample(square, 24000, 16000).astype(int)
    assert np.abs(resampled).max() <= 32767
    assert np.corrcoef(resampled, np.where(np.arange(len(resampled)) * 1.5 // 50 % 2, 1, -1))[0, 1] > 0.9


# -- files


@given(stereo=st.lists(st.tuples(*[st.integers(-32768, 32767)] * 2), min_size=1, max_size=200), rate=st.just(24000))
@example(stereo=[(n, -n - 1) for n in range(-32768, 32768, 7)], rate=22050)
def test_samples_round_trip_through_the_wav(stereo: list, rate: int, tmp_path_factory: pytest.TempPathFactory):
    path, samples = tmp_path_factory.mktemp("wav") / "a.wav", np.asarray(stereo, np.int16)
    write_recording(path, samples, rate)
    heard, heard_rate = sf.read(path, dtype="int16", always_2d=True)
    assert np.array_equal(heard, samples) and heard_rate == rate


@given(frames=st.integers(1, 500), rate=st.sampled_from([8000, 22050, 24000, 44100]))
def test_the_wav_has_the_bytes_that_soundfile_writes(frames: int, rate: int, tmp_path_factory: pytest.TempPathFactory):
    """The classic builder writes with soundfile, and the two are compared byte for byte."""
    samples = np.random.default_rng(frames).integers(-32768, 32768, (frames, 2)).astype(np.int16)
    path, classic = tmp_path_factory.mktemp("wav") / "a.wav", io.BytesIO()
    write_recording(path, samples, rate)
    sf.write(classic, samples, rate, subtype="PCM_16", format="WAV")
    assert path.read_bytes() == classic.getvalue()


def test_a_full_disk_is_an_error_and_leaves_the_earlier_wav(tmp_path: Path):
    path = tmp_path / "a.wav"
    write_recording(path, np.ones((10, 2), np.int16), 24000)
    before = path.read_bytes()
    with full_disk(10_000), pytest.raises(OSError):
        write_recording(path, np.ones((50_000, 2), np.int16), 24000)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == {path: before}


# -- paths


@pytest.mark.parametrize(
    ("shard_dirs", "path"), [(False, "data_stereo/a.wav"), (True, "data_stereo/talks.000003/a.wav")]
)
def test_the_path_of_a_recording(shard_dirs: bool, path: str):
    assert recording_path(recipe(shard_dirs=shard_dirs), "talks.000003", "a") == path


# -- the index

TURN = PlacedTurn("ü/1", 0, "user", 0, 9, 2**64 - 1, b"c" * 16)
LAUGH = PlacedTurn("ü/1", 1, "assistant", 3, 2, 7, b"d" * 16, True, (0.0, 0.5))
RECORDINGS = [
    Recording(("ü/1",), (3,), "train", "data_stereo/a.wav", b"k" * 16, 24000, 48000, (TURN, LAUGH)),
    Recording(("mute",), (4,), "train", "data_stereo/b.wav", b"l" * 16, 0, 0, (), failure="it is mute"),
    Recording(("c", "d"), (5, 7), "eval", "data_stereo/c.wav", b"m" * 16, 24000, 1, (), fault="it is silent"),
]


def test_an_index_comes_back_as_written(tmp_path: Path):
    write_index(tmp_path / "stereo" / "talks.000000.index", RECORDINGS)
    assert read_index(tmp_path / "stereo" / "talks.000000.index") == RECORDINGS


def test_a_missing_index_holds_nothing(tmp_path: Path):
    assert read_index(tmp_path / "absent") == []


@given(position=st.integers(0), flip=st.integers(1, 255))
@example(position=2000, flip=255)
def test_a_damaged_index_is_not_believed(position: int, flip: int, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("index") / "talks.000000.index"
    write_index(path, RECORDINGS)
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= flip
    path.write_bytes(content)
    assert read_index(path) == []


@given(length=st.integers(0))
def test_a_truncated_index_is_not_believed(length: int, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("index") / "talks.000000.index"
    write_index(path, RECORDINGS)
    content = path.read_bytes()
    path.write_bytes(content[: length % len(content)])
    assert read_index(path) == []


def test_duration_is_frames_over_rate():
    assert replace(RECORDINGS[0], frames=36000).duration == 1.5
