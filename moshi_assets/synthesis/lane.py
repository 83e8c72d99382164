"""The synthesis loop of one lane: reader -> bounded queue -> engine -> bounded queue -> judge and writer.

The engine has the main thread; reading, judging, assembling and writing overlap with it. What fails its gates comes
back and is spoken again, with another seed, in batches; the last of a shard once the first batch of the next one is
spoken, so that the engine does not wait for the judge. What a killed lane loses is bounded by `UNWRITTEN_ROWS`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engines.base import Engine, EngineError, add_figures
from ..processes.memory import peak_rss, peak_vram
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from .channel import Channel, LaneState, LaneStopped
from .figures import SpeechFigures
from .judge import Judge
from .parts import SpokenTask
from .progress import ProgressFile
from .reader import LaneReader, LaneTask
from .retries import Judgement, Retries
from .speak import Speaker
from .writer import Assembly, LaneWriter

logger = logging.getLogger(__name__)

UNWRITTEN_ROWS = 64
"""Most utterances spoken but not on disk. Two engine batches where that is more."""
HOPELESS_FAILURES = 50
"""Utterances failed in a row after which the engine is taken to be broken (a lost GPU, say)."""
Rows = list[tuple[LaneTask, SpokenTask]]


@dataclass
class LaneReport:
    """What a lane did, by shard."""

    figures: dict[str, SpeechFigures] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Shard key -> dialogue id -> why the engine could not speak it.

    What it spoke badly is told by the shard's parts.
    """


class Lane:
    """Speaks the missing tasks of some shards, one shard after another, with one engine instance."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        engine: Engine,
        missing: Iterable[tuple[str, np.ndarray]],
        *,
        lane: int = 0,
        total: int = 0,
        assembly: Assembly | None = None,
        observe: Callable[[str, dict[str, Any]], None] | None = None,
        observe_seconds: float = 10.0,
        done: Callable[[str, SpeechFigures, dict[str, str]], None] | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            store, recipe: the dataset.
            engine: loaded engine; the lane does not close it.
            missing: shard keys, each with (n,) row numbers of the tasks to speak; read on, in another thread, while
                the engine speaks.
            lane: its number.
            total: how many tasks that may be, for its progress.
            assembly: what makes recordings of complete dialogues; without it everything is kept in parts.
            observe: called in the main thread with a shard key and figures, at most every `observe_seconds`.
            done: called in the main thread with a shard key, figures and failures once what was missing of the shard
                lies on disk.
            between: called in the main thread after each batch.

        Raises:
            ListenerError: the recipe's gates need a package or a model that is missing.
        """
        self._recipe, self._engine, self._number = recipe, engine, lane
        self._observe, self._observe_seconds = observe, observe_seconds
        self._done, self._between = done, between
        self._batch = max(1, engine.batch_size)
        judge = Judge(recipe, lane)
        self._speaker = Speaker(engine)
        self._speaking: dict[int, tuple[str, LaneTask]] = {}
        """Shard and task of what the engine has been given and not yet returned, by the speaker's number."""
        self._unwritten = 0
        self._unwritten_limit = max(UNWRITTEN_ROWS, 2 * self._batch)
        self._reader = LaneReader(store, missing, judge.rules, self._batch, together=assembly is not None)
        room = self._unwritten_limit - self._batch
        self._writer = LaneWriter(store, recipe, judge, self._written, room, assembly)
        self._state = LaneState()
        self._planned: Channel[tuple[str, list[LaneTask]] | None] = Channel(
            self._state, max(1, recipe.planner_buffer // self._batch)
        )
        self._spoken: Channel[tuple[str, Rows | None] | None] = Channel(self._state, 2)
        """Shards with what was spoken of them, None after the last of it."""
        self._on_disk: Channel[str] = Channel(self._state, 10**9)
        """Shards of which what was missing is written."""
        self._judged: Channel[Judgement] = Channel(self._state, 10**9)
        self._progress = ProgressFile(store.progress_folder, lane, total)
        self._retries = Retries(judge.rules.attempts, self._progress.state)
        self._failed_in_a_row = 0
        self._charged = 0.0

    def run(self) -> LaneReport:
        """Speak everything.

        Raises:
            EngineError: the engine is broken, or nothing that it says passes the gates.
            OSError: something could not be written; what was written earlier stays.
        """
        report = LaneReport()
        last_observation = self._charged = time.monotonic()
        helpers = [self._start(self._read), self._start(self._judge_and_write)]
        try:
            current = ending = None
            for shard, batch, depth in self._batches():
                if shard != current:
                    ending, current = current, shard
                    report.figures[shard], report.failures[shard] = SpeechFigures(), {}
                figures = report.figures[shard]
                if batch:
                    figures.depth_sum += depth
                    figures.depth_samples += 1
                    figures.depth_max = max(figures.depth_max, depth)
                    self._speak(shard, batch, report)
                self._charge(figures)
                if ending:
                    self._end(ending, report)
                    ending = None
                self._speak_again(shard, report, to_the_end=False)
                self._tell_what_is_done(report)
                if self._observe and time.monotonic() - last_observation >= self._observe_seconds:
                    last_observation = time.monotonic()
                    figures.peak_rss_mb, figures.peak_vram_mb = peak_rss(), peak_vram()
                    self._observe(shard, figures.summary())
            if current:
                self._end(current, report)
            self._spoken.put(None)
            for helper in helpers:
                helper.join()
            self._state.check()
            self._tell_what_is_done(report)
        finally:
            self._state.stop()
            for helper in helpers:
                helper.join()
        self._progress.state.queue_depth = 0
        self._progress.close()
        return report

    # -- engine side (main thread)

    def _batches(self) -> Iterator[tuple[str, list[LaneTask], int]]:
        """Batches from the reader with the number of tasks that waited, the batch's own included."""
        while (item := self._planned.get()) is not None:
            shard, batch = item
            depth = len(self._planned) * self._batch + len(batch)
            self._progress.state.queue_depth = depth
            yield shard, batch, depth

    def _speak(self, shard: str, batch: list[LaneTask], report: LaneReport) -> None:
        """Give a batch to the engine, and hand what has ended to the judge; what only has to be judged goes there as it
        is.

        With an engine that goes on, as many as a batch stay with it: their end is spoken together with the next batch.
        """
        self._state.when(
            lambda: not self._unwritten or self._unwritten + len(batch) <= self._unwritten_limit, lambda: None
        )
        due = [task for task in batch if not task.known]
        for number, task in zip(self._speaker.add([task.due for task in due]), due, strict=True):
            self._speaking[number] = shard, task
        known = [(task, task.known) for task in batch if task.known]
        self._progress.state.done += len(known)
        leave = self._batch if self._speaker.overlaps else 0
        self._take(shard, {shard: known}, report, lambda: self._speaker.unfinished <= leave)

    def _take(
        self,
        shard: str,
        rows: dict[str, Rows],
        report: LaneReport,
        enough: Callable[[], bool],
    ) -> None:
        """Let the engine work until it is enough, and hand what has ended and the rows to the judge, by shard.

        The time is put down to `shard`; what ended counts for its own.
        """
        begin = time.monotonic()
        while not enough():
            for number, outcome in self._speaker.step():
                its_shard, task = self._speaking.pop(number)
                figures, failures = report.figures[its_shard], report.failures[its_shard]
                figures.tasks += not task.again
                self._progress.state.done += 1
                if isinstance(outcome, SpokenTask):
                    row = outcome._replace(attempt=task.attempt)
                    rows.setdefault(its_shard, []).append((task, row))
                    figures.count(outcome)
                    figures.retried += bool(task.attempt)
                    self._failed_in_a_row = 0
                else:
                    self._progress.state.failed += 1
                    self._fail(task, outcome, figures, failures)
        report.figures[shard].engine_seconds += time.monotonic() - begin
        add_figures(report.figures[shard].work, self._engine.work_figures())
        for its_shard, ended in rows.items():
            self._hand_over(its_shard, ended)
        self._progress.update()
        if self._between:
            self._between()

    def _hand_over(self, shard: str, rows: Rows) -> None:
        """Give rows of a shard to the judge."""
        if not rows:
            return
        self._written(-len(rows))
        self._retries.handed_over(shard, len(rows))
        self._spoken.put((shard, rows))
        state = self._progress.state
        state.audio_seconds += sum(len(row.samples) / row.sample_rate for _, row in rows)
        state.latency_seconds += sum(row.wall_seconds - state.latency_seconds for _, row in rows) / max(1, state.done)

    def _finish_speaking(self, shard: str, report: LaneReport) -> None:
        """Have the engine end all that it was given of a shard."""
        self._take(shard, {}, report, lambda: all(its_shard != shard for its_shard, _ in self._speaking.values()))

    def _fail(self, lane_task: LaneTask, error: Exception, figures: SpeechFigures, failures: dict[str, str]) -> None:
        task = lane_task.task
        reason = f"{type(error).__name__}: {error}"[:500]
        figures.failed += 1
        failures.setdefault(task.dialogue_id, f"turn {task.turn} ({task.role}) cannot be spoken: {reason}")
        logger.warning("dialogue %r, turn %d (%s) cannot be spoken: %s", task.dialogue_id, task.turn, task.role, reason)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= HOPELESS_FAILURES:
            raise EngineError(
                f"engine {self._recipe.engine!r} failed on {self._failed_in_a_row} utterances in a row, the "
                f"last because of {reason}; what was spoken before is kept"
            )

    def _speak_again(self, shard: str, report: LaneReport, to_the_end: bool) -> None:
        """Speak what came back from the judge: full batches, or all until nothing comes back any more."""
        if to_the_end:
            self._finish_speaking(shard, report)
        self._heed(report, shard if to_the_end else None)
        while self._retries.due(shard) >= (1 if to_the_end else self._batch):
            self._speak(shard, self._retries.take(shard, self._batch), report)
            last = to_the_end and not self._retries.due(shard)
            if last:
                self._finish_speaking(shard, report)
            self._heed(report, shard if last else None)
        figures = report.figures[shard]
        self._charge(figures)
        figures.ended = time.time()
        # Not earlier than here: the longest texts come first.
        if to_the_end and (why := self._retries.hopeless(HOPELESS_FAILURES)):
            raise EngineError(f"of engine {self._recipe.engine!r} {why}")

    def _end(self, shard: str, report: LaneReport) -> None:
        """Speak the last of a shard and have it written."""
        self._speak_again(shard, report, to_the_end=True)
        figures = report.figures[shard]
        figures.peak_rss_mb, figures.peak_vram_mb = peak_rss(), peak_vram()
        self._spoken.put((shard, None))

    def _tell_what_is_done(self, report: LaneReport) -> None:
        while len(self._on_disk):
            shard = self._on_disk.get()
            if self._done:
                self._done(shard, report.figures[shard], report.failures[shard])

    def _charge(self, figures: SpeechFigures) -> None:
        """Put the wall time since the last charge down to a shard."""
        now = time.monotonic()
        figures.wall_seconds += now - self._charged
        self._charged = now

    def _heed(self, report: LaneReport, awaited: str | None) -> None:
        """Take in what the judge says, and wait until it has said all about the awaited shard."""
        while self._retries.unjudged():
            wait = awaited is not None and self._retries.unjudged(awaited) > 0
            judgement = self._judged.get() if wait else self._judged.poll()
            if judgement is None:
                return
            self._retries.heed(judgement, report.figures[judgement.shard])

    # -- helper threads

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        """Start a helper; what it raises ends the lane."""

        def run() -> None:
            try:
                work()
            except LaneStopped:
                pass
            except BaseException as error:
                self._state.stop(error)

        thread = threading.Thread(target=run, name=f"lane-{self._number}", daemon=True)
        thread.start()
        return thread

    def _read(self) -> None:
        for shard, batch in self._reader.batches():
            self._engine.read_ahead([task.due for task in batch if not task.known])
            self._planned.put((shard, batch))
        self._planned.put(None)

    def _judge_and_write(self) -> None:
        try:
            while (item := self._spoken.get()) is not None:
                shard, spoken = item
                if spoken is None:
                    self._writer.end(shard)
                    self._on_disk.put(shard)
                    continue
                for judgement in self._writer.add(shard, spoken):
                    self._judged.put(judgement)
                self._writer.write_some()
        except LaneStopped:
            pass  # interrupted: what is in memory is still worth keeping, though nothing relies on it
        self._writer.write()

    def _written(self, rows: int) -> None:
        def count() -> None:
            self._unwritten -= rows

        self._state.change(count)
