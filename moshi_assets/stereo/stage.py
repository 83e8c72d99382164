"""The stereo stage of one shard: every dialogue of it becomes part of a recording, or a named failure."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import NamedTuple

import numpy as np

from ..audio.loudness import Level, LevelFigures, balance
from ..audio.pcm import resample, resampled_frames
from ..audio.silence import audible_stretches
from ..dialogues.dialogue import Role
from ..faults import Fault
from ..planning.content_keys import dialogue_seed
from ..processes.memory import peak_rss
from ..processes.pools import file_threads
from ..recipe import Recipe
from ..storage.dataset import DatasetError, DatasetStore
from ..synthesis.parts import SpokenShard, SpokenTask
from ..synthesis.quality_table import spoken_tasks
from .index import write_index
from .keys import ShardDialogue, dialogue_key, recording_key, shard_dialogues
from .packing import MeasuredDialogue, pack
from .recording import PlacedTurn, Recording, assemble, checksum, recording_path, write_recording
from .recording_check import recording_faults
from .salvage import RecordedShard, earlier_recordings, salvage_folder
from .timeline import TimedTurn, place
from .turn_taking import TurnTaking


@dataclass
class PairFigures:
    """Outcome of the stereo stage for one shard."""

    dialogues: int = 0
    recordings: int = 0
    written: int = 0
    reused: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    turn_taking: TurnTaking = field(default_factory=TurnTaking)
    levels: LevelFigures = field(default_factory=LevelFigures)
    faults: list[Fault] = field(default_factory=list)
    sample: str | None = None
    """Path of its first recording, relative to the dataset; None where every dialogue is rejected."""


class BuiltShard(NamedTuple):
    """A shard's recordings, and what they took."""

    figures: PairFigures
    wall_seconds: float
    peak_rss: float
    """MiB, of the process that built it."""


def build_shard(store: DatasetStore, recipe: Recipe, threads: int, shard: str) -> BuiltShard:
    """`build_pairs` with threads of its own; raises as that does."""
    begin = time.monotonic()
    with file_threads(threads) as pool:
        figures = build_pairs(store, recipe, shard, pool)
    return BuiltShard(figures, time.monotonic() - begin, peak_rss())


def build_pairs(store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor) -> PairFigures:
    """Write the recordings of a shard that are missing, outdated or damaged, then its index.

    Every recording is read back and checked; the faults are in the figures, for the asset checks.

    Args:
        store, recipe: the dataset.
        shard: shard key.
        pool: threads to write with (files and numpy release the GIL).

    Raises:
        DatasetError: a turn has no mono part, lies in no intact recording, and has no recorded failure.
        OSError: a file cannot be written; recordings written earlier stay.
    """
    stage = _Stage(store, recipe, shard, pool)
    (store.stereo_folder / shard if recipe.shard_dirs else store.stereo_folder).mkdir(parents=True, exist_ok=True)

    groups = stage.groups()
    kept = list(pool.map(stage.kept, groups))
    stage.salvage([group for group, recording in zip(groups, kept, strict=True) if recording is None])
    figures = PairFigures()
    recordings = []
    for group, recording, (built, faults) in zip(groups, kept, pool.map(stage.build, groups, kept), strict=True):
        recordings.append(built)
        figures.dialogues += len(group)
        if built.failure is not None:
            figures.rejected += len(group)
            continue
        figures.recordings += 1
        figures.sample = figures.sample or built.path
        figures.written += recording is None
        figures.reused += recording is not None
        figures.audio_seconds += built.duration
        figures.turn_taking.add(built)
        figures.faults += faults
    for levels in stage.levels:
        figures.levels.add(levels)
    write_index(store.index_path(shard), recordings)
    if not recipe.keep_mono and not figures.faults:
        shutil.rmtree(store.mono_folder(shard), ignore_errors=True)
    return figures


class _Stage:
    """What is known of a shard while its recordings are built."""

    def __init__(self, store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor) -> None:
        self._store, self._recipe, self._shard = store, recipe, shard
        self._model = recipe.timing_model
        self._dialogues = shard_dialogues(spoken_tasks(store, shard))
        self._failures = store.failures(shard)
        self.levels: list[dict[str, Level]] = []
        """Of the dialogues normalised now, in no order."""
        self._earlier = {recording.path: recording for recording in earlier_recordings(store, recipe, shard)}
        self._spoken = self._read_parts()
        wanted = [key for d in self._dialogues for key in d.content_keys if key not in self._spoken]
        self._recorded = RecordedShard(store, recipe, shard, wanted, pool.map)

    def _read_parts(self) -> SpokenShard:
        salvaged = salvage_folder(self._store, self._recipe, self._shard)
        return SpokenShard([self._store.mono_folder(self._shard), salvaged])

    def groups(self) -> list[list[ShardDialogue]]:
        """The dialogues of each recording; one that could not be spoken stands alone.

        Raises:
            DatasetError: a turn is nowhere, and has no recorded failure.
        """
        measured = [self._measure(dialogue) for dialogue in self._dialogues]
        return pack(measured, self._recipe.pack_seconds, self._recipe.pack_pause)

    def _measure(self, dialogue: ShardDialogue) -> MeasuredDialogue:
        keys = dialogue.content_keys
        missing = sum(key not in self._spoken and key not in self._recorded for key in keys)
        if missing and dialogue.id not in self._failures:
            raise DatasetError(
                f"{missing} of {len(keys)} turns of dialogue {dialogue.id!r} are not spoken: materialize "
                f"mono_syntheses "
                f"for {self._shard} first"
            )
        if missing:
            return MeasuredDialogue(dialogue, 0, 0)
        if self._recipe.pack_seconds is None:
            return MeasuredDialogue(dialogue, 0, 1)
        formats = [self._spoken.format(key) if key in self._spoken else self._recorded.format(key) for key in keys]
        rate = self._rate(formats[0][0])
        lengths = [resampled_frames(frames, at, rate) for at, frames in formats]
        starts = self._starts(dialogue, lengths, rate)  # silence at the edges of turns can only make it shorter
        return MeasuredDialogue(dialogue, rate, max(map(sum, zip(starts, lengths, strict=True))))

    def _rate(self, native: int) -> int:
        return native if self._recipe.sample_rate == "native" else int(self._recipe.sample_rate)

    def _starts(
        self, dialogue: ShardDialogue, lengths: Sequence[int], rate: int, edges: Sequence[tuple[int, int]] = ()
    ) -> list[int]:
        bare = zip(dialogue.roles, lengths, dialogue.gaps, dialogue.backchannels, strict=True)
        turns = [TimedTurn(*turn, *edge) for turn, edge in zip_longest(bare, edges, fillvalue=(0, 0))]
        return place(turns, rate, self._model, dialogue_seed(self._recipe.seed, dialogue.id))

    def kept(self, group: Sequence[ShardDialogue]) -> Recording | None:
        """The recording of some dialogues that is on disk, when it is what would be written, intact."""
        earlier = self._earlier.get(self._path(group))
        if earlier is None or (earlier.dialogue_ids, earlier.key) != (tuple(d.id for d in group), self._key(group)):
            return None
        if recording_faults(self._store.folder, earlier):
            return None
        return replace(earlier, lines=tuple(d.line for d in group), fault=None)  # inserted lines move the numbers

    def salvage(self, groups: Sequence[Sequence[ShardDialogue]]) -> None:
        """Take what these recordings need and only recordings hold into parts, before any of them is replaced."""
        keys = chain.from_iterable(dialogue.content_keys for group in groups for dialogue in group)
        needed = [key for key in keys if key not in self._spoken and key in self._recorded]
        if needed:
            self._recorded.salvage(needed, salvage_folder(self._store, self._recipe, self._shard))
            self._spoken = self._read_parts()

    def build(self, group: Sequence[ShardDialogue], kept: Recording | None) -> tuple[Recording, list[Fault]]:
        """Recording of some dialogues, written now unless it is kept, and its faults."""
        if kept is not None:
            return kept, []
        if any(key not in self._spoken for key in group[0].content_keys):
            return self._recording(group, 0, 0, (), self._failures[group[0].id]), []
        stereo, rate, turns = self._assemble(group)
        recording = self._recording(group, rate, len(stereo), turns)
        write_recording(self._store.folder / recording.path, stereo, rate)
        faults = recording_faults(self._store.folder, recording)
        if faults:
            recording = replace(recording, fault="; ".join(fault.message for fault in faults))
        return recording, faults

    def _recording(
        self,
        group: Sequence[ShardDialogue],
        rate: int,
        frames: int,
        turns: tuple[PlacedTurn, ...],
        failure: str | None = None,
    ) -> Recording:
        ids, lines = tuple(d.id for d in group), tuple(d.line for d in group)
        return Recording(
            ids,
            lines,
            group[0].split,
            self._path(group),
            self._key(group),
            rate,
            frames,
            turns,
            self._recipe.target_lufs is not None,
            failure,
        )

    def _path(self, group: Sequence[ShardDialogue]) -> str:
        return recording_path(self._recipe, self._shard, group[0].stem)

    def _key(self, group: Sequence[ShardDialogue]) -> bytes:
        return recording_key([dialogue_key(dialogue, self._recipe) for dialogue in group], self._recipe)

    def _assemble(self, group: Sequence[ShardDialogue]) -> tuple[np.ndarray, int, tuple[PlacedTurn, ...]]:
        """(frames, 2) int16 of some dialogues, one after another, its rate, and where each turn lies."""
        begin = rate = 0
        channels: list[tuple[Role, int, np.ndarray]] = []
        placed: list[PlacedTurn] = []
        for dialogue in group:
            spoken = [self._spoken[key] for key in dialogue.content_keys]
            rate = rate or self._rate(spoken[0].sample_rate)
            samples = [resample(task.samples, task.sample_rate, rate) for task in spoken]
            edges = [_silent_edges(sound, rate) for sound in samples]
            if self._recipe.target_lufs is not None:
                targets = self._recipe.target_lufs, self._recipe.true_peak_dbtp
                samples, levels = balance(dialogue.roles, samples, rate, *targets)
                self.levels.append(levels)
            starts = [begin + start for start in self._starts(dialogue, list(map(len, samples)), rate, edges)]
            channels += zip(dialogue.roles, starts, samples, strict=True)
            placed += _placed(dialogue, starts, samples, spoken, edges)
            begin = max(start + len(sound) for start, sound in zip(starts, samples, strict=True))
            begin += round(self._recipe.pack_pause * rate)
        return assemble(channels), rate, tuple(placed)


def _silent_edges(sound: np.ndarray, rate: int) -> tuple[int, int]:
    """Frames of silence before and after what is heard of a turn."""
    stretches = audible_stretches(sound, rate)
    return round(stretches[0, 0] * rate), max(0, len(sound) - round(stretches[-1, 1] * rate))


def _placed(
    dialogue: ShardDialogue,
    starts: Sequence[int],
    samples: Sequence[np.ndarray],
    spoken: Sequence[SpokenTask],
    edges: Sequence[tuple[int, int]],
) -> list[PlacedTurn]:
    return [
        PlacedTurn(
            dialogue.id,
            number,
            role,
            start,
            len(sound),
            checksum(sound),
            task.content_key,
            backchannel,
            None if task.word_times is None else tuple(task.word_times.reshape(-1).tolist()),
            *edge,
        )
        for number, (role, start, sound, task, backchannel, edge) in enumerate(
            zip(dialogue.roles, starts, samples, spoken, dialogue.backchannels, edges, strict=True)
        )
    ]
