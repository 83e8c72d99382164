"""The reading side of a lane: its tasks in batches, each with the attempt that is due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..dialogues.dialogue import EmotionSettings
from ..engines.base import SynthesisTask
from ..quality.rules import Rules
from ..storage.dataset import DatasetStore
from .attempts import attempted
from .lane_work import LaneWork
from .parts import SpokenShard, SpokenTask
from .verdict import verdict


class Utterance(NamedTuple):
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
    """Reads the tasks of a lane's work, shard by shard."""

    def __init__(self, store: DatasetStore, work: LaneWork, rules: Rules, batch_size: int) -> None:
        """
        Args:
            store, work: what to read.
            rules: by which what is on disk already is judged.
            batch_size: most tasks in a batch.
        """
        self._store, self._work, self._rules, self._size = store, work, rules, batch_size

    def batches(self) -> Iterator[tuple[str, list[Utterance]]]:
        """Shard keys with batches of their utterances.

        Raises:
            DatasetError: a shard has no tasks.
        """
        for shard, rows in self._work.rows.items():
            tasks = self._store.tasks(shard).take(rows).to_pylist()
            spoken = SpokenShard([self._store.mono_folder(shard)])
            # Batch mates of one length waste little on padding; the longest first, so that memory runs short early.
            tasks.sort(key=lambda task: len(task["spoken"] or task["text"]), reverse=True)
            for begin in range(0, len(tasks), self._size):
                yield shard, [self._utterance(row, spoken) for row in tasks[begin : begin + self._size]]

    def _utterance(self, row: dict[str, Any], spoken: SpokenShard) -> Utterance:
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
        return Utterance(task, found.attempt, None if found.settled else found.row)
