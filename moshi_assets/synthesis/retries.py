"""What becomes of utterances that fail their gates: they are due again with another seed, or rejected."""

from __future__ import annotations

import logging
from collections import Counter
from typing import NamedTuple

from ..quality.rules import GateFault
from .figures import SpeechFigures
from .parts import SpokenTask
from .progress import LaneProgress
from .reader import LaneTask

logger = logging.getLogger(__name__)


class Judgement(NamedTuple):
    """What the judge says of an utterance."""

    shard: str
    task: LaneTask
    row: SpokenTask
    faults: list[GateFault]


class Retries:
    """Counts what is with the judge, and keeps what came back from it until it is spoken again."""

    def __init__(self, attempts: int, progress: LaneProgress) -> None:
        """
        Args:
            attempts: most attempts at an utterance.
            progress: of the lane; what is to be spoken again is not done.
        """
        self._attempts, self._progress = attempts, progress
        self._unjudged: Counter[str] = Counter()
        self._due: dict[str, list[LaneTask]] = {}
        """By shard what failed its gates and has attempts left."""
        self._rejected = 0
        self._any_good = False
        self._last_fault = ""

    def handed_over(self, shard: str, rows: int) -> None:
        """Note that some rows of a shard are with the judge."""
        self._unjudged[shard] += rows

    def unjudged(self, shard: str | None = None) -> int:
        """Rows that are with the judge, of a shard or of all."""
        return self._unjudged.total() if shard is None else self._unjudged[shard]

    def due(self, shard: str) -> int:
        """Number of utterances of a shard that are to be spoken again."""
        return len(self._due.get(shard, ()))

    def take(self, shard: str, most: int) -> list[LaneTask]:
        """Take some of the utterances that are to be spoken again."""
        waiting = self._due.get(shard, [])
        taken, waiting[:] = waiting[:most], waiting[most:]
        return taken

    def heed(self, judgement: Judgement, figures: SpeechFigures) -> None:
        """Take in what the judge says of one utterance."""
        shard, (task, attempt, known, _), row, faults = judgement
        self._unjudged[shard] -= 1
        if not faults:
            self._any_good = True
            return
        if not known:
            figures.discount(row)
        self._progress.done -= 1
        told = "; ".join(fault.message for fault in faults)
        if attempt + 1 < self._attempts:
            logger.info("dialogue %r, turn %d: %s; spoken again", task.dialogue_id, task.turn, told)
            self._due.setdefault(shard, []).append(LaneTask(task, attempt + 1, again=not known))
            return
        logger.warning("dialogue %r, turn %d (%s) is rejected: %s", task.dialogue_id, task.turn, task.role, told)
        figures.failed += 1
        self._progress.done += 1
        self._progress.failed += 1
        self._rejected += 1
        self._last_fault = told

    def hopeless(self, most: int) -> str | None:
        """A sentence about an engine of which so many utterances, and all so far, were rejected; else None.

        Once something was good, what fails is the text's fault.
        """
        if self._any_good or self._rejected < most:
            return None
        return (
            f"the first {self._rejected} utterances failed their gates on every attempt, the last because "
            f"{self._last_fault}: if that is what it should sound like, change 'gates' in the recipe"
        )
