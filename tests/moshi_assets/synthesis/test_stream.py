"""Lanes with an engine that goes on with what is unfinished when more is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from moshi_assets.engines.base import EngineError, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.engines.stream import Ended, ListStream, StreamingEngine
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.synthesis.speak import Speaker
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records


class Trickle:
    """A stream that ends one task a step, the shortest first, so that others stay behind."""

    def __init__(self, engine: TricklingEngine) -> None:
        self._engine = engine
        self._tasks: dict[int, SynthesisTask] = {}
        self._count = 0

    @property
    def unfinished(self) -> int:
        return len(self._tasks)

    def add(self, tasks: Sequence[SynthesisTask]) -> list[int]:
        keys = list(range(self._count, self._count + len(tasks)))
        self._count += len(tasks)
        self._engine.left_behind.append(len(self._tasks))
        self._tasks |= dict(zip(keys, tasks, strict=True))
        return keys

    def step(self) -> list[Ended]:
        key = min(self._tasks, key=lambda key: len(self._tasks[key].spoken))
        if "breaks" in self._tasks[key].spoken and not self._engine.broken:
            self._engine.broken = True
            raise RuntimeError("the device is gone")
        if "bad" in self._tasks[key].spoken:
            return [Ended(key, ValueError(f"cannot say {self._tasks.pop(key).spoken!r}"))]
        return [Ended(key, *self._engine.synthesize([self._tasks.pop(key)]))]


class TricklingEngine(NoiseEngine):
    """Noise as a stream."""

    def __init__(self, batch_size: int) -> None:
        super().__init__(NoiseOptions(characters_per_second=200))
        self.batch_size = batch_size
        self.left_behind: list[int] = []
        """Tasks that were unfinished whenever more were added."""
        self.broken = False
        self.attempts: Counter[str] = Counter()

    def stream(self) -> Trickle:
        return Trickle(self)

    def synthesize(self, tasks: Sequence[SynthesisTask]):
        self.attempts.update(task.spoken for task in tasks)
        return super().synthesize(tasks)


def test_lists_run_into_one_another_and_the_rows_are_the_same(tmp_path: Path):
    truth = PlainDataset(tmp_path, records(20), name="truth", samples_per_shard=8)
    dataset, engine = PlainDataset(tmp_path, records(20), samples_per_shard=8), TricklingEngine(4)

    truth.build()
    dataset.build(engine)

    assert dataset.spoken() == truth.spoken()
    assert [row["duration"] for row in dataset.rows()] == [row["duration"] for row in truth.rows()]
    assert engine.left_behind[0] == 0
    assert all(engine.left_behind[1:])  # across the borders of shards too


def test_each_shard_counts_its_own_tasks(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(20), samples_per_shard=8)
    dataset.plan()

    (report,) = dataset.speak(TricklingEngine(4))

    assert [(figures.tasks, figures.spoken) for figures in report.figures.values()] == [(16, 16), (16, 16), (8, 8)]


def test_a_stream_that_breaks_costs_nothing_that_can_be_spoken_alone(tmp_path: Path):
    lines = [record(n, user_text="This one breaks it") if n == 3 else record(n) for n in range(8)]
    dataset, engine = PlainDataset(tmp_path, lines), TricklingEngine(4)

    dataset.build(engine)

    assert engine.broken
    assert len(dataset.rows()) == 8 and not list(dataset.store.rejects())


def test_a_task_that_the_stream_cannot_speak_is_tried_alone(tmp_path: Path):
    lines = [record(n, user_text="A bad one") if n == 3 else record(n) for n in range(8)]
    dataset, engine = PlainDataset(tmp_path, lines), TricklingEngine(4)

    dataset.build(engine)

    assert engine.attempts["A bad one"] == 1  # by the list, which can
    assert len(dataset.rows()) == 8


def test_an_engine_without_a_stream_speaks_list_by_list():
    engine = NoiseEngine(NoiseOptions())
    assert isinstance(TricklingEngine(2), StreamingEngine) and not isinstance(engine, StreamingEngine)
    assert (Speaker(engine).overlaps, Speaker(TricklingEngine(2)).overlaps) == (False, True)

    stream = ListStream(engine)
    tasks = [SynthesisTask("d", f"talk-{n}", 0, "user", "Hello there.", "low", n, bytes(16)) for n in range(5)]
    assert stream.add(tasks[:3]) + stream.add(tasks[3:]) == [0, 1, 2, 3, 4]
    assert [[ended.key for ended in stream.step()] for _ in range(3)] == [[0, 1, 2], [3, 4], []]
    assert stream.unfinished == 0


def test_a_list_whose_results_do_not_fit_is_refused():
    class Short(NoiseEngine):
        def synthesize(self, tasks):
            return super().synthesize(tasks)[1:]

    stream = ListStream(Short(NoiseOptions()))
    stream.add([SynthesisTask("d", "talk", 0, "user", "Hello there.", "low", 1, bytes(16))] * 2)

    with pytest.raises(EngineError, match="1 results for 2 tasks"):
        stream.step()
