"""Streams of speech: tasks can be added at any time and come back as they end.

An engine that decodes many utterances together (`StreamingEngine`) then never runs half empty at the end of a list: the
last of one list are spoken with the first of the next. For any other engine, `ListStream` speaks list by list behind
the same interface.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from .base import Engine, EngineError, SynthesisResult, SynthesisTask


class Ended(NamedTuple):
    """A task that has ended."""

    key: int
    """The key that `add` returned."""
    result: SynthesisResult | Exception
    """The sound, or the exception of a task that could not be spoken."""


class SpeechStream(Protocol):
    """The tasks in progress in an engine."""

    @property
    def unfinished(self) -> int:
        """Number of tasks that have not come back."""
        ...

    def add(self, tasks: Sequence[SynthesisTask]) -> list[int]:
        """Add tasks and return a key for each."""
        ...

    def step(self) -> list[Ended]:
        """Work for a while, and return the tasks that have ended, in any order.

        An exception that is raised fails all that are unfinished; the stream is not used any further then.
        """
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine that accepts more tasks while others are unfinished."""

    def stream(self) -> SpeechStream:
        """Begin a stream; `synthesize` may be called between its steps."""
        ...


class ListStream:
    """The stream of an engine that speaks lists: each added list is one call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lists: deque[tuple[list[int], Sequence[SynthesisTask]]] = deque()
        self._count = 0

    @property
    def unfinished(self) -> int:
        """Number of tasks that have not come back."""
        return sum(len(keys) for keys, _ in self._lists)

    def add(self, tasks: Sequence[SynthesisTask]) -> list[int]:
        """Add one list, and return a key for each of its tasks."""
        keys = list(range(self._count, self._count + len(tasks)))
        self._count += len(tasks)
        self._lists.append((keys, tasks))
        return keys

    def step(self) -> list[Ended]:
        """Speak the list that was added first.

        Raises:
            EngineError: the engine returned another number of results than it was given tasks.
        """
        if not self._lists:
            return []
        keys, tasks = self._lists.popleft()
        results = list(self._engine.synthesize(tasks))
        if len(results) != len(tasks):
            raise EngineError(f"engine returned {len(results)} results for {len(tasks)} tasks")
        return [Ended(key, result) for key, result in zip(keys, results, strict=True)]
