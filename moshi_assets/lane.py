"""The synthesis loop of one lane: reader -> bounded queue -> engine -> bounded queue -> writer.

The engine has the main thread; reading and writing overlap with it. Audio goes from the engine to Arrow parts in
memory. What a killed lane loses is bounded by `UNWRITTEN_ROWS`.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import soundfile as sf

from .engines.base import EmotionSettings, Engine, EngineError, SynthesisResult, SynthesisTask, add_figures
from .files import whole_file
from .metrics import SpeechFigures, peak_rss, peak_vram
from .names import file_stem
from .parts import SpokenTask, write_part
from .pcm import Unspeakable, to_pcm16
from .progress import ProgressFile
from .recipe import Recipe
from .store import DatasetStore
from .work import LaneWork

logger = logging.getLogger(__name__)

PART_ROWS = 32
"""Utterances after which a part is written."""
UNWRITTEN_ROWS = 64
"""Most utterances spoken but not on disk; one being written, one being filled. Two engine batches where that is more."""
HOPELESS_FAILURES = 50
"""Utterances failed in a row after which the engine is taken to be broken (a lost GPU, say)."""
_POLL_SECONDS = 0.2


@dataclass
class LaneReport:
    """What a lane did, by shard."""

    lane: int
    figures: dict[str, SpeechFigures] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Shard key -> dialogue id -> reason."""
    load_seconds: float = 0.0
    """Wall time to load the engine."""


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
    ) -> None:
        """
        Args:
            store, recipe: the dataset.
            engine: loaded engine; the lane does not close it.
            work: what to speak.
            observe: called in the main thread with a shard key and figures, at most every `observe_seconds`.
        """
        self._store, self._recipe, self._engine, self._work = store, recipe, engine, work
        self._observe, self._observe_seconds = observe, observe_seconds
        batch = max(1, engine.batch_size)
        self._planned: queue.Queue[tuple[str, list[SynthesisTask]] | None] = queue.Queue(
            max(1, recipe.planner_buffer // batch)
        )
        self._spoken: queue.Queue[tuple[str, list[tuple[SynthesisTask, SpokenTask]]] | None] = queue.Queue(2)
        self._unwritten = 0
        self._unwritten_limit = max(UNWRITTEN_ROWS, 2 * batch)
        self._room = threading.Condition()
        self._stop = threading.Event()
        self._helpers: list[Future[None]] = []
        self._progress = ProgressFile(store.progress_folder, work.lane, work.tasks)
        self._failed_in_a_row = 0
        self._any_spoken = False

    def run(self) -> LaneReport:
        """Speak everything.

        Raises:
            EngineError: the engine is broken.
            OSError: a part could not be written; parts written earlier stay.
        """
        report = LaneReport(self._work.lane)
        last_observation = time.monotonic()
        shard_begin = time.monotonic()
        pool = ThreadPoolExecutor(2, thread_name_prefix=f"lane-{self._work.lane}")
        self._helpers = [pool.submit(self._read), pool.submit(self._write)]
        try:
            current = None
            for shard, batch, depth in self._batches():
                if shard != current:
                    shard_begin, current = time.monotonic(), shard
                figures = report.figures.setdefault(shard, SpeechFigures())
                figures.depth_sum += depth
                figures.depth_samples += 1
                figures.depth_max = max(figures.depth_max, depth)
                self._speak(shard, batch, figures, report.failures.setdefault(shard, {}))
                figures.wall_seconds = time.monotonic() - shard_begin
                figures.ended = time.time()
                if self._observe and time.monotonic() - last_observation >= self._observe_seconds:
                    last_observation = time.monotonic()
                    figures.peak_rss_mb, figures.peak_vram_mb = peak_rss(), peak_vram()
                    self._observe(shard, figures.summary())
            self._put(self._spoken, None)
            for helper in self._helpers:
                helper.result()
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        for figures in report.figures.values():
            figures.peak_rss_mb, figures.peak_vram_mb = peak_rss(), peak_vram()
        self._progress.state.queue_depth = 0
        self._progress.close()
        return report

    # -- engine side (main thread)

    def _batches(self) -> Iterator[tuple[str, list[SynthesisTask], int]]:
        """Batches from the reader with the number of tasks that waited, the batch's own included."""
        while True:
            item = self._get(self._planned)
            if item is None:
                return
            shard, batch = item
            depth = self._planned.qsize() * max(1, self._engine.batch_size) + len(batch)
            self._progress.state.queue_depth = depth
            yield shard, batch, depth

    def _speak(self, shard: str, batch: list[SynthesisTask], figures: SpeechFigures, failures: dict[str, str]) -> None:
        self._wait_for_room(len(batch))
        begin = time.monotonic()
        rows: list[tuple[SynthesisTask, SpokenTask]] = []
        for task, outcome in self._attempt(batch):
            figures.tasks += 1
            if isinstance(outcome, SpokenTask):
                rows.append((task, outcome))
                figures.spoken += 1
                figures.audio_seconds += len(outcome.samples) / outcome.sample_rate
                figures.latencies.append(outcome.wall_seconds)
                self._failed_in_a_row, self._any_spoken = 0, True
            else:
                reason = f"{type(outcome).__name__}: {outcome}"[:500]
                figures.failed += 1
                failures.setdefault(task.dialogue_id, f"turn {task.turn} ({task.role}) cannot be spoken: {reason}")
                logger.warning(
                    "dialogue %r, turn %d (%s) cannot be spoken: %s", task.dialogue_id, task.turn, task.role, reason
                )
                # A text without sound is the text's fault once others were spoken; an exception never is for sure.
                self._failed_in_a_row += not (isinstance(outcome, Unspeakable) and self._any_spoken)
                if self._failed_in_a_row >= HOPELESS_FAILURES:
                    raise EngineError(
                        f"engine {self._recipe.engine!r} failed on {self._failed_in_a_row} utterances in a row, the "
                        f"last because of {reason}; what was spoken before is kept"
                    )
        figures.engine_seconds += time.monotonic() - begin
        add_figures(figures.work, self._engine.work_figures())
        with self._room:
            self._unwritten += len(rows)
        self._put(self._spoken, (shard, rows))
        state = self._progress.state
        state.done += len(batch)
        state.failed += len(batch) - len(rows)
        state.audio_seconds += sum(len(row.samples) / row.sample_rate for _, row in rows)
        state.latency_seconds += sum(row.wall_seconds - state.latency_seconds for _, row in rows) / max(1, state.done)
        self._progress.update()

    def _attempt(self, batch: list[SynthesisTask]) -> Iterator[tuple[SynthesisTask, SpokenTask | Exception]]:
        """Speak a batch; what fails is tried once more, alone. Yields a spoken row or the reason."""
        retries = 1
        try:
            results: list[SynthesisResult | Exception] = list(self._engine.synthesize(batch))
            if len(results) != len(batch):
                raise EngineError(f"engine returned {len(results)} results for {len(batch)} tasks")
        except Exception as error:
            logger.info("a batch of %d failed (%s): each is tried alone", len(batch), error)
            results = [error] * len(batch)
            retries = min(2, len(batch))  # one may have spoilt the batch for all: the others were not really tried
        for task, result in zip(batch, results):
            yield task, self._outcome(task, result, retries)

    def _outcome(
        self, task: SynthesisTask, result: SynthesisResult | Exception, retries: int
    ) -> SpokenTask | Exception:
        try:
            return _spoken(task, result)
        except Exception as error:
            failure = error
            logger.info("dialogue %r, turn %d: %s; it is tried alone", task.dialogue_id, task.turn, error)
        for _ in range(retries):
            try:
                (result,) = self._engine.synthesize([task])
                return _spoken(task, result)
            except Exception as error:
                failure = error
        return failure

    def _wait_for_room(self, rows: int) -> None:
        with self._room:
            while self._unwritten and self._unwritten + rows > self._unwritten_limit:
                self._room.wait(_POLL_SECONDS)
                self._check_helpers()

    # -- helper threads

    def _read(self) -> None:
        size = max(1, self._engine.batch_size)
        for shard, rows in self._work.rows.items():
            tasks = self._store.tasks(shard).take(rows).to_pylist()
            # Batch mates of one length waste little on padding; the longest first, so that memory runs short early.
            tasks.sort(key=lambda task: len(task["text"]), reverse=True)
            for begin in range(0, len(tasks), size):
                batch = [self._task(row) for row in tasks[begin : begin + size]]
                self._engine.read_ahead(batch)
                self._put(self._planned, (shard, batch))
        self._put(self._planned, None)

    def _task(self, row: dict[str, Any]) -> SynthesisTask:
        emotion = EmotionSettings.model_validate_json(row["emotion"]) if row["emotion"] else None
        return SynthesisTask(
            self._store.name,
            row["dialogue_id"],
            row["turn"],
            row["role"],
            row["text"],
            row["voice"],
            row["seed"],
            row["content_key"],
            emotion,
        )

    def _write(self) -> None:
        pending: list[SpokenTask] = []
        shard = ""
        try:
            while (item := self._get(self._spoken)) is not None:
                if item[0] != shard:
                    self._write_part(shard, pending)
                    shard = item[0]
                for task, row in item[1]:
                    pending.append(row)
                    if self._recipe.keep_temp:
                        self._write_temp(task, row)
                if len(pending) >= PART_ROWS:
                    self._write_part(shard, pending)
        except _Stopped:
            pass  # interrupted: what is in memory is still worth keeping, though nothing relies on it
        self._write_part(shard, pending)

    def _write_part(self, shard: str, pending: list[SpokenTask]) -> None:
        if pending:
            folder = self._store.mono_folder(shard)
            folder.mkdir(parents=True, exist_ok=True)
            write_part(folder, pending)
            with self._room:
                self._unwritten -= len(pending)
                self._room.notify()
            pending.clear()

    def _write_temp(self, task: SynthesisTask, row: SpokenTask) -> None:
        self._store.temp_folder.mkdir(parents=True, exist_ok=True)
        path = self._store.temp_folder / f"{file_stem(task.dialogue_id)}.{task.turn}.{task.role}.wav"
        with whole_file(path) as partial:
            sf.write(partial, row.samples, row.sample_rate, subtype="PCM_16", format="WAV")

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


def _spoken(task: SynthesisTask, result: SynthesisResult | Exception) -> SpokenTask:
    if isinstance(result, Exception):
        raise result
    return SpokenTask(
        task.content_key, result.sample_rate, result.wall_seconds, to_pcm16(result.audio), result.word_times
    )


def default_device(lane: int) -> str | None:
    """`cuda:{lane % gpus}`, or None (the engine's choice) without a GPU."""
    try:
        import torch
    except ImportError:
        return None
    gpus = torch.cuda.device_count()
    return f"cuda:{lane % gpus}" if gpus else None


def exit_with_parent() -> None:
    """In a worker process: end this process when its parent dies, so that no lane outlives its run.

    The parent is the process that started the run, whose end a pipe tells. It is not `os.getppid()`: a worker's parent
    in the system is the fork server, and that one lives as long as any of its workers.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(70)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
