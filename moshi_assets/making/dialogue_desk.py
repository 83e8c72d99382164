"""Dialogues in work: their turns are gathered as they are spoken, and recorded as soon as the last one is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..engines.base import SynthesisTask
from ..planning.task_table import dialogue_texts
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.index import write_piece
from ..stereo.keys import ShardDialogue, shard_dialogues
from ..stereo.recording import Recording
from ..stereo.stage import recordings_folder
from ..storage.dataset import DatasetStore
from ..synthesis.parts import NO_AUDIO, SpokenTask
from .record import CompleteDialogue, RecordingJob, record_dialogues

Work = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""As the built-in `map`."""


@dataclass
class _Open:
    """A dialogue of which some turns are spoken."""

    shard: str
    dialogue: ShardDialogue
    texts: list[SpokenText]
    rows: dict[int, SpokenTask] = field(default_factory=dict)
    """By turn."""


class DialogueDesk:
    """Assembles the dialogues of which a lane speaks every turn (`synthesis.writer.Assembly`).

    Dialogues of which some turns are on disk already are left to the stereo stage, which can find those.
    """

    def __init__(self, store: DatasetStore, recipe: Recipe, work: Work = map, workers: int = 1) -> None:
        """
        Args:
            store, recipe: the dataset; each dialogue is a recording of its own, as it was spoken.
            work: `map`, or that of helper processes.
            workers: among how many the dialogues are shared.
        """
        self._store, self._recipe, self._work, self._workers = store, recipe, work, workers
        self._expected: dict[str, dict[str, _Open]] = {}
        """By shard and dialogue id, those of which no turn has come."""
        self._open: dict[tuple[str, str], _Open] = {}
        self._complete: list[_Open] = []
        self._unconfirmed: list[Recording] = []
        self._shard = ""
        self._recorded: dict[str, list[str]] = {}

    def expect(self, shard: str, rows: np.ndarray) -> None:
        """Announce the rows of a shard that will be spoken, before the first of them is."""
        tasks, due = self._store.tasks(shard), set(rows.tolist())
        texts = dialogue_texts(tasks)
        self._expected[shard] = {
            dialogue.id: _Open(shard, dialogue, texts[dialogue.id])
            for dialogue in shard_dialogues(tasks)
            if due.issuperset(dialogue.rows)
        }
        self._recorded[shard] = []

    def end(self, shard: str) -> list[str]:
        """Forget a shard of which no more comes; paths of its recordings that were written and checked, with their
        transcripts.
        """
        self._expected.pop(shard, None)
        return self._recorded.pop(shard, [])

    @property
    def ready(self) -> int:
        """Rows of complete dialogues that wait to be recorded."""
        return sum(len(each.rows) for each in self._complete)

    @property
    def held(self) -> int:
        """Rows of dialogues that are not complete."""
        return sum(len(each.rows) for each in self._open.values())

    def take(self, shard: str, task: SynthesisTask, row: SpokenTask) -> bool:
        """Hold an utterance for its dialogue's recording; False where the dialogue is not this one's to assemble."""
        place = shard, task.dialogue_id
        waiting = self._open.get(place) or self._expected[shard].pop(task.dialogue_id, None)
        if waiting is None:
            return False
        waiting.rows[task.turn] = row
        if len(waiting.rows) < len(waiting.dialogue.rows):
            self._open[place] = waiting
        else:
            self._open.pop(place, None)
            self._complete.append(waiting)
        return True

    def record(self) -> list[SpokenTask]:
        """Write the recordings of all complete dialogues and return their rows: without sound where that lies in a
        recording now, with it where a recording would be faulty.
        """
        complete, self._complete = self._complete, []
        if not complete:
            return []
        shard = complete[0].shard
        if shard != self._shard:
            recordings_folder(self._store, self._recipe, shard).mkdir(parents=True, exist_ok=True)
            self._shard = shard
        dialogues = [_complete(each) for each in complete]
        share = -(-len(dialogues) // self._workers)
        jobs = [
            RecordingJob(self._store.folder, self._recipe, shard, dialogues[begin : begin + share])
            for begin in range(0, len(dialogues), share)
        ]
        outcomes = [outcome for outcomes in self._work(record_dialogues, jobs) for outcome in outcomes]
        rows: list[SpokenTask] = []
        for dialogue, (recording, transcribed) in zip(dialogues, outcomes, strict=True):
            if recording is None:
                rows += dialogue.rows
                continue
            rows += [row._replace(samples=NO_AUDIO, word_times=None) for row in dialogue.rows]
            self._unconfirmed.append(recording)
            if transcribed:
                self._recorded[shard].append(recording.path)
        return rows

    def confirm(self) -> None:
        """Note what was recorded, so that it is found after a kill; called once the rows are written."""
        if self._unconfirmed:
            write_piece(self._store.mono_folder(self._shard), self._unconfirmed)
            self._unconfirmed = []

    def give_up(self, most: int) -> list[SpokenTask]:
        """Return the rows of incomplete dialogues, until no more than so many are held."""
        rows: list[SpokenTask] = []
        while self._open and self.held > most:
            rows += self._open.pop(next(iter(self._open))).rows.values()
        return rows


def _complete(waiting: _Open) -> CompleteDialogue:
    rows = [waiting.rows[turn] for turn in range(len(waiting.rows))]
    dialogue = replace(waiting.dialogue, content_keys=[row.content_key for row in rows])
    return CompleteDialogue(dialogue, waiting.texts, rows)
