"""The far side of a lane: what was spoken is judged, assembled where its dialogue is complete, or kept in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..engines.base import SynthesisTask
from ..names import file_stem
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from ..storage.whole_file import whole_file
from .judge import Judge
from .parts import NO_AUDIO, SpokenTask, write_part
from .reader import LaneTask
from .retries import Judgement

PART_ROWS = 32
"""Most utterances of which the outcome is written together."""


class Assembly(Protocol):
    """Assembles dialogues from memory as soon as their last turn is spoken."""

    @property
    def ready(self) -> int:
        """Rows of complete dialogues that wait to be recorded."""
        ...

    @property
    def held(self) -> int:
        """Rows of dialogues that are not complete."""
        ...

    def take(self, shard: str, task: SynthesisTask, row: SpokenTask) -> bool:
        """Hold an utterance for its dialogue's recording; False where the dialogue is not this one's to assemble."""
        ...

    def record(self) -> list[SpokenTask]:
        """Write the recordings of all complete dialogues and return their rows: without sound where that lies in a
        recording now, with it where a recording would be faulty.
        """
        ...

    def confirm(self) -> None:
        """Note what was recorded, so that it is found after a kill; called once the rows are written."""
        ...

    def give_up(self, most: int) -> list[SpokenTask]:
        """Return the rows of incomplete dialogues, until no more than so many are held."""
        ...


class LaneWriter:
    """Judges utterances and writes what becomes of them; used by one thread."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        judge: Judge,
        written: Callable[[int], None],
        room: int,
        assembly: Assembly | None = None,
    ) -> None:
        """
        Args:
            store, recipe: the dataset.
            judge: measures and judges.
            written: called with the number of rows whose outcome lies on disk.
            room: most rows that may wait in memory while the engine is to be given another batch.
            assembly: what makes recordings of complete dialogues; without it everything is kept in parts.
        """
        self._store, self._recipe, self._judge, self._told = store, recipe, judge, written
        self._assembly = assembly
        self._part_rows = max(1, min(PART_ROWS, room // 2 if assembly else room))
        self._most_held = max(0, room - self._part_rows)
        self._pending: list[SpokenTask] = []
        self._shard = ""

    def add(self, shard: str, utterances: Sequence[tuple[LaneTask, SpokenTask]]) -> list[Judgement]:
        """Judge some utterances of a shard, keep their rows to be written, and return what is wrong with each.

        Of what failed only the measures are kept; the sound that lies on disk is not written again.
        """
        if shard != self._shard:
            self.write()
            self._shard = shard
        judgements = []
        judged = self._judge.judge([(utterance.task, row) for utterance, row in utterances])
        for (utterance, spoken), (row, faults) in zip(utterances, judged, strict=True):
            keep = not faults and not utterance.known
            if keep and self._recipe.keep_temp:
                self._write_temp(utterance.task, row)
            if not keep:
                row = row._replace(samples=NO_AUDIO, word_times=None)
            if not (keep and self._assembly and self._assembly.take(shard, utterance.task, row)):
                self._pending.append(row)
            judgements.append(Judgement(shard, utterance, spoken, faults))
        return judgements

    def write_some(self) -> None:
        """Write what has gathered once it is enough."""
        ready, held = (self._assembly.ready, self._assembly.held) if self._assembly else (0, 0)
        if len(self._pending) + ready >= self._part_rows or held > self._most_held:
            self._write(self._most_held // 2 if held > self._most_held else self._most_held)

    def end(self, shard: str) -> None:
        """Write what has gathered of a shard of which no more comes."""
        if shard == self._shard:
            self.write()

    def write(self) -> None:
        """Write what has gathered, if anything."""
        self._write(0)

    def _write(self, most_held: int) -> None:
        if self._assembly:
            self._pending += self._assembly.record() + self._assembly.give_up(most_held)
        if self._pending:
            folder = self._store.mono_folder(self._shard)
            folder.mkdir(parents=True, exist_ok=True)
            write_part(folder, self._pending)
            if self._assembly:
                self._assembly.confirm()
            self._told(len(self._pending))
            self._pending.clear()

    def _write_temp(self, task: SynthesisTask, row: SpokenTask) -> None:
        import soundfile as sf

        self._store.temp_folder.mkdir(parents=True, exist_ok=True)
        path = self._store.temp_folder / f"{file_stem(task.dialogue_id)}.{task.turn}.{task.role}.wav"
        with whole_file(path) as partial:
            sf.write(partial, row.samples, row.sample_rate, subtype="PCM_16", format="WAV")
