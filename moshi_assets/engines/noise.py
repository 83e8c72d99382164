"""Seeded noise in place of speech, for measuring throughput, never for training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..dialogues.dialogue import EmotionSettings, Role
from ..recipe.engines import NoiseOptions
from .base import SynthesisResult, SynthesisTask, Unspeakable, Voice, VoiceError

_MIN_SECONDS = 0.2


class NoiseEngine:
    """White noise whose length follows the text, with an optional simulated cost."""

    default_voices: ClassVar[dict[Role, str]] = {"user": "low", "assistant": "high"}
    _peaks: ClassVar[dict[str, int]] = {"low": 2048, "high": 4096}
    batch_size = 16
    sample_rate = 24000
    seed_matters = True
    characters_per_second = None  # as long as it is told to be
    languages = None

    def __init__(self, options: NoiseOptions, device: str | None = None, deterministic: bool = False) -> None:
        self._options = options

    @classmethod
    def revision(cls, options: NoiseOptions) -> str:
        return f"noise-1/{options.characters_per_second}"

    @classmethod
    def find_voice(cls, options: NoiseOptions, voice: str, folder: Path) -> Voice:
        if voice not in cls._peaks:
            raise VoiceError(f"unknown voice {voice!r} of engine 'noise': choose one of {', '.join(cls._peaks)}")
        return Voice(voice, voice)

    @classmethod
    def pool_voices(cls, options: NoiseOptions, entry: str, folder: Path) -> list[str]:
        return [entry]

    @classmethod
    def find_emotion(cls, options: NoiseOptions, emotion: EmotionSettings, folder: Path) -> None:
        return None  # knows no emotions

    @classmethod
    def unspeakable(cls, options: NoiseOptions) -> Unspeakable:
        return lambda text: ()

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        begin = time.perf_counter()
        audios = [self._audio(task) for task in tasks]
        seconds = sum(map(len, audios)) / self.sample_rate
        cost = self._options.seconds_per_call + self._options.seconds_per_audio_second * seconds
        if cost:
            time.sleep(max(0.0, cost - (time.perf_counter() - begin)))
        share = (time.perf_counter() - begin) / len(tasks)
        return [
            SynthesisResult(
                audio, self.sample_rate, share, word_times=_word_times(task.spoken, len(audio) / self.sample_rate)
            )
            for task, audio in zip(tasks, audios, strict=True)
        ]

    def _audio(self, task: SynthesisTask) -> np.ndarray:
        frames = int(self.sample_rate * max(_MIN_SECONDS, len(task.spoken) / self._options.characters_per_second))
        raw = np.random.Generator(np.random.SFC64(task.seed)).bytes(2 * frames)
        # The low bits of random int16 are a uniform amplitude: masking is the cheapest scaling there is.
        peak = self._peaks[task.voice]
        return (np.frombuffer(raw, np.int16) & np.int16(2 * peak - 1)) - np.int16(peak)

    def read_ahead(self, tasks: Sequence[SynthesisTask]) -> None:
        pass

    def work_figures(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        pass


def _word_times(text: str, seconds: float) -> np.ndarray:
    """(W, 2) seconds: the length of noise follows its text character by character."""
    lengths = np.array([len(word) for word in text.split()], np.float64)
    ends = np.cumsum(lengths + 1) - 1
    return np.column_stack([ends - lengths, ends]) * (seconds / ends[-1])
