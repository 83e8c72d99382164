"""A long silence at the start of a prompt is skipped where that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from indextts.checkpoint.pseudo_weights import wave
from indextts.voice.features import load_audio
from indextts.voice.leading_silence import KEPT_SECONDS, frames_to_skip

RATE = 22050
VOICE = wave(RATE, 2.0, 3)


def recording(path: Path, *parts: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    sf.write(path, np.concatenate(parts), rate, subtype=subtype)
    return path


def silence(seconds: float, level: float = 0.0) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def skipped(path: Path) -> float:
    with sf.SoundFile(path) as file:
        return frames_to_skip(file) / file.samplerate


@pytest.mark.parametrize("level", [0.0, 0.001], ids=["zeros", "a quiet room"])
def test_a_long_silence_is_skipped_but_for_its_end(tmp_path, level):
    path = recording(tmp_path / "late.wav", silence(20, level), VOICE)
    assert skipped(path) == pytest.approx(20 - KEPT_SECONDS, abs=0.1)


@pytest.mark.parametrize("parts", [(VOICE,), (silence(0.9), VOICE), (silence(5, 0.05), VOICE)])
def test_what_begins_with_a_sound_or_a_short_silence_is_left_alone(tmp_path, parts):
    assert skipped(recording(tmp_path / "prompt.wav", *parts)) == 0


def test_a_click_is_no_sound_and_an_offset_is_none(tmp_path):
    click = np.append(np.full(30, 0.9, np.float32), silence(5) + np.float32(0.1))
    assert skipped(recording(tmp_path / "click.wav", click, VOICE)) > 4


def test_a_recording_without_a_sound_is_left_alone(tmp_path):
    assert skipped(recording(tmp_path / "nothing.wav", silence(30))) == 0


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_what_is_loaded_begins_where_it_was_said_to(tmp_path, ending):
    path = recording(tmp_path / f"late.{ending}", silence(20), VOICE)
    whole, _ = sf.read(path, dtype="float32")
    begin = round(skipped(path) * RATE)
    loaded = load_audio(path, RATE, skip_silence=True)
    assert begin > 19 * RATE
    assert len(loaded) == len(whole) - begin
    assert np.abs(loaded - whole[begin:]).max() < 1e-4


def test_by_default_the_silence_counts_as_in_the_published_class(tmp_path):
    path = recording(tmp_path / "late.wav", silence(20), VOICE)
    assert not load_audio(path, RATE).any()


def test_a_prompt_without_a_long_silence_is_loaded_alike(tmp_path):
    path = recording(tmp_path / "prompt.wav", silence(0.9), VOICE)
    assert np.array_equal(load_audio(path, RATE, skip_silence=True), load_audio(path, RATE))
