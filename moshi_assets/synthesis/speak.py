"""An engine made dependable: tasks in, for each its sound or the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from ..audio.pcm import Unspeakable, to_pcm16
from ..engines.base import Engine, SynthesisResult, SynthesisTask
from ..engines.stream import Ended, ListStream, SpeechStream, StreamingEngine
from .parts import NO_AUDIO, SpokenTask

logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What became of a task."""

    number: int
    """What `Speaker.add` said."""
    row: SpokenTask | Exception
    """Sound that cannot be used (empty, silent, not a number) is no exception but a row with a `failure`: another seed
    may do better."""


class Speaker:
    """Speaks tasks as a stream; what fails is tried once more, alone.

    Attributes:
        overlaps: whether lists run into one another. Where they do not, each is spoken to its end at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # An engine that is to speak one utterance at a time has no batch that could run half empty.
        self.overlaps = isinstance(engine, StreamingEngine) and engine.batch_size > 1
        self._stream = self._begin()
        self._tasks: dict[int, tuple[int, SynthesisTask]] = {}
        """The stream's key -> our number and the task."""
        self._count = 0

    def _begin(self) -> SpeechStream:
        if self.overlaps and isinstance(self._engine, StreamingEngine):
            return self._engine.stream()
        return ListStream(self._engine)

    @property
    def unfinished(self) -> int:
        """Tasks of which no outcome has been returned."""
        return len(self._tasks)

    def add(self, tasks: Sequence[SynthesisTask]) -> list[int]:
        """Add tasks and return a number for each, by which its outcome will be known."""
        if not tasks:
            return []
        numbers = list(range(self._count, self._count + len(tasks)))
        self._count += len(tasks)
        self._tasks |= dict(zip(self._stream.add(tasks), zip(numbers, tasks, strict=True), strict=True))
        return numbers

    def step(self) -> list[Outcome]:
        """Let the engine work for a while, and return the outcomes of the tasks that ended."""
        retries = 1
        try:
            ended = self._stream.step()
        except Exception as error:
            logger.info("a batch of %d failed (%s): each is tried alone", self.unfinished, error)
            ended = [Ended(key, error) for key in self._tasks]
            retries = min(2, self.unfinished)  # one may have spoilt the batch for all: the others were not really tried
            self._stream = self._begin()
        return [self._outcome(*self._tasks.pop(each.key), each.result, retries) for each in ended]

    def _outcome(self, number: int, task: SynthesisTask, result: SynthesisResult | Exception, retries: int) -> Outcome:
        try:
            return Outcome(number, _row(task, result))
        except Exception as error:
            failure = error
            logger.info("dialogue %r, turn %d: %s; it is tried alone", task.dialogue_id, task.turn, error)
        for _ in range(retries):
            try:
                (result,) = self._engine.synthesize([task])
                return Outcome(number, _row(task, result))
            except Exception as error:
                failure = error
        return Outcome(number, failure)


def _row(task: SynthesisTask, result: SynthesisResult | Exception) -> SpokenTask:
    if isinstance(result, Exception):
        raise result
    key, rate, wall = task.content_key, result.sample_rate, result.wall_seconds
    try:
        return SpokenTask(key, rate, wall, to_pcm16(result.audio), result.word_times)
    except Unspeakable as error:
        return SpokenTask(key, rate, wall, NO_AUDIO, failure=str(error))
