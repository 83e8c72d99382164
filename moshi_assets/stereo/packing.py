"""Which dialogues of a shard share a recording, so that recordings fill the window that is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .keys import ShardDialogue


class MeasuredDialogue(NamedTuple):
    """A dialogue and the length it will have."""

    dialogue: ShardDialogue
    sample_rate: int
    frames: int
    """0 for one that could not be spoken."""


def pack(measured: Sequence[MeasuredDialogue], limit: float | None, pause: float) -> list[list[ShardDialogue]]:
    """Dialogues of each recording, both in input order (recordings by their first dialogue).

    One after another goes into the recording that its split fills at present, where it still fits; else it begins a new
    one. One that could not be spoken stands alone and closes nothing.

    Args:
        measured: dialogues of a shard, in input order.
        limit: longest recording of several dialogues (seconds); None: each is a recording of its own.
        pause: between two dialogues of a recording (seconds).
    """
    groups: list[list[ShardDialogue]] = []
    filling: dict[tuple[str, int], tuple[list[ShardDialogue], int]] = {}  # by split and rate, with the frames so far
    for dialogue, rate, frames in measured:
        kind = (dialogue.split, rate)
        if limit is not None and frames and kind in filling:
            group, held = filling[kind]
            length = held + round(pause * rate) + frames
            if length <= limit * rate:
                group.append(dialogue)
                filling[kind] = group, length
                continue
        group = [dialogue]
        groups.append(group)
        if frames:
            filling[kind] = group, frames
    return groups
