"""When each turn of a dialogue starts: from turns, their lengths and a timing model to frames on the two channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from .engines.base import Role

Layout = Literal["sequential", "overlapped"]


class TimedTurn(NamedTuple):
    """What the placement of a turn depends on."""

    role: Role
    frames: int
    """Length of its sound, at least 1."""
    gap: float | None = None
    """Seconds from the end of the turn before to this one's start, negative for an overlap; None: the model's choice."""
    backchannel: bool = False
    """A short listener's sound, laid over the other's turn."""


@dataclass(frozen=True, slots=True)
class TimingModel:
    """How turns follow one another where the record does not say it."""

    layout: Layout = "sequential"
    """`overlapped`: each channel by itself from frame 0 on, `gap` between its turns; gaps of the record and
    backchannels do not count. Of two turns both start at 0, as in the classic builder."""
    gap: float = 0.3
    """Seconds between turns."""
    leading_silence: float = 0.0
    """Seconds before the first turn."""


def place(turns: Sequence[TimedTurn], sample_rate: int, model: TimingModel, seed: int = 0) -> list[int]:
    """Start frame of each turn of one dialogue.

    Whatever the input: turns of one role never overlap, nothing starts before frame 0, and no turn starts before the
    one it follows. A gap of the record counts from the end of the turn before it and is kept to the sample unless that
    would break one of these. The model's own gap counts from when nobody speaks any more.

    A backchannel lies inside the last turn of the other speaker and moves nothing that follows; where it can only
    begin after that turn, it is a turn like any other.

    Args:
        turns: in speaking order.
        sample_rate: Hz.
        model: the timing model.
        seed: of the dialogue, 64 bits; the same seed gives the same starts.
    """
    if model.layout == "overlapped":
        return _overlapped(turns, round(model.gap * sample_rate))
    starts: list[int] = []
    shares = _shares(turns)
    free = {"user": 0, "assistant": 0}  # where each channel's last turn ends
    last: dict[str, tuple[int, int]] = {}  # the span of each role's last turn that is no backchannel
    before: tuple[int, int] | None = None  # the span of the last turn that is no backchannel
    for number, turn in enumerate(turns):
        other: Role = "assistant" if turn.role == "user" else "user"
        earliest = free[turn.role]
        if turn.backchannel and other in last and earliest < last[other][1]:
            start = _inside(turn, last[other], earliest, sample_rate, shares[number])
        else:
            if before is None:
                gap = model.leading_silence if turn.gap is None else turn.gap
                start = round(gap * sample_rate)
            elif turn.gap is None:
                start = max(free.values()) + round(model.gap * sample_rate)
            else:
                start = before[1] + round(turn.gap * sample_rate)
            start = max(start, earliest, before[0] if before else 0)
            before = last[turn.role] = (start, start + turn.frames)
        starts.append(start)
        free[turn.role] = start + turn.frames
    return starts


def _overlapped(turns: Sequence[TimedTurn], gap: int) -> list[int]:
    free = {"user": 0, "assistant": 0}
    starts = []
    for turn in turns:
        starts.append(free[turn.role])
        free[turn.role] += turn.frames + gap
    return starts


def _inside(turn: TimedTurn, host: tuple[int, int], earliest: int, sample_rate: int, share: float) -> int:
    """Start of a backchannel inside the span of the other's turn, or as near to it as the channel allows.

    Args:
        turn: the backchannel.
        host: start and end of the other's turn.
        earliest: frame from which the channel is free.
        sample_rate: Hz.
        share: where its middle would lie in the host, 0 to 1.
    """
    begin, end = host
    wanted = begin + round(share * (end - begin) - turn.frames / 2)
    if turn.gap is not None:
        wanted = end + round(turn.gap * sample_rate)
    return max(min(wanted, end - turn.frames), begin, earliest)


def _shares(turns: Sequence[TimedTurn]) -> list[float]:
    """Where each backchannel lies in the turn it is laid over; neighbours spread evenly: the second of three at 1/2."""
    shares = []
    for _, alike in groupby(turns, lambda turn: (turn.role, turn.backchannel)):
        count = sum(1 for _ in alike)
        shares += [(number + 1) / (count + 1) for number in range(count)]
    return shares
