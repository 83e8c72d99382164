"""The completion of shards beside the engine, which goes on with the next one meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from ..processes.pools import ProcessPool, file_threads, process_pool
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from ..synthesis.shard_shares import SpokenShare
from .complete import ShardReport, Stage, complete_shard
from .dialogue_desk import Work

WAITING = 2
"""Most shards that are being completed at once; the lane waits for the first of them then."""


class Completion:
    """Completes shards in the order in which they come."""

    def __init__(
        self, store: DatasetStore, recipe: Recipe, stages: Collection[Stage], submit: Callable[..., Future[ShardReport]]
    ) -> None:
        self._complete = partial(submit, _complete, store, recipe, tuple(stages))
        self._waiting: deque[Future[ShardReport]] = deque()

    def add(self, shard: str, share: SpokenShare) -> None:
        """Have a shard completed of which everything is spoken."""
        self._waiting.append(self._complete(shard, share))

    def completed(self, most_waiting: int = WAITING) -> Iterator[ShardReport]:
        """Reports of the shards that are complete, in order; waits until no more than so many are not.

        Raises:
            Exception: what the completion of a shard raised.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > most_waiting):
            yield self._waiting.popleft().result()

    def settle(self) -> Iterator[ShardReport]:
        """After an error: reports of the shards that are complete, or will be in a moment; the others are given up."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.cancel() and not future.exception():
                yield future.result()


class Helpers:
    """What works beside a lane's engine: threads of the lane's own process, or helper processes."""

    def __init__(self, pool: ProcessPool | None, count: int, thread: ThreadPoolExecutor) -> None:
        self._pool, self._thread = pool, thread
        self.count = max(1, count)
        self.work: Work = pool.map if pool else map
        """As the built-in `map`; functions, items and results must be picklable."""

    def completion(self, store: DatasetStore, recipe: Recipe, stages: Collection[Stage]) -> Completion:
        """What completes the shards of a lane."""
        return Completion(store, recipe, stages, self._pool.submit if self._pool else self._thread.submit)


@contextmanager
def helpers(count: int) -> Iterator[Helpers]:
    """Helpers of a lane, which end with it.

    Args:
        count: how many processes; 0: threads of this one.

    Raises:
        WorkerKilled: a process was killed.
    """
    with ExitStack() as stack:
        thread = ThreadPoolExecutor(1, thread_name_prefix="completion")
        stack.callback(thread.shutdown, wait=True, cancel_futures=True)
        pool = stack.enter_context(process_pool(count)) if count else None
        yield Helpers(pool, count, thread)


def _complete(
    store: DatasetStore, recipe: Recipe, stages: Collection[Stage], shard: str, share: SpokenShare
) -> ShardReport:
    with file_threads() as pool:
        return complete_shard(store, recipe, shard, stages, share, pool)
