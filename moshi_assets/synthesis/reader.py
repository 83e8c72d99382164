"""The reading side of a lane: its tasks in batches, each with the attempt that is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ..dialogues.dialogue import EmotionSettings
from ..engines.base import SynthesisTask
from ..quality.rules import Rules
from ..storage.dataset import DatasetStore
from .attempts import attempted
from .parts import SpokenShard, SpokenTask
from .verdict import verdict


class LaneTask(NamedTuple):
    """One task on its way through a lane."""

    task: SynthesisTask
    """As planned."""
    attempt: int = 0
    known: SpokenTask | None = None
    """Its sound, where it lies on disk already and is only to be judged."""
    again: bool = False
    """Whether the engine has been asked for it before in this run."""

    @property
    def due(self) -> SynthesisTask:
        """The task as the engine is given it for this attempt."""
        return attempted(self.task, self.attempt)


class LaneReader:
    """Reads the missing tasks of some shards, one after another."""

    def __init__(
        self,
        store: DatasetStore,
        missing: Iterable[tuple[str, np.ndarray]],
        rules: Rules,
        batch_size: int,
        together: bool = False,
    ) -> None:
        """
        Args:
            store: the dataset.
            missing: shard keys, each with (n,) row numbers of the tasks to read; read on as the batches are.
            rules: by which what is on disk already is judged.
            batch_size: most tasks in a batch.
            together: whether the turns of a dialogue follow one another, so that it can be assembled early; otherwise
                the longest texts of the shard come first.
        """
        self._store, self._missing, self._rules, self._size = store, missing, rules, batch_size
        self._order = dialogues_together if together else longest_first

    def batches(self) -> Iterator[tuple[str, list[LaneTask]]]:
        """Shard keys with batches of their tasks; one empty batch for a shard of which nothing is missing.

        Raises:
            DatasetError: a shard has no tasks.
        """
        for shard, rows in self._missing:
            tasks = self._order(self._store.tasks(shard).take(rows).to_pylist())
            folder = self._store.mono_folder(shard)
            spoken = SpokenShard([folder, *folder.glob("at_*")])  # the latter hold what was taken out of recordings
            for begin in range(0, len(tasks), self._size):
                yield shard, [self._lane_task(row, spoken) for row in tasks[begin : begin + self._size]]
            if not tasks:
                yield shard, []

    def _lane_task(self, row: dict[str, Any], spoken: SpokenShard) -> LaneTask:
        emotion = EmotionSettings.model_validate_json(row["emotion"]) if row["emotion"] else None
        task = SynthesisTask(
            self._store.name,
            row["dialogue_id"],
            row["turn"],
            row["role"],
            row["spoken"] or row["text"],
            row["voice"],
            row["seed"],
            row["content_key"],
            emotion,
        )
        found = verdict(spoken, task.content_key, task.spoken, self._rules)
        return LaneTask(task, found.attempt, None if found.settled else found.row)


def longest_first(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks by the length of what is said: batch mates of one length waste little on padding; the longest first, so
    that memory runs short early.
    """
    return sorted(tasks, key=_length, reverse=True)


def dialogues_together(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks dialogue by dialogue, those with the longest turn first, for the same reasons."""
    dialogues = [list(turns) for _, turns in groupby(tasks, key=lambda task: task["dialogue_id"])]
    dialogues.sort(key=lambda turns: max(map(_length, turns)), reverse=True)
    return [task for turns in dialogues for task in turns]


def _length(task: dict[str, Any]) -> int:
    return len(task["spoken"] or task["text"])
