"""Gates: the thresholds that an utterance must pass."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, model_validator

RecogniserName = Literal["off", "ctc", "whisper", "pocketsphinx"]


class Gates(BaseModel, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True):
    """Thresholds of an utterance. The defaults let ordinary speech of every engine pass and stop what is broken."""

    enabled: bool = True
    """False: utterances are measured, but none is spoken again or rejected for what was measured."""
    measured: bool = True
    """False: nothing is measured either; needs `enabled: false`."""
    min_loudness_lufs: float = -50.0
    """Quietest integrated loudness (ITU-R BS.1770, LUFS). Speech of a TTS lies between -35 and -15."""
    max_loudness_lufs: float = -6.0
    """Loudest integrated loudness (LUFS)."""
    max_clipped: float = Field(0.001, ge=0, le=1)
    """Largest share of samples at full scale."""
    max_dc: float = Field(0.02, ge=0, le=1)
    """Largest DC offset, as a share of full scale."""
    max_leading_silence: float = Field(1.0, ge=0)
    """Longest silence before the speech, in seconds."""
    max_trailing_silence: float = Field(1.5, ge=0)
    """Longest silence after the speech, in seconds."""
    max_inner_silence: float = Field(2.0, ge=0)
    """Longest pause within the speech, in seconds; sentences are 0.2 to 0.9 apart."""
    chars_per_second: float | None = Field(None, gt=0)
    """Expected speaking rate; default: the engine's (15; none for `noise`, whose lengths are then not judged)."""
    min_chars_per_second: float = Field(5.0, ge=0)
    """Slowest speaking rate (characters per second) of a text of at least 20 letters; pauses are left out."""
    max_chars_per_second: float = Field(35.0, ge=0)
    """Fastest speaking rate of such a text."""
    min_duration_ratio: float = Field(0.4, ge=0)
    """Shortest duration, as a ratio to the shortest that the text allows: below it the engine stopped early."""
    max_duration_ratio: float = Field(2.5, ge=0)
    """Longest duration, as a ratio to the longest that the text allows: above it the engine ran away."""
    recogniser: RecogniserName = "off"
    """What hears the words for `max_wer`: ctc (the recipe's ctc_model), whisper (`whisper_model`), pocketsphinx
    (English only, weak: it errs on every second word of good speech)."""
    whisper_model: str | None = None
    """Folder of a Whisper model (transformers format); nothing is downloaded."""
    max_wer: float = Field(0.5, ge=0)
    """Highest word error rate of an utterance; of one or two words, highest character error rate."""
    speaker_similarity: bool = False
    """Compare each utterance with the recording of its voice (indextts2; needs the package resemblyzer)."""
    min_speaker_similarity: float = Field(0.6, ge=-1, le=1)
    """Lowest cosine similarity; two recordings of one speaker lie above 0.75, two speakers below 0.6."""
    dnsmos: bool = False
    """Predict the opinion of listeners (needs the package speechmos)."""
    min_dnsmos: float = Field(2.5, ge=1, le=5)
    """Lowest predicted opinion (DNSMOS P.835, overall, 1 to 5)."""

    @model_validator(mode="after")
    def _judged_by_measures(self) -> Gates:
        if self.enabled and not self.measured:
            raise ValueError("measured: false needs enabled: false, gates judge what was measured")
        return self

    def wants(self, name: str) -> bool:
        """Whether an optional measure is switched on."""
        return self.enabled and (self.recogniser != "off" if name == "wer" else bool(getattr(self, name)))
