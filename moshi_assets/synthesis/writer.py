"""The far side of a lane: what was spoken is judged, and gathered into parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import soundfile as sf

from ..engines.base import SynthesisTask
from ..names import file_stem
from ..quality.rules import GateFault
from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from ..storage.whole_file import whole_file
from .judge import Judge
from .parts import NO_AUDIO, SpokenTask, write_part
from .reader import Utterance

PART_ROWS = 32
"""Utterances after which a part is written."""


class LaneWriter:
    """Judges utterances and writes their rows; used by one thread."""

    def __init__(self, store: DatasetStore, recipe: Recipe, judge: Judge, written: Callable[[int], None]) -> None:
        """
        Args:
            store, recipe: the dataset.
            judge: measures and judges.
            written: called with the number of rows of each part that lies on disk.
        """
        self._store, self._recipe, self._judge, self._told = store, recipe, judge, written
        self._pending: list[SpokenTask] = []
        self._shard = ""

    def add(
        self, shard: str, utterances: Sequence[tuple[Utterance, SpokenTask]]
    ) -> list[tuple[Utterance, SpokenTask, list[GateFault]]]:
        """Judge some utterances of a shard, keep their rows to be written, and return what is wrong with each.

        Of what failed only the measures are kept; the sound that lies on disk is not written again.
        """
        if shard != self._shard:
            self.write_part()
            self._shard = shard
        verdicts = []
        judged = self._judge.judge([(utterance.task, row) for utterance, row in utterances])
        for (utterance, spoken), (row, faults) in zip(utterances, judged, strict=True):
            keep = not faults and not utterance.known
            self._pending.append(row if keep else row._replace(samples=NO_AUDIO, word_times=None))
            if keep and self._recipe.keep_temp:
                self._write_temp(utterance.task, row)
            verdicts.append((utterance, spoken, faults))
        return verdicts

    def write_full_part(self) -> None:
        """Write what has gathered once it is enough for a part."""
        if len(self._pending) >= PART_ROWS:
            self.write_part()

    def write_last_part(self, shard: str) -> None:
        """Write what has gathered of a shard of which no more comes."""
        if shard == self._shard:
            self.write_part()

    def write_part(self) -> None:
        """Write what has gathered, if anything."""
        if self._pending:
            folder = self._store.mono_folder(self._shard)
            folder.mkdir(parents=True, exist_ok=True)
            write_part(folder, self._pending)
            self._told(len(self._pending))
            self._pending.clear()

    def _write_temp(self, task: SynthesisTask, row: SpokenTask) -> None:
        self._store.temp_folder.mkdir(parents=True, exist_ok=True)
        path = self._store.temp_folder / f"{file_stem(task.dialogue_id)}.{task.turn}.{task.role}.wav"
        with whole_file(path) as partial:
            sf.write(partial, row.samples, row.sample_rate, subtype="PCM_16", format="WAV")
