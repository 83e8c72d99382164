"""When each turn of a dialogue starts: from turns, their lengths and a timing model to frames on the two channels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ..dialogues.dialogue import Role
from ..recipe.timing import TimingModel
from .floor_transfers import gap_seconds, overlap_seconds

_MOST_OVERLAPPED = 0.5
"""Share of a turn, the earlier or the later one, that an overlap by chance may take: both stay turns of their own."""
_LISTENING = 0.3, 0.9
"""By chance a backchannel lies in this part of its turn, or of its share of it: one listens before one nods."""


class TimedTurn(NamedTuple):
    """What the placement of a turn depends on."""

    role: Role
    frames: int
    """Length of its sound, at least 1."""
    gap: float | None = None
    """Seconds from the end of the turn before to this one's start, negative for an overlap; None: the model's
    choice.
    """
    backchannel: bool = False
    """A short listener's sound, laid over the other's turn."""
    lead: int = 0
    """Frames of silence before one hears something of it."""
    trail: int = 0
    """Frames of silence at its end."""


class _Chance(NamedTuple):
    """Two numbers from 0 to 1 that decide about a turn."""

    first: float
    second: float


def place(turns: Sequence[TimedTurn], sample_rate: int, model: TimingModel, seed: int = 0) -> list[int]:
    """Start frame of each turn of one dialogue.

    Whatever the input: turns of one role never overlap, nothing starts before frame 0, and no turn starts before the
    one it follows. A gap of the record counts from the end of the turn before it and is kept to the sample unless that
    would break one of these. The model's own gap counts from when nobody speaks any more, a natural one from when
    nobody is heard any more to when the turn is heard: speech synthesis puts silence around what it says.

    A backchannel lies inside the last turn of the other speaker and moves nothing that follows; where it can only
    begin after that turn, it is a turn like any other.

    Args:
        turns: in speaking order.
        sample_rate: Hz.
        model: the timing model.
        seed: of the dialogue, 64 bits; the same seed gives the same starts, and what chance gives one turn does not
            depend on the others.
    """
    if model.layout == "overlapped":
        return _overlapped(turns, round(model.gap * sample_rate))
    starts: list[int] = []
    shares = _shares(turns)
    following = _following(turns)
    chances = _chances(len(turns), seed) if model.timing == "natural" else None
    free = {"user": 0, "assistant": 0}  # where each channel's last turn ends
    heard = {"user": 0, "assistant": 0}  # until when each channel's last turn is heard
    last: dict[str, tuple[int, int]] = {}  # the span of each role's last turn that is no backchannel
    before: tuple[int, int] | None = None  # the span of the last turn that is no backchannel
    speaker: Role | None = None  # whose turn that is
    for number, turn in enumerate(turns):
        other: Role = "assistant" if turn.role == "user" else "user"
        earliest = free[turn.role]
        chance = chances[number] if chances else None
        if turn.backchannel and other in last and earliest < last[other][1]:
            begin, end = last[other]
            if turn.gap is not None:
                start = end + round(turn.gap * sample_rate)
            else:
                breaks_in = following[number]  # one's own next turn may: the backchannel leaves it room
                if breaks_in is not None and breaks_in.role == turn.role:
                    end = max(begin, end + round(min(breaks_in.gap or 0, 0) * sample_rate))
                start = begin + round(_middle(*shares[number], chance) * (end - begin) - turn.frames / 2)
            start = max(min(start, end - turn.frames), begin, earliest)
        else:
            if before is None:
                gap = model.leading_silence if turn.gap is None else turn.gap
                start = round(gap * sample_rate)
            elif turn.gap is not None:
                start = before[1] + round(turn.gap * sample_rate)
            elif chance is None:
                start = max(free.values()) + round(model.gap * sample_rate)
            else:
                quiet = max(heard.values())
                offset = _offset(model, chance, speaker != turn.role)
                longest = _MOST_OVERLAPPED * min(turn.frames, before[1] - before[0])
                start = quiet + max(round(offset * sample_rate), -int(longest)) - turn.lead
            start = max(start, earliest, before[0] if before else 0)
            before, speaker = (start, start + turn.frames), turn.role
            last[turn.role] = before
        starts.append(start)
        free[turn.role] = start + turn.frames
        heard[turn.role] = start + turn.frames - turn.trail
    return starts


def _chances(count: int, seed: int) -> list[_Chance]:
    number = random.Random(seed).random  # the one generator whose numbers Python promises never to change
    return [_Chance(number(), number()) for _ in range(count)]


def _offset(model: TimingModel, chance: _Chance, changes: bool) -> float:
    """Seconds from when it is quiet to the next turn, by chance; one does not overlap with oneself."""
    if changes and chance.first < model.overlap_probability:
        return -overlap_seconds(chance.second)
    return gap_seconds(chance.second, model.max_silence)


def _overlapped(turns: Sequence[TimedTurn], gap: int) -> list[int]:
    free = {"user": 0, "assistant": 0}
    starts = []
    for turn in turns:
        starts.append(free[turn.role])
        free[turn.role] += turn.frames + gap
    return starts


def _middle(number: int, count: int, chance: _Chance | None) -> float:
    """Where in a turn the middle of one of its backchannels lies, 0 to 1: evenly spread, or by chance in its share."""
    if chance is None:
        return (number + 1) / (count + 1)
    first, last = _LISTENING
    return (number + first + (last - first) * chance.second) / count


def _shares(turns: Sequence[TimedTurn]) -> list[tuple[int, int]]:
    """Number of each turn among its neighbours of the same kind (several backchannels in one turn), and their count."""
    shares = []
    for _, alike in groupby(turns, lambda turn: (turn.role, turn.backchannel)):
        count = sum(1 for _ in alike)
        shares += [(number, count) for number in range(count)]
    return shares


def _following(turns: Sequence[TimedTurn]) -> list[TimedTurn | None]:
    """The next turn after each that is no backchannel."""
    following: list[TimedTurn | None] = []
    after: TimedTurn | None = None
    for turn in reversed(turns):
        following.append(after)
        after = after if turn.backchannel else turn
    return following[::-1]
