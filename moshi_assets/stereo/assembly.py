"""Spoken turns become a recording: each is resampled by itself, placed on its channel, and checked in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio.loudness import Level, balance
from ..audio.pcm import resample, resampled_frames
from ..audio.silence import audible_stretches
from ..dialogues.dialogue import Role
from ..faults import Fault
from ..planning.content_keys import dialogue_seed
from ..recipe import Recipe
from ..synthesis.parts import SpokenTask
from .keys import ShardDialogue, dialogue_key, recording_key
from .packing import MeasuredDialogue
from .recording import Channels, PlacedTurn, Recording, checksum, lay_out, recording_path, write_recording
from .recording_check import sound_faults
from .timeline import TimedTurn, place


class Assembled(NamedTuple):
    """A recording in memory."""

    recording: Recording
    channels: Channels
    levels: list[dict[str, Level]]
    """Loudness before and after, by role, of each dialogue; empty where the recipe leaves it as it is."""


class Assembler:
    """Assembles the recordings of a shard by its dataset's recipe."""

    def __init__(self, recipe: Recipe, shard: str) -> None:
        self._recipe, self._shard = recipe, shard
        self._model = recipe.timing_model

    def assemble(self, group: Sequence[ShardDialogue], spoken: Callable[[bytes], SpokenTask]) -> Assembled:
        """Put some dialogues, one after another, into one recording.

        Args:
            group: at least one dialogue.
            spoken: returns the sound of a turn by its content key.
        """
        recipe = self._recipe
        begin = rate = 0
        turns: list[tuple[Role, int, np.ndarray]] = []
        placed: list[PlacedTurn] = []
        all_levels: list[dict[str, Level]] = []
        for dialogue in group:
            tasks = [spoken(key) for key in dialogue.content_keys]
            rate = rate or self._rate(tasks[0].sample_rate)
            samples = [resample(task.samples, task.sample_rate, rate) for task in tasks]
            edges = [_silent_edges(sound, rate) for sound in samples]
            if recipe.target_lufs is not None:
                targets = recipe.target_lufs, recipe.true_peak_dbtp
                samples, levels = balance(dialogue.roles, samples, rate, *targets)
                all_levels.append(levels)
            starts = [begin + start for start in self._starts(dialogue, list(map(len, samples)), rate, edges)]
            turns += zip(dialogue.roles, starts, samples, strict=True)
            placed += _placed(dialogue, starts, samples, tasks, edges)
            begin = max(start + len(sound) for start, sound in zip(starts, samples, strict=True))
            begin += round(recipe.pack_pause * rate)
        channels = lay_out(turns)
        return Assembled(self._recording(group, rate, len(channels[0]), tuple(placed)), channels, all_levels)

    def failed(self, dialogue: ShardDialogue, reason: str) -> Recording:
        """The index row of a dialogue of which there is no recording."""
        return self._recording([dialogue], 0, 0, (), reason)

    def measured(self, dialogue: ShardDialogue, formats: Sequence[tuple[int, int]]) -> MeasuredDialogue:
        """The length that a dialogue will have, at most.

        Args:
            dialogue: every turn of it is spoken.
            formats: rate (Hz) and length (frames) of each turn's sound.
        """
        rate = self._rate(formats[0][0])
        lengths = [resampled_frames(frames, at, rate) for at, frames in formats]
        starts = self._starts(dialogue, lengths, rate)  # silence at the edges of turns can only make it shorter
        return MeasuredDialogue(dialogue, rate, max(map(sum, zip(starts, lengths, strict=True))))

    def path(self, group: Sequence[ShardDialogue]) -> str:
        """Path of the recording of some dialogues, relative to the dataset's folder."""
        return recording_path(self._recipe, self._shard, group[0].stem)

    def key(self, group: Sequence[ShardDialogue]) -> bytes:
        """Key of the recording of some dialogues."""
        return recording_key([dialogue_key(dialogue, self._recipe) for dialogue in group], self._recipe)

    def _rate(self, native: int) -> int:
        return native if self._recipe.sample_rate == "native" else int(self._recipe.sample_rate)

    def _starts(
        self, dialogue: ShardDialogue, lengths: Sequence[int], rate: int, edges: Sequence[tuple[int, int]] = ()
    ) -> list[int]:
        bare = zip(dialogue.roles, lengths, dialogue.gaps, dialogue.backchannels, strict=True)
        turns = [TimedTurn(*turn, *edge) for turn, edge in zip_longest(bare, edges, fillvalue=(0, 0))]
        return place(turns, rate, self._model, dialogue_seed(self._recipe.seed, dialogue.id))

    def _recording(
        self,
        group: Sequence[ShardDialogue],
        rate: int,
        frames: int,
        turns: tuple[PlacedTurn, ...],
        failure: str | None = None,
    ) -> Recording:
        ids, lines = tuple(d.id for d in group), tuple(d.line for d in group)
        balanced = self._recipe.target_lufs is not None
        return Recording(
            ids, lines, group[0].split, self.path(group), self.key(group), rate, frames, turns, balanced, failure
        )


def write_assembled(folder: Path, assembled: Assembled, faulty: bool = True) -> tuple[Recording, list[Fault]]:
    """Write a recording below a dataset's folder; return its index row and what is wrong with it.

    It is checked in memory: reading it back would only meet the page cache. `verify` reads the file.

    Args:
        folder: the dataset's.
        assembled: the recording.
        faulty: whether one with a fault is written, to be looked at.

    Raises:
        OSError: it cannot be written.
    """
    recording = assembled.recording
    faults = sound_faults(recording, assembled.channels)
    if faults:
        recording = replace(recording, fault="; ".join(fault.message for fault in faults))
    if faulty or not faults:
        write_recording(folder / recording.path, np.column_stack(assembled.channels), recording.sample_rate)
    return recording, faults


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
            None if task.word_times is None else tuple(np.asarray(task.word_times, np.float32).reshape(-1).tolist()),
            *edge,
        )
        for number, (role, start, sound, task, backchannel, edge) in enumerate(
            zip(dialogue.roles, starts, samples, spoken, dialogue.backchannels, edges, strict=True)
        )
    ]
