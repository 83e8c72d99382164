"""What a recording must be to serve as a voice: the section `prompts` of an engine that speaks with recordings."""

from __future__ import annotations

from pydantic import BaseModel, Field


class PromptSettings(BaseModel, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True):
    """Limits for the part of a recording that counts: `max_prompt_seconds` from its start, or from its first sound."""

    check: bool = True
    """False: a recording must be readable, long and wide enough, and nothing else."""
    skip_silence: bool = True
    """A silence of more than 1 s at the start does not count. A recording without one is used as it is, and keeps its
    fingerprint."""
    min_loudness_lufs: float = -50.0
    """Quietest integrated loudness (ITU-R BS.1770, LUFS)."""
    min_speech_seconds: float = Field(0.5, ge=0)
    """Least speech in the part that counts, in seconds, by a voice activity detector (silero-vad)."""
    min_speech_share: float = Field(0.2, ge=0, le=1)
    """Least share of speech in the part that counts."""
    max_clipped: float = Field(0.01, ge=0, le=1)
    """Largest share of samples on flat tops, at full scale or below it."""
    max_dc: float = Field(0.02, ge=0, le=1)
    """Largest DC offset, as a share of full scale."""
    max_cancelled_db: float = Field(12.0, ge=0)
    """How much weaker the mix of the channels may be than the channels (dB). The voice is taken from the mix."""
