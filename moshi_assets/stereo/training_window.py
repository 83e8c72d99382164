"""How well recordings fill the windows that moshi-finetune trains in.

It cuts recordings into windows of `duration_sec` and pads the last one of each; the text of the padding is trained as
silence.
"""

from __future__ import annotations

import math

TRAINING_WINDOW = 100.0
"""Seconds: the `duration_sec` that moshi-finetune recommends."""
_MUCH_SHORTER = 0.5
"""Where recordings fill less of their windows than this, the user is told."""


def training_windows(duration: float) -> int:
    """Windows of a recording of so many seconds."""
    return max(1, math.ceil(duration / TRAINING_WINDOW - 1e-9))


def window_fill(audio_seconds: float, windows: int) -> float:
    """Share of the windows that is not padding, 0 to 1."""
    return audio_seconds / (TRAINING_WINDOW * windows) if windows else 0.0


def window_advice(recordings: int, audio_seconds: float, windows: int, packed: bool) -> str | None:
    """What to do where recordings are much shorter than the window; None where they are not.

    Args:
        recordings, audio_seconds, windows: of the dataset.
        packed: whether dialogues were joined (`pack_seconds`).
    """
    fill = window_fill(audio_seconds, windows)
    if not recordings or fill >= _MUCH_SHORTER:
        return None
    mean = audio_seconds / recordings
    remedy = (
        "put more dialogues into a shard (samples_per_shard)"
        if packed
        else f"join dialogues with pack_seconds: {TRAINING_WINDOW:.0f} (--pack-seconds {TRAINING_WINDOW:.0f})"
    )
    return (
        f"recordings of {mean:.1f} s on average fill {100 * fill:.0f} % of windows of {TRAINING_WINDOW:.0f} s, and "
        f"the rest is "
        f"trained as silence: {remedy}, or train with a duration_sec of about {max(1, round(mean))}"
    )
