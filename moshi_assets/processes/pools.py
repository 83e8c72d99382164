"""Pools of workers: threads for file access, processes for work that is mostly Python, which threads would do one at a
time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from .fork_server import start_method
from .killed import WorkerKilled, killed_sentence
from .memory import MemoryWatch
from .worker import prepare_worker

FEWEST_DIALOGUES = 2_000
"""Smallest number of dialogues for which starting processes pays."""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def file_threads(count: int | None = None) -> ThreadPoolExecutor:
    """Threads for reading, checking and writing many files: by default as many as this process may use cores."""
    return ThreadPoolExecutor(count or usable_cores(), thread_name_prefix="files")


class Workers(NamedTuple):
    """The workers of a step."""

    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
    """As the built-in `map`: results in order; the first error ends it. Function, items and results must be
    picklable.
    """
    processes: int
    """Number of processes; 1 if this one does the work alone."""
    threads: int
    """Threads for each process, so that every core has work."""


@contextmanager
def workers(pieces: int, dialogues: int) -> Iterator[Workers]:
    """A process for every core, for much work; this process with a thread for every core, for little.

    Worker processes are only started from inside a Dagster step process: workers import `__main__` again, which is
    unsafe in a user's script without a main guard.

    Args:
        pieces: into how many the work can be cut.
        dialogues: in all of them, about.

    Raises:
        WorkerKilled: a process was killed.
    """
    cores = usable_cores()
    count = min(cores, pieces)
    if count == 1 or dialogues < FEWEST_DIALOGUES or multiprocessing.parent_process() is None:
        yield Workers(map, 1, cores)
        return
    with process_pool(count) as pool:
        yield Workers(pool.map, count, cores // count)


class ProcessPool:
    """Worker processes, see `process_pool`. Functions, arguments and results must be picklable."""

    def __init__(self, executor: ProcessPoolExecutor, watch: Callable[[], None]) -> None:
        self._executor, self._watch = executor, watch

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called in one of the processes."""
        future = self._executor.submit(function, *arguments)
        self._watch()
        return future

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """As the built-in `map`: results in order; the first error ends it."""
        results = self._executor.map(function, items)
        self._watch()
        return results


@contextmanager
def process_pool(count: int) -> Iterator[ProcessPool]:
    """Worker processes that end with this one; started when the first work comes.

    Args:
        count: how many.

    Raises:
        WorkerKilled: in the place of the pool's own error, if one of them was killed.
    """
    (method,) = start_method()
    executor = ProcessPoolExecutor(count, multiprocessing.get_context(method), _begin)
    memory = MemoryWatch()
    processes: list[BaseProcess] = []
    others = set(multiprocessing.active_children())

    def watch() -> None:
        if len(processes) < count:
            processes[:] = [child for child in multiprocessing.active_children() if child not in others]
            for child in processes:
                memory.add(child.pid or 0)

    try:
        yield ProcessPool(executor, watch)
    except BrokenProcessPool as error:
        executor.shutdown()  # the pool ends the others with SIGTERM
        codes = {child.pid or 0: child.exitcode for child in processes}
        pid = next((pid for pid, code in codes.items() if code not in (0, None, -signal.SIGTERM)), 0)
        who = f"one of the {count} processes that shared the work"
        raise WorkerKilled(killed_sentence(who, codes.get(pid), memory.last(pid))) from error
    finally:
        memory.stop()
        executor.shutdown(cancel_futures=True)  # after an error or Ctrl-C what waits is not begun


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches them all: the step decides
    prepare_worker()
