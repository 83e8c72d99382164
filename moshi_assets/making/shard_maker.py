"""Makes shards: finds what is missing, speaks it, and has every dialogue recorded and transcribed beside the engine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..engines.base import Engine
from ..processes.pools import usable_cores
from ..recipe import Recipe
from ..resume.missing import missing_rows
from ..storage.dataset import DatasetStore
from ..synthesis.figures import SpeechFigures
from ..synthesis.lane import Lane
from ..synthesis.shard_shares import SpokenShare, leave_share
from .complete import STAGES, ShardReport, Stage
from .completion import Completion, Helpers, helpers
from .dialogue_desk import DialogueDesk
from .shares import ShardShare

_MOST_HELPERS = 4
Observe = Callable[[str, dict[str, Any]], None]
"""Called with a shard key and figures of its speech, now and then while it is spoken."""


class ShardMaker:
    """Makes shards of one dataset with one engine, which is loaded when something is to be spoken."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        engine: Callable[[], Engine],
        stages: Collection[Stage] = STAGES,
        lane: int = 0,
        lanes: int = 1,
    ) -> None:
        """
        Args:
            store, recipe: the dataset, planned.
            engine: returns the loaded engine; it is the caller's to close.
            stages: what of each shard is to be made.
            lane: number of this maker among those that work on the dataset.
            lanes: how many these are, which share the machine.
        """
        self._store, self._recipe, self._load = store, recipe, engine
        self._stages = stages
        self._lane, self._lanes = lane, lanes

    def __call__(self, shard: str, observe: Observe | None = None) -> ShardReport:
        """Make one whole shard; raises as `make`."""
        reports: list[ShardReport] = []
        self.make([ShardShare(shard)], reports.append, observe)
        return reports[0]

    def make(
        self, shares: Sequence[ShardShare], made: Callable[[ShardReport], None], observe: Observe | None = None
    ) -> int:
        """Make some shards, or shares of them, one after another; return how many tasks were spoken.

        Args:
            shares: in order. Of a shard that several lanes share, the last of them completes it.
            made: called in this thread with the report of each shard that was completed, in order.
            observe: told how the speech goes, in this thread.

        Raises:
            EngineError: the engine is broken, or nothing that it says passes the gates.
            DatasetError: an earlier stage is missing or of other tasks.
            WorkerKilled: a helper process was killed.
            OSError: something could not be written; what was written earlier stays.
        """
        with helpers(self._helper_count()) as beside:
            completion = beside.completion(self._store, self._recipe, self._stages)
            spoken = 0
            try:
                if "speech" in self._stages:
                    spoken = self._speak(shares, beside, completion, made, observe)
                else:
                    for share in shares:
                        completion.add(share.shard, SpokenShare())
                        self._tell(completion, made)
                for report in completion.completed(most_waiting=0):
                    made(report)
            except BaseException:
                for report in completion.settle():  # what was made before an interrupt is told
                    made(report)
                raise
            return spoken

    def _speak(
        self,
        shares: Sequence[ShardShare],
        beside: Helpers,
        completion: Completion,
        made: Callable[[ShardReport], None],
        observe: Observe | None,
    ) -> int:
        """Have everything spoken; return how many tasks. The engine is only loaded where something is missing."""
        desk = self._desk(beside)
        sharers = {share.shard: share.sharers for share in shares}

        def done(shard: str, figures: SpeechFigures, failures: dict[str, str]) -> None:
            recorded = desk.end(shard) if desk else []
            share = SpokenShare(figures, failures, recorded)
            whole = leave_share(self._store, shard, self._lane, sharers[shard], share)
            if whole:
                completion.add(shard, whole)

        def between() -> None:
            self._tell(completion, made)

        missing = self._missing(shares, desk)
        for shard, rows in missing:
            if len(rows):
                left = chain([(shard, rows)], missing)
                lane = Lane(
                    self._store,
                    self._recipe,
                    self._load(),
                    left,
                    lane=self._lane,
                    total=sum(map(self._row_count, shares)),
                    assembly=desk,
                    observe=observe,
                    done=done,
                    between=between,
                )
                return sum(figures.spoken for figures in lane.run().figures.values())
            done(shard, SpeechFigures(), {})
            between()
        return 0

    def _missing(self, shares: Sequence[ShardShare], desk: DialogueDesk | None) -> Iterator[tuple[str, np.ndarray]]:
        """Each share's shard with the rows that are to be spoken."""
        for shard, rows, _ in shares:
            missing = missing_rows(self._store, self._recipe, shard, rows)
            if desk:
                desk.expect(shard, missing)
            yield shard, missing

    def _row_count(self, share: ShardShare) -> int:
        return self._store.tasks(share.shard).num_rows if share.rows is None else len(share.rows)

    def _desk(self, beside: Helpers) -> DialogueDesk | None:
        """What assembles dialogues from memory, where each is a recording of its own that stays as it was spoken."""
        recipe = self._recipe
        if recipe.keeps_mono or recipe.pack_seconds is not None or not {"stereo", "transcripts"} <= set(self._stages):
            return None
        return DialogueDesk(self._store, recipe, beside.work, beside.count)

    def _tell(self, completion: Completion, made: Callable[[ShardReport], None]) -> None:
        for report in completion.completed():
            made(report)

    def _helper_count(self) -> int:
        """Processes beside this lane's engine; only a step has some, see `processes.pools.workers`."""
        if multiprocessing.parent_process() is None:
            return 0
        if self._recipe.helper_processes is not None:
            return self._recipe.helper_processes
        return _helpers_on_gpu(usable_cores(), self._lanes) if self._on_gpu() else 0

    def _on_gpu(self) -> bool:
        """Whether the engine works on a GPU, asked without loading it."""
        if self._recipe.engine != "indextts2":
            return False
        from ..processes.worker import default_device  # imports torch

        return (self._recipe.device or default_device(self._lane) or "cpu").startswith("cuda")


def _helpers_on_gpu(cores: int, lanes: int) -> int:
    """Helper processes of each lane: its share of the cores but one for itself; none where lanes have no core each."""
    return max(0, min(_MOST_HELPERS, cores // lanes - 1))
