"""One utterance: text and voice in, finished segments out. docs/indextts2.md §1."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from indextts.config import ModelConfig
from indextts.decode import GenerationOptions
from indextts.emotion import EmotionMatrix, QwenEmotion, check_emo_vector, mixed_emovec, scale_emo_vector
from indextts.pipeline import Pipeline, Row, StageClock
from indextts.request import Emotion, NoiseSource, RandomStreams
from indextts.text import TextFrontend
from indextts.voice import EmotionCondition, SpeakerCondition, VoiceEncoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeakingOptions:
    """How one utterance is made.

    Attributes:
        detail_level: logging level of the details.
    """

    generation: GenerationOptions
    streams: RandomStreams = field(default_factory=RandomStreams)
    max_text_tokens_per_segment: int = 120
    quick_streaming_tokens: int = 0
    initial_noise: NoiseSource | None = None
    detail_level: int = logging.DEBUG


@dataclass(frozen=True)
class SpokenSegment:
    """One finished segment and what it was made from.

    Attributes:
        index, count: its place among the segments of the utterance.
        text_ids: (L,) int64.
        emovec: (1, D).
        codes: semantic codes (n,) int64.
        mel: log-mel (80, trunc(1.72 n)).
        samples: (256 frames,) float32 in [-1, 1], on the CPU.
    """

    index: int
    count: int
    text_ids: Tensor
    emovec: Tensor
    codes: Tensor
    mel: Tensor
    samples: Tensor


class Synthesizer:
    """Brings text, voices, emotions and the pipeline together.

    Attributes:
        last_speaker, last_emotion: path and conditioning that the latest utterance used.
    """

    def __init__(
        self,
        config: ModelConfig,
        text: TextFrontend,
        voices: VoiceEncoder,
        emotions: EmotionMatrix,
        qwen_emotion: QwenEmotion | None,
        pipeline: Pipeline,
    ) -> None:
        self.config = config
        self.text = text
        self.voices = voices
        self.emotions = emotions
        self.qwen_emotion = qwen_emotion
        self.pipeline = pipeline
        self.last_speaker: tuple[str, SpeakerCondition] | None = None
        self.last_emotion: tuple[str, EmotionCondition] | None = None

    def segments(self, text: str, options: SpeakingOptions) -> list[Tensor]:
        """Token ids of each segment, (L,) int64. Raises ``ValueError`` for a text with nothing to say."""
        pieces = self.text.segments(text, options.max_text_tokens_per_segment, options.quick_streaming_tokens)
        if not pieces:
            raise ValueError(f"nothing to say in text {text!r}")
        for segment in pieces:
            logger.log(options.detail_level, "segment of %d tokens: %s", len(segment), " ".join(segment))
        return [torch.tensor(self.text.ids(segment)) for segment in pieces]

    def speak(
        self, voice: str | Path, text: str, emotion: Emotion, options: SpeakingOptions, clock: StageClock
    ) -> Iterator[SpokenSegment]:
        """Yields the segments of an utterance, in order.

        Raises ``ValueError`` and ``RuntimeError`` as ``IndexTTS2.infer``; the text is named.
        """
        with clock.time("text"):
            segments = self.segments(text, options)
        with clock.time("prompt"):
            speaker = self.voices.speaker(voice)
            self.last_speaker = (str(voice), speaker)
            emovec = self.emovec(voice, speaker, text, emotion, options)
        for index, ids in enumerate(segments):
            codes, mel, samples = self._segment(Row(ids, speaker, emovec), index, text, options, clock)
            logger.log(options.detail_level, "segment %d of %d: %d codes", index + 1, len(segments), len(codes))
            yield SpokenSegment(index, len(segments), ids, emovec, codes, mel, samples)

    def emovec(
        self, voice: str | Path, speaker: SpeakerCondition, text: str, emotion: Emotion, options: SpeakingOptions
    ) -> Tensor:
        """Emotion vector of an utterance, (1, D). docs/indextts2.md §3.

        Raises ``RuntimeError`` for an emotion text if its model is off, ``FileNotFoundError`` if it is not there,
        ``ValueError`` for an impossible vector.
        """
        vector = emotion.emo_vector
        if emotion.emo_text is not None:
            if self.qwen_emotion is None:
                raise RuntimeError(f"emotion text {emotion.emo_text!r}: the model that reads it is off (use_qwen_emo)")
            scores = self.qwen_emotion.scores(emotion.emo_text)
            logger.log(options.detail_level, "emotion of %r: %s", emotion.emo_text, scores)
            vector = list(scores.values())
        if vector is not None:
            vector = check_emo_vector(vector)

        # Without a prompt of its own, the emotion is that of the voice, read along the emotion's route.
        prompt = emotion.emo_audio if emotion.emo_audio is not None else voice
        condition = self.voices.emotion(prompt)
        self.last_emotion = (str(prompt), condition)
        merged = condition.emovec
        if emotion.emo_audio is not None and emotion.emo_alpha != 1.0:
            base = self.voices.base_emovec(speaker)
            merged = self.pipeline.components.gpt.merge_emovec(base, merged, emotion.emo_alpha)
        if vector is None:
            return merged
        weights = scale_emo_vector(vector, emotion.emo_alpha)
        generator = options.streams.stream("emotion") if emotion.use_random else None
        _, part = self.emotions.mix(weights, speaker.style, emotion.use_random, generator)
        return mixed_emovec(part, weights, merged)

    def _segment(
        self, row: Row, index: int, text: str, options: SpeakingOptions, clock: StageClock
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Codes, log-mel and samples of one segment."""
        pipeline, streams = self.pipeline, options.streams
        with clock.time("gpt"):
            conds = pipeline.conds([row])
            codes = pipeline.codes([row], conds, options.generation, [streams.stream("codes", index)])
            self._check_codes(codes[0], text, options.generation)
        with clock.time("latent"):
            semantic, lengths = pipeline.semantic([row], conds, codes)
        with clock.time("flow"):
            noise = self._noise(pipeline.flow_shapes([row], codes)[0], index, options)
            mels = pipeline.mels([row], semantic, lengths, [noise])
        with clock.time("vocoder"):
            samples = pipeline.audio(mels)
        return codes[0], mels[0], samples[0]

    def _check_codes(self, codes: Tensor, text: str, generation: GenerationOptions) -> None:
        start = self.config.gpt.start_mel_token
        if len(codes) == 0:
            raise RuntimeError(f"the model stopped before its first code for text {text!r}: try another seed")
        if bool((codes >= start).any()):
            raise RuntimeError(f"start token {start} among the codes for text {text!r}: try another seed")
        if len(codes) == generation.max_mel_tokens:
            logger.warning(
                "%d codes without a stop for text %r: the segment is cut off; raise max_mel_tokens or lower "
                "max_text_tokens_per_segment",
                len(codes),
                text,
            )

    @staticmethod
    def _noise(shape: tuple[int, int, int], index: int, options: SpeakingOptions) -> Tensor:
        if options.initial_noise is None:
            return torch.randn(shape, generator=options.streams.stream("flow", index))
        noise = torch.as_tensor(options.initial_noise(index, shape))
        if tuple(noise.shape) != shape:
            raise ValueError(f"initial_noise for segment {index} has shape {tuple(noise.shape)}, expected {shape}")
        return noise.to(torch.float32)
