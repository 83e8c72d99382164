"""The card's table of what was measured of the utterances."""

from __future__ import annotations

from collections.abc import Iterator

from ...stereo.recording import CHANNEL
from ..distribution import Distribution
from ..measured import Measured
from .markdown import table

_SHOWN = {
    "loudness_lufs": ("loudness (LUFS)", 1.0, ".1f"),
    "peak_dbfs": ("peak (dBFS)", 1.0, ".1f"),
    "clipped": ("clipped samples (%)", 100.0, ".3f"),
    "leading_silence": ("leading silence (s)", 1.0, ".2f"),
    "inner_silence": ("longest pause within (s)", 1.0, ".2f"),
    "chars_per_second": ("speaking rate (characters a second)", 1.0, ".1f"),
    "wer": ("word error rate of a recogniser (%)", 100.0, ".1f"),
    "speaker_similarity": ("similarity to the voice's prompt (cosine)", 1.0, ".2f"),
    "dnsmos": ("DNSMOS P.835, overall", 1.0, ".2f"),
}
"""Heading, factor and format of each measure."""


def measures(measured: Measured, gated: bool = True, target_lufs: float | None = None) -> str:
    """A sentence and a table; empty where nothing was measured.

    Args:
        measured: the utterances of the dataset.
        gated: whether what failed was spoken again or rejected.
        target_lufs: loudness to which the recordings were normalised after measuring, if they were.
    """
    if not measured.utterances:
        return ""
    text = f"{measured.utterances} utterances {'passed the quality gates' if gated else 'were measured, not gated'}"
    if gated:
        text += f"; {measured.retried} of them were good only at a further attempt"
    if measured.rejected:
        text += f", {measured.rejected} more were good at none, and their dialogues are rejected"
    if target_lufs is not None:
        text += f". Measured as spoken: in the recordings each speaker is normalised towards {target_lufs:g} LUFS"
    return f"{text}.\n\n{table(['measure: mean (lowest to highest)', *CHANNEL], _rows(measured), figures=2)}"


def _rows(measured: Measured) -> Iterator[list[str]]:
    for name, (heading, factor, style) in _SHOWN.items():
        values = [measured.values[name, role] for role in CHANNEL]
        if any(each.count for each in values):
            yield [heading, *(_shown(each, factor, style) for each in values)]


def _shown(values: Distribution, factor: float, style: str) -> str:
    if not values.count:
        return ""
    mean, low, high = (factor * value for value in (values.total / values.count, values.minimum, values.maximum))
    return f"{mean:{style}} ({low:{style}} to {high:{style}})"
