"""Speaker similarity: whether an utterance sounds like its prompt (package resemblyzer)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile as sf

from ...audio.pcm import FULL_SCALE
from .base import Heard, ListenerError

MIN_SECONDS = 1.6
"""One window of the encoder in seconds; shorter sound says too little about a voice."""
_PROMPTS_KEPT = 1000


class SpeakerSimilarity:
    """Takes the measure `speaker_similarity`: cosine of the embeddings of utterance and prompt."""

    measure: ClassVar[str] = "speaker_similarity"

    def __init__(self, device: str | None) -> None:
        """
        Raises:
            ListenerError: the package is missing.
        """
        try:
            from resemblyzer import VoiceEncoder, preprocess_wav
        except ImportError as error:
            raise ListenerError(
                f"gates.speaker_similarity needs the package resemblyzer ({error}): pip install resemblyzer, or "
                f"switch it "
                f"off"
            ) from None
        self._encoder: Any = VoiceEncoder(device or "cpu", verbose=False)
        self._preprocess = preprocess_wav
        self._prompts: dict[str, np.ndarray] = {}

    def listen(self, utterances: Sequence[Heard]) -> list[float]:
        return [self._similarity(utterance) for utterance in utterances]

    def _similarity(self, utterance: Heard) -> float:
        if len(utterance.samples) < MIN_SECONDS * utterance.sample_rate:
            return math.nan
        wave = utterance.samples.astype(np.float32) / np.float32(FULL_SCALE)
        return float(np.dot(self._embed(wave, utterance.sample_rate), self._prompt(utterance.voice)))

    def _prompt(self, voice: str) -> np.ndarray:
        if voice not in self._prompts:
            if not Path(voice).is_file():
                raise ListenerError(
                    f"gates.speaker_similarity compares with recordings, and voice {voice!r} is none: switch it off "
                    f"for "
                    f"engines with presets"
                )
            samples, rate = sf.read(voice, dtype="float32", always_2d=True)
            if len(self._prompts) == _PROMPTS_KEPT:
                self._prompts.clear()
            self._prompts[voice] = self._embed(samples.mean(axis=1), rate)
        return self._prompts[voice]

    def _embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """(256,) of length 1."""
        return self._encoder.embed_utterance(self._preprocess(wave, source_sr=sample_rate))
