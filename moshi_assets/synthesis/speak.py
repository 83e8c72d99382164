"""An engine made dependable: a batch in, for each task its sound or the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from ..audio.pcm import Unspeakable, to_pcm16
from ..engines.base import Engine, EngineError, SynthesisResult, SynthesisTask
from .parts import NO_AUDIO, SpokenTask

logger = logging.getLogger(__name__)


def speak(engine: Engine, batch: Sequence[SynthesisTask]) -> Iterator[SpokenTask | Exception]:
    """Speak a batch; what raises is tried once more, alone.

    Yields, in order, the row of each task or the exception that kept it from being spoken. Sound that cannot be used
    (empty, silent, not a number) is no exception but a row with a `failure`: another seed may do better.
    """
    retries = 1
    try:
        results: list[SynthesisResult | Exception] = list(engine.synthesize(batch))
        if len(results) != len(batch):
            raise EngineError(f"engine returned {len(results)} results for {len(batch)} tasks")
    except Exception as error:
        logger.info("a batch of %d failed (%s): each is tried alone", len(batch), error)
        results = [error] * len(batch)
        retries = min(2, len(batch))  # one may have spoilt the batch for all: the others were not really tried
    for task, result in zip(batch, results):
        yield _outcome(engine, task, result, retries)


def _outcome(
    engine: Engine, task: SynthesisTask, result: SynthesisResult | Exception, retries: int
) -> SpokenTask | Exception:
    try:
        return _row(task, result)
    except Exception as error:
        failure = error
        logger.info("dialogue %r, turn %d: %s; it is tried alone", task.dialogue_id, task.turn, error)
    for _ in range(retries):
        try:
            (result,) = engine.synthesize([task])
            return _row(task, result)
        except Exception as error:
            failure = error
    return failure


def _row(task: SynthesisTask, result: SynthesisResult | Exception) -> SpokenTask:
    if isinstance(result, Exception):
        raise result
    key, rate, wall = task.content_key, result.sample_rate, result.wall_seconds
    try:
        return SpokenTask(key, rate, wall, to_pcm16(result.audio), result.word_times)
    except Unspeakable as error:
        return SpokenTask(key, rate, wall, NO_AUDIO, failure=str(error))
