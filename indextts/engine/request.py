"""Requests to the engine, and results. docs/indextts2.md §1."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

NoiseSource = Callable[[int, tuple[int, int, int]], Any]
"""`(segment index, (1, 80, T)) -> starting point of the flow`, a tensor or an array of that shape."""
ChunkListener = Callable[[Tensor, int, int], None]
"""`(samples (N,) float32 in [-1, 1], sampling rate in Hz, segment index)`."""


class InferenceResult(NamedTuple):
    """One utterance."""

    sampling_rate: int
    """Hz."""
    wav_tensor: Tensor | np.ndarray
    """(N,) float32 in [-1, 1] on the CPU; a numpy array if the call asked for one."""
    duration_sec: float
    """N / sampling_rate."""
    rtf: float
    """Seconds of work per second of audio."""
    timings: dict[str, float]
    """Seconds by stage: prompt, text, gpt, latent, flow, vocoder."""

    @property
    def audio(self) -> Tensor | np.ndarray:
        """Another name of `wav_tensor`."""
        return self.wav_tensor


@dataclass(frozen=True)
class Emotion:
    """The emotion of an utterance, if it differs from the voice prompt: one of audio, vector or text, and its
    strength.
    """

    emo_audio: str | Path | None = None
    """A recording that sounds like it."""
    emo_vector: Sequence[float] | None = None
    """8 weights: happy, angry, sad, afraid, disgusted, melancholic, surprised, calm."""
    emo_text: str | None = None
    """A description; needs the Qwen emotion model of the checkpoint."""
    emo_alpha: float = 1.0
    """0 is the voice's own emotion, 1 is all of this one."""
    use_random: bool = False
    """With a vector or a text, draws the prototypes at random instead of choosing those close to the voice."""

    def __post_init__(self) -> None:
        given = [name for name in ("emo_audio", "emo_vector", "emo_text") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"an emotion is given by one of emo_audio, emo_vector, emo_text, not by {given}")

    @classmethod
    def of(cls, emotion: Emotion | Mapping[str, Any] | None) -> Emotion:
        """An `Emotion` from one, from a mapping with the same names, or from None.

        Raises:
            ValueError: the mapping has an unknown name.
        """
        if isinstance(emotion, Emotion):
            return emotion
        settings = dict(emotion or {})
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f"unknown emotion settings {unknown}; known are {known}")
        return cls(**settings)

    @classmethod
    def from_arguments(
        cls,
        text: str,
        emo_audio_prompt: str | Path | None = None,
        emo_alpha: float = 1.0,
        emo_vector: Sequence[float] | None = None,
        use_emo_text: bool = False,
        emo_text: str | None = None,
        use_random: bool = False,
    ) -> Emotion:
        """Make an emotion from the arguments of `infer`, where a text overrides a vector, and both override a
        recording.
        """
        if use_emo_text:
            return cls(emo_text=emo_text or text, emo_alpha=emo_alpha, use_random=use_random)
        if emo_vector is not None:
            return cls(emo_vector=tuple(emo_vector), emo_alpha=emo_alpha, use_random=use_random)
        return cls(emo_audio=emo_audio_prompt, emo_alpha=emo_alpha)


@dataclass(frozen=True)
class SynthesisRequest:
    """One utterance to speak."""

    text: str
    """Text to say; a long one becomes several segments."""
    voice: str | Path
    """The prompt's file."""
    seed: int | None = None
    """Makes the audio reproducible; None draws one from torch's global generator."""
    emotion: Emotion | Mapping[str, Any] | None = None
    """An `Emotion` or a mapping with its names; None: as in the prompt."""
    min_mel_tokens: int | None = None
    """Fewest codes of each segment (50 a second); None: as the call says."""
    max_mel_tokens: int | None = None
    """Most codes of each segment; None: as the call says."""


class RandomStreams:
    """Independent random streams of one call, all derived from one seed.

    Streams are CPU generators, so a seed means the same numbers on every device.
    """

    def __init__(self, seed: int | None = None, generator: torch.Generator | None = None) -> None:
        """Begin with `seed`, or with one drawn from `generator`, by default torch's global one (of the CPU).

        Raises:
            ValueError: both are given.
        """
        if seed is not None and generator is not None:
            raise ValueError("give seed or generator, not both")
        if seed is None:
            generator = torch.default_generator if generator is None else generator
            seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
        self.seed = int(seed)

    def stream(self, purpose: str, segment: int = 0) -> torch.Generator:
        """The generator of one purpose (`codes`, `flow`, `emotion`) in one segment."""
        digest = hashlib.blake2b(f"{self.seed}/{purpose}/{segment}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little"))
