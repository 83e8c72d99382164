"""Rows of a batch side by side on a CPU, each on its share of the cores. docs/indextts2.md §12.

Operations on one row are short: if all cores share each of them, they wait for one another after every one. Whole rows
wait for nothing, need no padding, and stay in the caches of their own core.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

R = TypeVar("R")

_here = threading.local()


class GivenUp(Exception):
    """Raised in the thread of a row if its call was interrupted or another row failed."""


def check_given_up() -> None:
    """Stop the thread of a row if its result is no longer wanted. Long work calls this now and then.

    Raises:
        GivenUp: in such a thread.
    """
    given_up: threading.Event | None = getattr(_here, "given_up", None)
    if given_up is not None and given_up.is_set():
        raise GivenUp


def each_row(work: Callable[[int], R], rows: int) -> list[R]:
    """Call `work` with 0, 1, ... `rows` - 1, at most as many at once as torch has threads, which they share.

    Rows that would leave some of the threads idle at the end are done one after another on all of them. The first
    failure is raised once all rows have stopped.
    """
    threads = torch.get_num_threads()
    workers = min(rows, threads)
    if workers < 2 or hasattr(_here, "given_up"):
        return [work(row) for row in range(rows)]
    together = rows - rows % workers
    given_up, ready = threading.Event(), threading.Barrier(workers + 1)
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def begin() -> None:
        _here.given_up = given_up
        torch.get_num_threads()  # a thread's first question sets its number to the last one set: not after ours
        torch.set_num_threads(threads // workers)
        ready.wait()

    def one(row: int) -> R:
        try:
            with torch.inference_mode(inference), torch.set_grad_enabled(grad):
                check_given_up()
                return work(row)
        except BaseException:
            given_up.set()
            raise

    with ThreadPoolExecutor(workers, "indextts row", begin) as pool:
        try:
            futures = [pool.submit(one, row) for row in range(together)]
            ready.wait()
            # A thread's number is its own once it is set, but new threads take the one that was set last.
            torch.set_num_threads(threads)
            for future in futures:
                future.exception()
        except BaseException:
            given_up.set()
            ready.abort()
            raise
    failures = [failure for future in futures if (failure := future.exception())]
    for failure in sorted(failures, key=lambda failure: isinstance(failure, GivenUp)):
        raise failure
    return [future.result() for future in futures] + [work(row) for row in range(together, rows)]
