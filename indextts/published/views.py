"""Attributes by which callers of the published class look at its latest voice and emotion."""

from __future__ import annotations

from torch import Tensor

from ..engine.synthesizer import Synthesizer


class LatestVoiceViews:
    """Voice and emotion of the latest call: float32 on the model's device, read-only, None before the first call."""

    _synthesizer: Synthesizer

    @property
    def cache_spk_audio_prompt(self) -> str | None:
        """Path of the latest voice prompt."""
        last = self._synthesizer.last_speaker
        return None if last is None else last[0]

    @property
    def cache_spk_cond(self) -> Tensor | None:
        """Its w2v-bert embedding (1, T, 1024)."""
        last = self._synthesizer.last_speaker
        return None if last is None else last[1].spk_cond_emb

    @property
    def cache_s2mel_style(self) -> Tensor | None:
        """Its style (1, 192)."""
        last = self._synthesizer.last_speaker
        return None if last is None else last[1].style

    @property
    def cache_s2mel_prompt(self) -> Tensor | None:
        """Its content at mel frame rate (1, Tm, 512)."""
        last = self._synthesizer.last_speaker
        return None if last is None else last[1].prompt_condition

    @property
    def cache_mel(self) -> Tensor | None:
        """Its log-mel (1, 80, Tm)."""
        last = self._synthesizer.last_speaker
        return None if last is None else last[1].ref_mel

    @property
    def cache_emo_audio_prompt(self) -> str | None:
        """Path of the latest emotion prompt."""
        last = self._synthesizer.last_emotion
        return None if last is None else last[0]

    @property
    def cache_emo_cond(self) -> Tensor | None:
        """Its w2v-bert embedding (1, T, 1024)."""
        last = self._synthesizer.last_emotion
        return None if last is None else last[1].emo_cond_emb
