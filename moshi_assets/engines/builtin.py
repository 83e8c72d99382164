"""The built-in voice: `hibari-tts`, a small English neural TTS (Apache-2.0) whose model lies inside its wheel.

It makes the pipeline audible without a GPU, a checkpoint or a network. It is not the voice for your dataset.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
import soxr

from ..dialogues.dialogue import EmotionSettings, Role
from ..reading import other_scripts
from ..recipe.engines import BuiltinOptions
from .base import SynthesisResult, SynthesisTask, Unspeakable, Voice, VoiceError

_PITCH = {"heart": 1.0, "heart-deep": 0.82}
"""Preset -> pitch factor. Below 1 the text is spoken faster by its inverse and then stretched back by resampling:
deeper with natural formants (warping F0 or formants alone sounds worse)."""

_SEED_BITS = 2**63


class BuiltinEngine:
    """hibari's voice "heart" at 24 kHz in two presets, one for each role. Bit-exact for a given seed."""

    default_voices: ClassVar[dict[Role, str]] = {"user": "heart-deep", "assistant": "heart"}
    batch_size = 8
    sample_rate = 24000
    seed_matters = False  # it moves the noise in consonants; length, pauses and level stay
    characters_per_second = 15.0
    languages: ClassVar[frozenset[str] | None] = frozenset({"en"})

    def __init__(self, options: BuiltinOptions, device: str | None = None, deterministic: bool = False) -> None:
        from .hibari_times import TimedHibari

        # One thread: the model is fastest so, lanes give the parallelism, and the result cannot depend on the machine.
        self._tts = TimedHibari()

    @classmethod
    def revision(cls, options: BuiltinOptions) -> str:
        return f"hibari-tts-{version('hibari-tts')}/heart"

    @classmethod
    def find_voice(cls, options: BuiltinOptions, voice: str, folder: Path) -> Voice:
        if voice not in _PITCH:
            raise VoiceError(f"unknown voice {voice!r} of engine 'builtin': choose one of {', '.join(_PITCH)}")
        return Voice(voice, f"{voice}/{_PITCH[voice]}")

    @classmethod
    def pool_voices(cls, options: BuiltinOptions, entry: str, folder: Path) -> list[str]:
        return [entry]

    @classmethod
    def find_emotion(cls, options: BuiltinOptions, emotion: EmotionSettings, folder: Path) -> None:
        return None  # knows no emotions

    @classmethod
    def unspeakable(cls, options: BuiltinOptions) -> Unspeakable:
        return partial(other_scripts, language="en")

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        return [self._speak(task) for task in tasks]

    def _speak(self, task: SynthesisTask) -> SynthesisResult:
        begin = time.perf_counter()
        pitch = _PITCH[task.voice]
        speech = self._tts.speak(task.spoken, speed=1 / pitch, seed=task.seed % _SEED_BITS)
        audio = speech.audio.astype(np.float32, copy=False)
        if pitch != 1.0 and len(audio):
            audio = soxr.resample(audio, self.sample_rate * pitch, self.sample_rate, quality="HQ")
        word_times = None if speech.word_samples is None else speech.word_samples / (self.sample_rate * pitch)
        return SynthesisResult(audio, self.sample_rate, time.perf_counter() - begin, word_times=word_times)

    def read_ahead(self, tasks: Sequence[SynthesisTask]) -> None:
        pass

    def work_figures(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        del self._tts
