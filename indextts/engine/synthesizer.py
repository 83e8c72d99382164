"""One utterance: text and voice become segments that the engine can speak. docs/indextts2.md §1."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoint.config import ModelConfig
from ..text.frontend import TextFrontend
from ..voice.emotion import EmotionMatrix, QwenEmotion, check_emo_vector, mixed_emovec, scale_emo_vector
from ..voice.encoder import EmotionCondition, SpeakerCondition, VoiceEncoder
from .engine import Engine
from .figures import SpeakingFigures, StageClock
from .pipeline import Pipeline
from .request import Emotion
from .spoken_segment import Segment, SpeakingOptions

logger = logging.getLogger(__name__)


class Synthesizer:
    """Brings text, voices, emotions and the engine together."""

    def __init__(
        self,
        config: ModelConfig,
        text: TextFrontend,
        voices: VoiceEncoder,
        emotions: EmotionMatrix,
        qwen_emotion: QwenEmotion | None,
        engine: Engine,
    ) -> None:
        self.config = config
        self.text = text
        self.voices = voices
        self.emotions = emotions
        self.qwen_emotion = qwen_emotion
        self.engine = engine
        self.last_speaker: tuple[str, SpeakerCondition] | None = None
        """Path and conditioning of the voice that the latest utterance used."""
        self.last_emotion: tuple[str, EmotionCondition] | None = None
        """Path and conditioning of the emotion that the latest utterance used."""

    @property
    def pipeline(self) -> Pipeline:
        return self.engine.pipeline

    def segments(self, text: str, options: SpeakingOptions) -> list[Tensor]:
        """Token ids of each segment, (L,) int64.

        Raises:
            ValueError: the text has nothing to say.
        """
        pieces = self.text.segments(text, options.max_text_tokens_per_segment, options.quick_streaming_tokens)
        if not pieces:
            raise ValueError(f"nothing to say in text {text!r}")
        for segment in pieces:
            logger.log(options.detail_level, "segment of %d tokens: %s", len(segment), " ".join(segment))
        return [torch.tensor(self.text.ids(segment)) for segment in pieces]

    def prepare(
        self, voice: str | Path, text: str, emotion: Emotion, options: SpeakingOptions, clock: StageClock
    ) -> list[Segment]:
        """The segments of an utterance, with all that speaking them needs.

        Raises:
            ValueError, RuntimeError, FileNotFoundError: as in `IndexTTS2.infer`; the message names the text.
        """
        with clock.time("text"):
            segments = self.segments(text, options)
        with clock.time("prompt"):
            speaker = self.voices.speaker(voice)
            self.last_speaker = (str(voice), speaker)
            emovec = self.emovec(voice, speaker, text, emotion, options)
        return [
            Segment(index, len(segments), text, ids, speaker, emovec, options) for index, ids in enumerate(segments)
        ]

    def speak(
        self,
        voice: str | Path,
        text: str,
        emotion: Emotion,
        options: SpeakingOptions,
        clock: StageClock,
        figures: SpeakingFigures | None = None,
        at_once: bool = True,
    ) -> Iterator[Segment]:
        """Speak an utterance and yield its segments in order; raises as `prepare`.

        Args:
            voice, text, emotion, options: the utterance.
            clock, figures: where time and work are counted.
            at_once: all segments are spoken as one batch before the first is yielded, which is faster than one by one.
        """
        figures = figures or SpeakingFigures()
        segments = self.prepare(voice, text, emotion, options, clock)
        for batch in [segments] if at_once else [[segment] for segment in segments]:
            self.engine.run(batch, clock, figures)
            for segment in batch:
                if segment.error is not None:
                    raise segment.error
                yield segment

    def emovec(
        self, voice: str | Path, speaker: SpeakerCondition, text: str, emotion: Emotion, options: SpeakingOptions
    ) -> Tensor:
        """Emotion vector of an utterance, (1, D). docs/indextts2.md §3.

        Raises:
            RuntimeError: an emotion text is given and the model that reads it is switched off.
            FileNotFoundError: that model is not there.
            ValueError: the emotion vector is impossible.
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
