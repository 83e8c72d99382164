"""Judges whether a recording can serve as a voice, and gives the one reason from which others follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..recipe.prompts import PromptSettings
from .measures import PromptMeasures

MIN_SECONDS = 1.0
"""A shorter prompt says too little about a voice."""
MIN_RATE = 16000
"""Lowest sample rate in Hz. The style network hears 16 kHz; a narrower recording would make narrow-band speech."""
MAX_RATE = 384_000
"""Highest sample rate in Hz. No recorder uses more; a file that claims more would only take memory."""
MAX_CHANNELS = 8
MAX_PEAK = 4.0
"""Full scale is 1, and float files may exceed it a little; integers written as floats exceed it by far."""
FORMATS = "WAV, FLAC, OGG (Vorbis, Opus), MP3, AIFF, AU, CAF, W64"
"""The most common formats that libsndfile reads."""

FaultKind = Literal[
    "no file",
    "odd name",
    "unreadable",
    "empty",
    "foreign format",
    "damaged",
    "rate too low",
    "rate too high",
    "too many channels",
    "too short",
    "not finite",
    "out of scale",
    "channels cancel",
    "offset",
    "too quiet",
    "clipped",
    "no speech",
    "too little speech",
]


class PromptFault(NamedTuple):
    """The reason why a recording cannot serve as a voice."""

    kind: FaultKind
    value: float | None = None
    """The measure, in the unit of the limit."""
    limit: float | None = None
    told: str = ""
    """What else there is to know: what the file is instead, what the system or libsndfile said."""


def judge(measures: PromptMeasures, settings: PromptSettings, speech: bool = True) -> PromptFault | None:
    """The fault of a recording, or None.

    Args:
        measures: of the part that counts.
        settings: the limits.
        speech: whether somebody has to speak in it; for an emotion a laugh will do.
    """
    return next(_faults(measures, settings, speech), None)


def _faults(measures: PromptMeasures, limits: PromptSettings, speech: bool) -> Iterator[PromptFault]:
    """Faults in the order of cause and effect: the first is the one to report."""
    if not limits.check:
        return
    if measures.not_finite:
        yield PromptFault("not finite", measures.not_finite, 0)
    if measures.peak > MAX_PEAK:
        yield PromptFault("out of scale", measures.peak, MAX_PEAK)
    if -measures.mix_db > limits.max_cancelled_db:
        yield PromptFault("channels cancel", -measures.mix_db, limits.max_cancelled_db)
    if measures.loudness_lufs < limits.min_loudness_lufs:
        yield PromptFault("too quiet", measures.loudness_lufs, limits.min_loudness_lufs)
    if speech and measures.speech_seconds < limits.min_speech_seconds:
        yield PromptFault("no speech", measures.speech_seconds, limits.min_speech_seconds)
    if speech and measures.speech_share < limits.min_speech_share:
        yield PromptFault("too little speech", measures.speech_share, limits.min_speech_share)
    if measures.clipped > limits.max_clipped:
        yield PromptFault("clipped", measures.clipped, limits.max_clipped)
    if abs(measures.dc) > limits.max_dc:
        yield PromptFault("offset", abs(measures.dc), limits.max_dc)


_SENTENCES: dict[FaultKind, str] = {
    "no file": "is {told}: give a sound file",
    "odd name": "has a name that is not UTF-8, which nothing can write down: rename it",
    "unreadable": "cannot be read: {told}",
    "empty": "is damaged or no sound file: use {formats} (it has no bytes)",
    "foreign format": "holds {told}, which is not read: use {formats}, such as 'ffmpeg -i IN OUT.wav' makes",
    "damaged": "is damaged or no sound file: use {formats} ({told})",
    "rate too low": "has {value:.0f} Hz; at least {limit:.0f} Hz are needed",
    "rate too high": "has {value:.0f} Hz; at most {limit:.0f} Hz are read: resample it",
    "too many channels": "has {value:.0f} channels; at most {limit:.0f} are read: mix it down",
    "too short": "lasts {value:.2f} s{told}; at least {limit} s are needed",
    "not finite": "holds {value:.0f} samples that are NaN or infinite: export it again",
    "out of scale": "has samples of {value:.0f} times full scale: floating-point files must lie between -1 and 1",
    "channels cancel": "has channels that cancel each other: their mix is {value:.1f} dB weaker than they are, at most "
    "{limit:g} dB are allowed (max_cancelled_db): invert one channel, or keep only one",
    "offset": "has a DC offset of {value:.3f} of full scale, at most {limit:g} is allowed (max_dc): remove it with a "
    "high-pass filter",
    "too quiet": "is too quiet: {value:.1f} LUFS, at least {limit:g} are needed (min_loudness_lufs): record it louder, "
    "or cut it to the part with speech",
    "clipped": "is clipped: {percent:.1f} % of its samples lie on flat tops, at most {percent_limit:g} % are allowed "
    "(max_clipped): record it with less gain",
    "no speech": "has no speech in the part that counts: {value:.1f} s were found, at least {limit:g} are needed "
    "(min_speech_seconds): cut it to the part with speech",
    "too little speech": "has too little speech in the part that counts: {percent:.0f} %, at least {percent_limit:g} % "
    "are needed (min_speech_share): cut it to the part with speech",
}


def sentence(fault: PromptFault) -> str:
    """The fault in words, with measure, limit, the setting of `prompts` that holds the limit, and a remedy, to be
    appended to a name.
    """
    value, limit = fault.value or 0.0, fault.limit or 0.0
    return _SENTENCES[fault.kind].format(
        value=value, limit=limit, percent=100 * value, percent_limit=100 * limit, told=fault.told, formats=FORMATS
    )
