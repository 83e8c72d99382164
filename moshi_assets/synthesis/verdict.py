"""What is known of an utterance, and what follows: which attempt is taken, what is to be done, or why it is rejected.

The first attempt that passes the gates is taken. The verdict follows from the stored measures alone, so that thresholds
may change: utterances on disk are judged again, and only those are spoken again whose taken attempt fails now, or of
which an earlier attempt would pass now (the sound of a failed attempt is not kept).
"""

from __future__ import annotations

from typing import NamedTuple

from ..quality.rules import UNSPEAKABLE, GateFault, Rules
from .attempts import attempt_key
from .parts import SpokenShard, SpokenTask


class Verdict(NamedTuple):
    """What becomes of one utterance."""

    attempt: int
    """The attempt that is taken or due; the last one of an utterance that is rejected."""
    row: SpokenTask | None = None
    """What is known of that attempt; None where it is still to be spoken."""
    faults: tuple[GateFault, ...] = ()
    """Why it is rejected: every attempt has failed, the last one for this."""
    settled: bool = True
    """False: the attempt is due, to be spoken, or only to be judged where there is a row."""


def verdict(spoken: SpokenShard, content_key: bytes, text: str, rules: Rules) -> Verdict:
    """Judge one utterance from what is on disk.

    Args:
        spoken: what was spoken of its shard.
        content_key: the task's.
        text: what it should say.
        rules: of the recipe.
    """
    last = Verdict(0)
    for attempt in range(rules.attempts):
        key = attempt_key(content_key, attempt)
        rows = spoken.rows(key)
        if not rows:
            return Verdict(attempt, settled=False)
        row = known(rows, rules)
        faults = row_faults(row, text, rules)
        if faults is None and key in spoken and not spoken.has_part(key):
            return Verdict(attempt, row)  # what is in a recording already is not listened to again
        if faults is None:
            return Verdict(attempt, row if key in spoken else None, settled=False)
        if not faults:
            return Verdict(attempt, row if key in spoken else None, settled=key in spoken)
        last = Verdict(attempt, row, tuple(faults))
    return last


def known(rows: list[SpokenTask], rules: Rules) -> SpokenTask:
    """The rows of one attempt made one: the sound where there is one, with the measures that these rules ask for."""
    sound = rows[0]
    for row in rows:
        if row.failure is None and row.measures and (not rules.optional or row.listeners == rules.listeners):
            return sound._replace(measures=row.measures, listeners=row.listeners, failure=None)
    # What others have listened to is not known, but what failed by the common measures has failed.
    for row in rows:
        if row.measures:
            return sound._replace(measures=row.measures._replace(wer=None, speaker_similarity=None, dnsmos=None))
    return sound


def row_faults(row: SpokenTask, text: str, rules: Rules) -> list[GateFault] | None:
    """What is wrong with an attempt; None where measures are missing that could still fail it."""
    if row.failure is not None:
        return [GateFault(UNSPEAKABLE, row.failure)]
    if not rules.gates.enabled:
        return []
    if row.measures is None:
        return None
    faults = rules.faults(row.measures, text)
    if not faults and any(getattr(row.measures, name) is None for name in rules.optional):
        return None
    return faults
