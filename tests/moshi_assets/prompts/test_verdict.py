"""Which recordings can be voices: real speech with one thing wrong, and sounds in which nobody speaks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.prompts import voice_activity
from moshi_assets.prompts.measures import PromptMeasures
from moshi_assets.prompts.recording import fault_of
from moshi_assets.prompts.verdict import PromptFault, sentence
from moshi_assets.recipe.prompts import PromptSettings
from tests.moshi_assets.support.voices import RATE, speech

VOICE = speech(4.0)
TIME = np.arange(5 * RATE) / RATE
NOISE = np.random.default_rng(0).standard_normal(5 * RATE)


def look(path: Path, wave: np.ndarray, seconds: float = 15.0, subtype: str | None = None, **settings: float | bool):
    """Write samples to a file and judge it: measures and fault."""
    sf.write(path, wave, RATE, subtype=subtype)
    prompt, fault = fault_of(path, seconds, PromptSettings.model_validate(settings))
    return prompt.measures if prompt else None, fault


def measures(path: Path, wave: np.ndarray, seconds: float = 15.0, subtype: str | None = None) -> PromptMeasures:
    found, _ = look(path, wave, seconds, subtype)
    assert found
    return found


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def coloured(exponent: float) -> np.ndarray:
    """Noise whose power falls with a power of the frequency: 1 is pink, 2 brown."""
    spectrum = np.fft.rfft(NOISE)
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (exponent / 2)
    wave = np.fft.irfft(spectrum, len(NOISE))
    return 0.1 * wave / wave.std()


def melody() -> np.ndarray:
    """A plucked chord on every half second."""
    notes = (262, 330, 392, 523)
    return sum(0.05 / k * np.sin(2 * np.pi * note * k * TIME) for note in notes for k in (1, 2, 3)) * np.exp(
        -4 * (TIME % 0.5)
    )


SPEECH: dict[str, Callable[[], np.ndarray]] = {
    "as it is": lambda: VOICE,
    "another voice": lambda: speech(4.0, 1),
    "in stereo": lambda: np.stack([VOICE, VOICE], axis=1),
    "on one channel": lambda: np.stack([VOICE, 0 * VOICE], axis=1),
    "quiet": lambda: 0.1 * VOICE,
    "as loud as it can be": lambda: VOICE / np.abs(VOICE).max(),
    "in noise as loud as the voice": lambda: 0.5 * VOICE + 0.5 * VOICE.std() * NOISE[: len(VOICE)],
    "with a little offset": lambda: VOICE + np.float32(0.01),
    "after a second of silence": lambda: np.append(silence(0.9), VOICE),
}


@pytest.mark.parametrize("what", SPEECH)
def test_a_recording_of_somebody_who_speaks_is_a_voice(tmp_path, what):
    assert look(tmp_path / "her.wav", SPEECH[what]())[1] is None


@pytest.mark.parametrize(
    "how",
    [
        *("wav PCM_U8", "wav PCM_24", "wav DOUBLE", "wav ULAW", "flac", "ogg VORBIS", "ogg OPUS"),
        *("mp3", "aiff", "au", "caf", "w64", "rf64"),
    ],
)
def test_what_libsndfile_reads_can_be_a_voice(tmp_path, how):
    ending, _, subtype = how.partition(" ")
    assert look(tmp_path / f"her.{ending}", VOICE, subtype=subtype or None)[1] is None


FAULTS: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
    "zeros": ("too quiet", lambda: silence(5)),
    "a voice of -66 dB": ("too quiet", lambda: 10 ** (-66 / 20) * VOICE),
    "white noise": ("no speech", lambda: 0.1 * NOISE),
    "pink noise": ("no speech", lambda: coloured(1)),
    "brown noise": ("no speech", lambda: coloured(2)),
    "noise with syllables": ("no speech", lambda: 0.1 * NOISE * (0.5 + 0.5 * np.sin(8 * np.pi * TIME))),
    "mains hum": ("no speech", lambda: sum(0.1 / k * np.sin(2 * np.pi * 50 * k * TIME) for k in (1, 2, 3, 5))),
    "a tone": ("no speech", lambda: 0.2 * np.sin(2 * np.pi * 440 * TIME)),
    "music": ("no speech", melody),
    "clicks": ("no speech", lambda: 0.5 * (np.arange(5 * RATE) % 12000 < 8)),
    "a word in much noise": ("too little speech", lambda: np.concatenate([VOICE[:RATE], *[0.05 * NOISE] * 2])),
    "channels that cancel": ("channels cancel", lambda: np.stack([VOICE, -VOICE], axis=1)),
    "channels that nearly cancel": ("channels cancel", lambda: np.stack([VOICE, -0.8 * VOICE], axis=1)),
    "clipped": ("clipped", lambda: np.clip(40 * VOICE, -1, 1)),
    "clipped and turned down": ("clipped", lambda: 0.3 * np.clip(40 * VOICE, -1, 1)),
    "one channel clipped": ("clipped", lambda: np.stack([np.clip(40 * VOICE, -1, 1), 0.1 * VOICE], axis=1)),
    "an offset": ("offset", lambda: 0.3 * VOICE + np.float32(0.6)),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_be_a_voice_is_told_by_its_kind_and_measure(tmp_path, what):
    kind, make = FAULTS[what]
    found, fault = look(tmp_path / "her.wav", make())
    assert found and fault and fault.kind == kind, sentence(fault) if fault else found
    assert fault.value is not None and fault.limit is not None


@pytest.mark.parametrize("what", FAULTS)
def test_without_the_check_everything_that_can_be_read_is_a_voice(tmp_path, what):
    assert look(tmp_path / "her.wav", FAULTS[what][1](), check=False)[1] is None


def test_clipping_that_compression_has_rounded_is_found_too(tmp_path):
    _, fault = look(tmp_path / "her.mp3", np.clip(10 * VOICE, -1, 1))
    assert fault and fault.kind == "clipped"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_a_fault_where_it_counts_and_none_behind(tmp_path, value):
    wave = np.concatenate([VOICE, VOICE])
    wave[3 * RATE] = value
    _, fault = look(tmp_path / "her.wav", wave, subtype="FLOAT")
    assert fault == PromptFault("not finite", 1, 0)
    _, fault = look(tmp_path / "cut.wav", wave, seconds=2.5, subtype="FLOAT")
    assert fault is None


def test_integers_written_as_floats_are_told_as_such(tmp_path):
    _, fault = look(tmp_path / "her.wav", 32768 * VOICE, subtype="FLOAT")
    assert fault and "times full scale" in sentence(fault)


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("a voice of -66 dB", {"min_loudness_lufs": -100, "min_speech_seconds": 0, "min_speech_share": 0}),
        ("white noise", {"min_speech_seconds": 0, "min_speech_share": 0}),
        ("a word in much noise", {"min_speech_share": 0.02}),
        ("channels that nearly cancel", {"max_cancelled_db": 30}),
        ("clipped", {"max_clipped": 1, "max_dc": 1}),
        ("an offset", {"max_dc": 0.7}),
    ],
)
def test_every_limit_is_a_setting(tmp_path, what, limit):
    assert look(tmp_path / "her.wav", FAULTS[what][1](), **limit)[1] is None


def test_only_the_part_that_counts_is_judged(tmp_path):
    wave = np.concatenate([VOICE, 0.1 * NOISE, 0.1 * NOISE])
    assert look(tmp_path / "her.wav", wave, seconds=5)[1] is None
    assert look(tmp_path / "turned.wav", wave[::-1], seconds=5)[1] == PromptFault("no speech", 0.0, 0.5)


def test_a_long_silence_at_the_start_does_not_count(tmp_path):
    late = np.append(silence(20), VOICE)
    found = measures(tmp_path / "late.wav", late)
    assert found.start == pytest.approx(19.8, abs=0.3) and found.speech_share > 0.6
    _, fault = look(tmp_path / "kept.wav", late, skip_silence=False)
    assert fault and fault.kind == "too quiet"


def test_what_is_left_after_the_silence_must_be_long_enough(tmp_path):
    _, fault = look(tmp_path / "her.wav", np.append(silence(20), VOICE[: RATE // 2]))
    assert fault and sentence(fault) == "lasts 0.60 s after the silence at its start; at least 1.0 s are needed"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("her.m4a", b"\0\0\0\x20ftypM4A " + bytes(99), r"holds MP4 \(m4a, AAC\), which is not read: use WAV"),
        ("her.aac", b"\xff\xf1\x50\x80" * 99, "holds AAC, which is not read: use WAV, FLAC, OGG"),
        ("her.webm", b"\x1aE\xdf\xa3" + bytes(99), "holds WebM or Matroska"),
        ("her.wma", b"\x30\x26\xb2\x75" + bytes(99), "holds WMA"),
        ("her.wav", b"", "is damaged or no sound file: use WAV.*no bytes"),
        ("her.wav", b"<html>404</html>", "is damaged or no sound file: use WAV"),
        ("her.raw", bytes(99_999), "is damaged or no sound file: use WAV"),
    ],
)
def test_what_is_no_sound_that_can_be_read_names_the_formats_that_can(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    prompt, fault = fault_of(tmp_path / name, 15.0, PromptSettings())
    assert prompt is None and fault
    assert re.match(told, sentence(fault))


def test_a_link_to_itself_and_a_folder_are_told_as_what_they_are(tmp_path):
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "folder.wav").mkdir()
    told = [fault_of(tmp_path / f"{name}.wav", 15.0, PromptSettings())[1] for name in ("loop", "folder")]
    assert [fault and fault.kind for fault in told] == ["unreadable", "no file"]


def test_a_name_that_nothing_can_write_down_is_a_fault(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    path.touch()
    assert fault_of(path, 15.0, PromptSettings())[1] == PromptFault("odd name")


@pytest.mark.parametrize(("channels", "rate", "kind"), [(20, RATE, "too many channels"), (1, 768_000, "rate too high")])
def test_a_header_cannot_ask_for_much_memory(tmp_path, channels, rate, kind):
    sf.write(tmp_path / "her.wav", np.zeros((rate * 2, channels), np.float32), rate, subtype="PCM_U8")
    _, fault = fault_of(tmp_path / "her.wav", 15.0, PromptSettings())
    assert fault and fault.kind == kind


def test_without_the_detector_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(voice_activity, "find_spec", lambda name: None)
    voice_activity._model.cache_clear()
    sf.write(tmp_path / "her.wav", VOICE[: 3 * RATE + 7], RATE)  # of a content that no other test has measured
    with pytest.raises(voice_activity.DetectorMissing, match="pip install silero-vad"):
        fault_of(tmp_path / "her.wav", 15.0, PromptSettings())
