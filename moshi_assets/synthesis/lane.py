"""The synthesis loop of one lane: reader -> bounded queue -> engine -> bounded queue -> judge and writer.

The engine has the main thread; reading, judging and writing overlap with it. Audio goes from the engine to Arrow parts
in memory. What fails its gates comes back and is spoken again, with another seed, in batches; the last
of a shard once the first batch of the next one is spoken, so that the engine does not wait for the judge.
What a killed lane loses is bounded by `UNWRITTEN_ROWS`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..engines.base import Engine, EngineError, add_figures
from ..processes.memory import peak_rss, peak_vram
from ..quality.rules import GateFault
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from .figures import SpeechFigures
from .judge import Judge
from .lane_work import LaneWork
from .parts import SpokenTask
from .progress import ProgressFile
from .reader import LaneReader, Utterance
from .speak import Speaker
from .writer import LaneWriter

logger = logging.getLogger(__name__)

UNWRITTEN_ROWS = 64
"""Most utterances spoken but not on disk; one being written, one being filled.

Two engine batches where that is more.
"""
HOPELESS_FAILURES = 50
"""Utterances failed in a row after which the engine is taken to be broken (a lost GPU, say)."""
_POLL_SECONDS = 0.2


@dataclass
class LaneReport:
    """What a lane did, by shard."""

    lane: int
    figures: dict[str, SpeechFigures] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Shard key -> dialogue id -> why the engine could not speak it.

    What it spoke badly is told by the shard's parts.
    """
    load_seconds: float = 0.0
    """Wall time to load the engine."""
    closed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Shard key -> metadata of the shards that were done with this lane's share."""


class _Stopped(Exception):
    """Raised in the helper threads when the lane ends early."""


class Lane:
    """Speaks one `LaneWork` with one engine instance."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        engine: Engine,
        work: LaneWork,
        observe: Callable[[str, dict[str, Any]], None] | None = None,
        observe_seconds: float = 10.0,
        done: Callable[[str, SpeechFigures, dict[str, str]], None] | None = None,
    ) -> None:
        """
        Args:
            store, recipe: the dataset.
            engine: loaded engine; the lane does not close it.
            work: what to speak.
            observe: called in the main thread with a shard key and figures, at most every `observe_seconds`.
            done: called in the main thread with a shard key, figures and failures once the lane's share of the shard
                lies on disk.

        Raises:
            ListenerError: the recipe's gates need a package or a model that is missing.
        """
        self._store, self._recipe, self._engine, self._work = store, recipe, engine, work
        self._observe, self._observe_seconds, self._done = observe, observe_seconds, done
        self._batch = max(1, engine.batch_size)
        judge = Judge(recipe, work.lane)
        self._attempts = judge.rules.attempts
        self._speaker = Speaker(engine)
        self._speaking: dict[int, tuple[str, Utterance]] = {}
        """Shard and utterance of what the engine has been given and not yet returned, by the speaker's number."""
        self._reader = LaneReader(store, work, judge.rules, self._batch)
        self._writer = LaneWriter(store, recipe, judge, self._written)
        self._planned: queue.Queue[tuple[str, list[Utterance]] | None] = queue.Queue(
            max(1, recipe.planner_buffer // self._batch)
        )
        self._spoken: queue.Queue[tuple[str, list[tuple[Utterance, SpokenTask]] | None] | None] = queue.Queue(2)
        """Shards with what was spoken of them, None after the last of it."""
        self._on_disk: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Shards of which this lane's share is written."""
        self._verdicts: queue.SimpleQueue[tuple[str, Utterance, SpokenTask, list[GateFault]]] = queue.SimpleQueue()
        self._unjudged: Counter[str] = Counter()
        """Utterances by shard."""
        self._again: dict[str, list[Utterance]] = {}
        """By shard what failed its gates and has attempts left; fewer than a batch and what is being judged."""
        self._unwritten = 0
        self._unwritten_limit = max(UNWRITTEN_ROWS, 2 * self._batch)
        self._room = threading.Condition()
        self._stop = threading.Event()
        self._helpers: list[Future[None]] = []
        self._progress = ProgressFile(store.progress_folder, work.lane, work.tasks)
        self._failed_in_a_row = self._rejected = 0
        self._any_good = False
        self._last_fault = ""
        self._charged = 0.0

    def run(self) -> LaneReport:
        """Speak everything.

        Raises:
            EngineError: the engine is broken, or nothing that it says passes the gates.
            OSError: a part could not be written; parts written earlier stay.
        """
        report = LaneReport(self._work.lane)
        last_observation = self._charged = time.monotonic()
        pool = ThreadPoolExecutor(2, thread_name_prefix=f"lane-{self._work.lane}")
        self._helpers = [pool.submit(self._read), pool.submit(self._judge_and_write)]
        try:
            current = ending = None
            for shard, batch, depth in self._batches():
                if shard != current:
                    ending, current = current, shard
                    report.figures[shard], report.failures[shard] = SpeechFigures(), {}
                    self._again[shard] = []
                figures = report.figures[shard]
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
            self._put(self._spoken, None)
            for helper in self._helpers:
                helper.result()
            self._tell_what_is_done(report)
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        self._progress.state.queue_depth = 0
        self._progress.close()
        return report

    # -- engine side (main thread)

    def _batches(self) -> Iterator[tuple[str, list[Utterance], int]]:
        """Batches from the reader with the number of tasks that waited, the batch's own included."""
        while True:
            item = self._get(self._planned)
            if item is None:
                return
            shard, batch = item
            depth = self._planned.qsize() * self._batch + len(batch)
            self._progress.state.queue_depth = depth
            yield shard, batch, depth

    def _speak(self, shard: str, batch: list[Utterance], report: LaneReport) -> None:
        """Give a batch to the engine, and hand what has ended to the judge; what only has to be judged goes there as it
        is.

        With an engine that goes on, as many as a batch stay with it: their end is spoken together with the next batch.
        """
        self._wait_for_room(len(batch))
        due = [utterance for utterance in batch if not utterance.known]
        for number, utterance in zip(self._speaker.add([u.due for u in due]), due, strict=True):
            self._speaking[number] = shard, utterance
        known = [(utterance, utterance.known) for utterance in batch if utterance.known]
        self._progress.state.done += len(known)
        leave = self._batch if self._speaker.overlaps else 0
        self._take(shard, {shard: known}, report, lambda: self._speaker.unfinished <= leave)

    def _take(
        self,
        shard: str,
        rows: dict[str, list[tuple[Utterance, SpokenTask]]],
        report: LaneReport,
        enough: Callable[[], bool],
    ) -> None:
        """Let the engine work until it is enough, and hand what has ended and the rows to the judge, by shard.

        The time is put down to `shard`; what ended counts for its own.
        """
        begin = time.monotonic()
        while not enough():
            for number, outcome in self._speaker.step():
                its_shard, utterance = self._speaking.pop(number)
                figures, failures = report.figures[its_shard], report.failures[its_shard]
                figures.tasks += not utterance.again
                self._progress.state.done += 1
                if isinstance(outcome, SpokenTask):
                    row = outcome._replace(attempt=utterance.attempt)
                    rows.setdefault(its_shard, []).append((utterance, row))
                    figures.count(outcome)
                    figures.retried += bool(utterance.attempt)
                    self._failed_in_a_row = 0
                else:
                    self._progress.state.failed += 1
                    self._fail(utterance, outcome, figures, failures)
        report.figures[shard].engine_seconds += time.monotonic() - begin
        add_figures(report.figures[shard].work, self._engine.work_figures())
        for its_shard, ended in rows.items():
            self._hand_over(its_shard, ended)
        self._progress.update()

    def _hand_over(self, shard: str, rows: list[tuple[Utterance, SpokenTask]]) -> None:
        """Give rows of a shard to the judge."""
        if not rows:
            return
        with self._room:
            self._unwritten += len(rows)
        self._unjudged[shard] += len(rows)
        self._put(self._spoken, (shard, rows))
        state = self._progress.state
        state.audio_seconds += sum(len(row.samples) / row.sample_rate for _, row in rows)
        state.latency_seconds += sum(row.wall_seconds - state.latency_seconds for _, row in rows) / max(1, state.done)

    def _finish_speaking(self, shard: str, report: LaneReport) -> None:
        """Have the engine end all that it was given of a shard."""
        self._take(shard, {}, report, lambda: all(its_shard != shard for its_shard, _ in self._speaking.values()))

    def _fail(self, utterance: Utterance, error: Exception, figures: SpeechFigures, failures: dict[str, str]) -> None:
        task = utterance.task
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
        figures, again = report.figures[shard], self._again[shard]
        if to_the_end:
            self._finish_speaking(shard, report)
        self._heed_verdicts(report, shard if to_the_end else None)
        while len(again) >= (1 if to_the_end else self._batch):
            batch, again[:] = again[: self._batch], again[self._batch :]
            self._speak(shard, batch, report)
            if to_the_end and not again:
                self._finish_speaking(shard, report)
            self._heed_verdicts(report, shard if to_the_end and not again else None)
        self._charge(figures)
        figures.ended = time.time()
        # Once something was good, what fails is the text's fault. Not earlier than here: the longest texts come first.
        if to_the_end and not self._any_good and self._rejected >= HOPELESS_FAILURES:
            raise EngineError(
                f"of engine {self._recipe.engine!r} the first {self._rejected} utterances failed their gates on every "
                f"attempt, the last because {self._last_fault}: if that is what it should sound like, change 'gates' "
                f"in "
                f"the recipe"
            )

    def _end(self, shard: str, report: LaneReport) -> None:
        """Speak the last of a shard and have it written."""
        self._speak_again(shard, report, to_the_end=True)
        figures = report.figures[shard]
        figures.peak_rss_mb, figures.peak_vram_mb = peak_rss(), peak_vram()
        self._put(self._spoken, (shard, None))

    def _tell_what_is_done(self, report: LaneReport) -> None:
        while not self._on_disk.empty():
            shard = self._on_disk.get()
            if self._done:
                self._done(shard, report.figures[shard], report.failures[shard])

    def _charge(self, figures: SpeechFigures) -> None:
        """Put the wall time since the last charge down to a shard."""
        now = time.monotonic()
        figures.wall_seconds += now - self._charged
        self._charged = now

    def _heed_verdicts(self, report: LaneReport, awaited: str | None) -> None:
        """Take in what the judge says, and wait until it has said all about the awaited shard."""
        while any(self._unjudged.values()):
            wait = awaited is not None and self._unjudged[awaited] > 0
            try:
                shard, utterance, row, faults = self._verdicts.get(block=wait, timeout=_POLL_SECONDS)
            except queue.Empty:
                if not wait:
                    return
                self._check_helpers()
                continue
            self._unjudged[shard] -= 1
            if not faults:
                self._any_good = True
                continue
            figures = report.figures[shard]
            if not utterance.known:
                figures.discount(row)
            self._progress.state.done -= 1
            task, attempt = utterance.task, utterance.attempt + 1
            told = "; ".join(fault.message for fault in faults)
            if attempt < self._attempts:
                logger.info("dialogue %r, turn %d: %s; spoken again", task.dialogue_id, task.turn, told)
                self._again[shard].append(Utterance(task, attempt, again=not utterance.known))
                continue
            logger.warning("dialogue %r, turn %d (%s) is rejected: %s", task.dialogue_id, task.turn, task.role, told)
            figures.failed += 1
            self._progress.state.done += 1
            self._progress.state.failed += 1
            self._rejected += 1
            self._last_fault = told

    def _wait_for_room(self, rows: int) -> None:
        with self._room:
            while self._unwritten and self._unwritten + rows > self._unwritten_limit:
                self._room.wait(_POLL_SECONDS)
                self._check_helpers()

    # -- helper threads

    def _read(self) -> None:
        for shard, batch in self._reader.batches():
            self._engine.read_ahead([utterance.due for utterance in batch if not utterance.known])
            self._put(self._planned, (shard, batch))
        self._put(self._planned, None)

    def _judge_and_write(self) -> None:
        try:
            while (item := self._get(self._spoken)) is not None:
                shard, spoken = item
                if spoken is None:
                    self._writer.write_last_part(shard)
                    self._on_disk.put(shard)
                    continue
                for verdict in self._writer.add(shard, spoken):
                    self._verdicts.put((shard, *verdict))
                self._writer.write_full_part()
        except _Stopped:
            pass  # interrupted: what is in memory is still worth keeping, though nothing relies on it
        self._writer.write_part()

    def _written(self, rows: int) -> None:
        with self._room:
            self._unwritten -= rows
            self._room.notify()

    # -- queues that notice the end of the other side

    def _put(self, channel: queue.Queue, item: Any) -> None:
        while True:
            try:
                return channel.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                self._check_helpers()

    def _get(self, channel: queue.Queue) -> Any:
        while True:
            try:
                return channel.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._check_helpers()

    def _check_helpers(self) -> None:
        if self._stop.is_set():
            raise _Stopped
        if not threading.current_thread().name.startswith("lane-"):  # only the engine's side looks after the helpers
            for helper in self._helpers:
                if helper.done():
                    helper.result()
