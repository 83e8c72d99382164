"""Work over fixed tensors of a GPU as CUDA graphs, each of which costs one launch. docs/indextts2.md §12.

A graph repeats the operations it was captured from, at the addresses they had. So the work must read and write tensors
that stay where they are, draw no random numbers, and read nothing back; its shapes must follow from the key alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

import torch

logger = logging.getLogger(__name__)


@lru_cache
def capture_stream(device: torch.device, stage: str) -> torch.cuda.Stream:
    """The stream on which a stage's work is captured; one for each GPU and stage.

    Matrix products keep working memory for every stream they were captured on. Two stages that are replayed at the same
    time, on streams of their own, must not share it.
    """
    return torch.cuda.Stream(device)


class CapturedSteps:
    """CUDA graphs of one stage on one GPU, by key.

    The first time a step runs uncaptured, on the stream on which it may be captured later, so that everything that
    happens at a first launch (compiling, measuring, loading) is over by then. The second time it is captured.
    Intermediate results are not needed afterwards, so all graphs of a stage share their memory.
    """

    def __init__(self, stage: str, device: torch.device, enabled: bool) -> None:
        """Begin without any graph; the log calls by `stage` what goes on if captures fail."""
        self.stage, self.device = stage, device
        self.enabled = enabled
        """Whether anything is captured; off for good once a capture has failed."""
        self.captures = 0
        """Graphs captured so far."""
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph | None] = {}
        self._pool: Any = None

    def run(self, key: Hashable, work: Callable[[], None]) -> None:
        """Do `work`, by its graph if there is one.

        Raises:
            torch.OutOfMemoryError: memory ran out, in the work or in a capture of it; captures go on being tried.
        """
        if not self.enabled:
            work()
            return
        if key not in self._graphs:
            self._warm_up(work)
            self._graphs[key] = None
            return
        graph = self._graphs[key]
        if graph is None:
            graph = self._capture(key, work)
            if graph is None:
                work()
                return
        graph.replay()

    def forget(self, key: Hashable) -> None:
        """Drop the graph of `key`."""
        self._graphs.pop(key, None)

    def _warm_up(self, work: Callable[[], None]) -> None:
        stream, usual = capture_stream(self.device, self.stage), torch.cuda.current_stream(self.device)
        stream.wait_stream(usual)
        with torch.cuda.stream(stream):
            work()
        usual.wait_stream(stream)

    def _capture(self, key: Hashable, work: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
        """The graph of the work, or None if it cannot be captured."""
        failed: Exception | None = None
        try:
            graph = self._captured(work)
        except Exception as error:  # compiled code raises what it likes, and the work is right without a graph
            failed = error
        if failed is None:
            self.captures += 1
            self._graphs[key] = graph
            return graph
        # Outside of the handler: the traceback would keep the failed attempt's tensors alive.
        memory = _out_of_memory(failed)
        if memory is not None:
            raise memory.with_traceback(None)
        logger.warning("%s goes on without CUDA graphs: %s: %s", self.stage, type(failed).__name__, failed)
        self.enabled = False
        return None

    def _captured(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        # By default a capture is of the process's current GPU, whatever the device of the tensors: it would be empty.
        stream = capture_stream(self.device, self.stage)
        with (
            torch.cuda.device(self.device),
            torch.cuda.stream(
                torch.cuda.current_stream(self.device)
            ),  # again afterwards, also where the capture breaks
            torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"),
        ):
            work()
        return graph


def _out_of_memory(error: BaseException | None) -> torch.OutOfMemoryError | None:
    """The error or what led to it, if memory ran out: ending a broken capture fails with an error of its own."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError):
            return error
        error = error.__cause__ or error.__context__
    return None
