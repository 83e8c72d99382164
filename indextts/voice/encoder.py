"""A prompt file becomes conditioning, once: the encoders of a voice and the cache of their results.

docs/indextts2.md §2, §3 and §5. Everything a voice contributes to an utterance depends on the prompt alone, so it is
computed once and kept by the file's content. Voices are encoded one at a time and never as a batch: what a call
hears must not depend, even in the last bit, on what was encoded together with it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from ..foreign_files import ForeignFileError, require_regular
from ..models.campplus import CAMPPlus
from ..models.gpt import UnifiedVoice
from ..models.length_regulator import LengthRegulator
from ..models.semantic_codec import SemanticCodec
from .features import (
    ENCODER_RATE,
    MAX_PROMPT_SECONDS,
    SemanticEncoder,
    Spectrogram,
    load_audio,
    log_mel,
    resample_to_encoder,
    seamless_features,
    style_fbank,
)

DEFAULT_CACHE_BYTES = 512 << 20
MIN_PROMPT_SECONDS = 0.1
"""Below this the encoders have no frames to work on."""


@dataclass
class SpeakerCondition:
    """Conditioning of a speaker prompt for every utterance: float32, `latents` in the GPT's own dtype."""

    spk_cond_emb: Tensor
    """W2v-bert embedding (1, T, 1024), 50 Hz."""
    style: Tensor
    """CAMPPlus style (1, 192)."""
    prompt_condition: Tensor
    """(1, Tm, 512), the prompt's content at mel frame rate."""
    ref_mel: Tensor
    """Log-mel (1, 80, Tm), 256 samples a frame at 22.05 kHz."""
    latents: Tensor
    """The GPT's speaker latents (1, 32, D)."""
    base_emovec: Tensor | None = None
    """The prompt's own emotion vector (1, D); None until a blend of emotions asks for it."""

    @property
    def nbytes(self) -> int:
        tensors = (self.spk_cond_emb, self.style, self.prompt_condition, self.ref_mel, self.latents, self.latents[:, 0])
        return sum(tensor.nbytes for tensor in tensors)


@dataclass
class EmotionCondition:
    """Conditioning of an emotion prompt: `emo_cond_emb` (1, T, 1024) float32, `emovec` (1, D) in the GPT's dtype."""

    emo_cond_emb: Tensor
    emovec: Tensor

    @property
    def nbytes(self) -> int:
        return self.emo_cond_emb.nbytes + self.emovec.nbytes


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Condition = TypeVar("Condition", bound=_Sized)


class CacheInfo(NamedTuple):
    """State of one cache since the instance was made; `bytes` is the size of its tensors."""

    entries: int
    hits: int
    misses: int
    bytes: int


class ConditionCache(Generic[Condition]):
    """Least-recently-used cache with a byte limit. The newest entry stays even if it alone exceeds the limit."""

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise ValueError(f"the cache limit must not be negative: {max_bytes}")
        self.max_bytes = max_bytes
        self._entries: OrderedDict[str, Condition] = OrderedDict()
        self._bytes = self._hits = self._misses = 0

    def get(self, key: str, compute: Callable[[], Condition]) -> Condition:
        """The entry of `key`; it is computed if it is not there."""
        if key in self._entries:
            self._hits += 1
            self._entries.move_to_end(key)
            return self._entries[key]
        self._misses += 1
        value = compute()
        self._entries[key] = value
        self._bytes += value.nbytes
        while self._bytes > self.max_bytes and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= oldest.nbytes
        return value

    def clear(self) -> None:
        """Forget the entries; hits and misses go on counting."""
        self._entries.clear()
        self._bytes = 0

    def info(self) -> CacheInfo:
        return CacheInfo(len(self._entries), self._hits, self._misses, self._bytes)


def content_key(path: str | Path) -> str:
    """Digest of a file's bytes.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with require_regular(path, "voice prompt").open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


class VoiceEncoder:
    """Encodes prompts with the frozen encoders; the results are cached by file content."""

    def __init__(
        self,
        semantic_encoder: SemanticEncoder,
        codec: SemanticCodec,
        style_network: CAMPPlus,
        regulator: LengthRegulator,
        gpt: UnifiedVoice,
        spectrogram: Spectrogram,
        device: torch.device,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        max_prompt_seconds: float = MAX_PROMPT_SECONDS,
        skip_silence: bool = False,
    ) -> None:
        """Use the given encoders, on prompts of at most `max_prompt_seconds`.

        With `skip_silence` a long silence at the start of a prompt is left out.

        Raises:
            ValueError: `max_prompt_seconds` is not in 0.1 to 15.
        """
        if not MIN_PROMPT_SECONDS <= max_prompt_seconds <= MAX_PROMPT_SECONDS:
            raise ValueError(
                f"max_prompt_seconds is {max_prompt_seconds}, expected {MIN_PROMPT_SECONDS} to {MAX_PROMPT_SECONDS}"
            )
        self.max_prompt_seconds, self.skip_silence = max_prompt_seconds, skip_silence
        self.semantic_encoder = semantic_encoder
        self.codec = codec
        self.style_network = style_network
        self.regulator = regulator
        self.gpt = gpt
        self.spectrogram = spectrogram
        self.device = device
        self.speakers: ConditionCache[SpeakerCondition] = ConditionCache(cache_bytes)
        self.emotions: ConditionCache[EmotionCondition] = ConditionCache(cache_bytes)

    def speaker(self, path: str | Path) -> SpeakerCondition:
        """Conditioning of a speaker prompt.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not audio, or is shorter than 0.1 s.
        """
        return self.speakers.get(content_key(path), lambda: self._encode_speaker(path))

    def emotion(self, path: str | Path) -> EmotionCondition:
        """Conditioning of an emotion prompt; raises as `speaker`."""
        return self.emotions.get(content_key(path), lambda: self._encode_emotion(path))

    def clear(self, kind: str | None = None) -> None:
        """Empty the `speaker` cache, the `emotion` cache, or both.

        Raises:
            ValueError: there is no cache of this kind.
        """
        caches: dict[str, ConditionCache] = {"speaker": self.speakers, "emotion": self.emotions}
        if kind is not None and kind not in caches:
            raise ValueError(f"unknown cache {kind!r}; caches are {', '.join(caches)}")
        for name, cache in caches.items():
            if kind in (None, name):
                cache.clear()

    def base_emovec(self, speaker: SpeakerCondition) -> Tensor:
        """The speaker prompt's own emotion vector (1, D), from which an emotion of less than full strength starts."""
        if speaker.base_emovec is None:
            speaker.base_emovec = self._emovec(speaker.spk_cond_emb)
        return speaker.base_emovec

    def _load(self, path: str | Path, sampling_rate: int) -> Tensor:
        audio = load_audio(path, sampling_rate, self.skip_silence)
        if len(audio) < MIN_PROMPT_SECONDS * sampling_rate:
            raise ForeignFileError(
                f"voice prompt {path} lasts {len(audio) / sampling_rate:.3f} s; at least {MIN_PROMPT_SECONDS} s are "
                f"needed"
            )
        return torch.from_numpy(audio[: int(self.max_prompt_seconds * sampling_rate)])

    def _embed(self, audio_16k: Tensor) -> Tensor:
        features, mask = seamless_features(audio_16k)
        embedding, _ = self.semantic_encoder([features], [mask])
        return embedding

    def _frames(self, embedding: Tensor) -> Tensor:
        return torch.tensor([embedding.shape[1]], device=self.device)

    def _emovec(self, embedding: Tensor) -> Tensor:
        return self.gpt.get_emovec(embedding.to(self.gpt.dtype), self._frames(embedding))

    def _encode_speaker(self, path: str | Path) -> SpeakerCondition:
        audio_22k = self._load(path, self.spectrogram.sampling_rate)
        audio_16k = resample_to_encoder(audio_22k)
        spk_cond_emb = self._embed(audio_16k)
        frames = self._frames(spk_cond_emb)
        reference, _ = self.codec.quantize(spk_cond_emb, frames)
        # The front ends run on the CPU: short, and the same on every machine.
        ref_mel = log_mel(audio_22k.unsqueeze(0), self.spectrogram).to(self.device)
        mel_frames = torch.tensor([ref_mel.shape[-1]], device=self.device)
        prompt_condition, _ = self.regulator(reference, frames, mel_frames)
        style = self.style_network([style_fbank(audio_16k).to(self.device)])
        latents = self.gpt.get_conditioning(spk_cond_emb.to(self.gpt.dtype), frames)
        return SpeakerCondition(spk_cond_emb, style, prompt_condition, ref_mel, latents)

    def _encode_emotion(self, path: str | Path) -> EmotionCondition:
        emo_cond_emb = self._embed(self._load(path, ENCODER_RATE))
        return EmotionCondition(emo_cond_emb, self._emovec(emo_cond_emb))
