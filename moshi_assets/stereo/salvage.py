"""Sound that a shard's own recordings hold: what need not be spoken again where no mono parts are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from ..synthesis.parts import SpokenTask, write_part
from .index import read_index, read_pieces
from .keys import dialogue_key, recording_key, shard_dialogues
from .recording import CHANNEL, PlacedTurn, Recording, recording_path
from .recording_check import IntactRecordings

Apply = Callable[..., Iterable[Any]]


def salvage_folder(store: DatasetStore, recipe: Recipe, shard: str) -> Path:
    """Where sound taken out of recordings lies while these are written anew; at the recordings' rate, unlike mono
    parts.
    """
    return store.mono_folder(shard) / f"at_{recipe.sample_rate}"


class RecordedShard:
    """Turns that lie in intact recordings of a shard, by content key."""

    def __init__(
        self,
        store: DatasetStore,
        recipe: Recipe,
        shard: str,
        wanted: Collection[bytes],
        apply: Apply = map,
        intact: Callable[[Recording], bool] | None = None,
    ) -> None:
        """
        Args:
            store, recipe: the dataset.
            shard: shard key.
            wanted: content keys to look for; recordings without any are not read.
            apply: `map`, or that of a thread pool.
            intact: whether a recording is what its row says; default: it is read.
        """
        self._folder = store.folder
        self._where: dict[bytes, tuple[Recording, PlacedTurn]] = {}
        if not wanted:
            return
        keys = frozenset(wanted)
        kept = _kept_alone(store, recipe, shard)
        candidates = [
            recording
            for recording in earlier_recordings(store, shard)
            if recipe.sample_rate in ("native", recording.sample_rate)
            and (not recording.balanced or (recording.path, recording.key) in kept)
            and any(turn.content_key in keys for turn in recording.turns)
        ]
        for recording, good in zip(
            candidates, apply(intact or IntactRecordings(self._folder), candidates), strict=True
        ):
            if good:
                self._where.update((turn.content_key, (recording, turn)) for turn in recording.turns)

    def __contains__(self, key: bytes) -> bool:
        return key in self._where

    def keys(self) -> Iterable[bytes]:
        """Content keys of the turns that were found."""
        return self._where.keys()

    def format(self, key: bytes) -> tuple[int, int]:
        """Rate (Hz) and length (frames) of a turn."""
        recording, turn = self._where[key]
        return recording.sample_rate, turn.frames

    def salvage(self, keys: Iterable[bytes], folder: Path) -> None:
        """Write turns into parts in a folder, one part a recording: their recordings are about to be replaced.

        Raises:
            OSError: a part cannot be written.
        """
        by_path: dict[str, list[bytes]] = {}
        for key in dict.fromkeys(keys):
            by_path.setdefault(self._where[key][0].path, []).append(key)
        for path, held in by_path.items():
            folder.mkdir(parents=True, exist_ok=True)
            samples, rate = sf.read(self._folder / path, dtype="int16", always_2d=True)
            write_part(folder, [_spoken(self._where[key][1], rate, samples) for key in held])


def _kept_alone(store: DatasetStore, recipe: Recipe, shard: str) -> set[tuple[str, bytes]]:
    """Path and key of the recordings to be, one dialogue each: those that are there already stay as they are.

    Turns that were brought to a loudness can be kept, but not be put together in another way.
    """
    if recipe.target_lufs is None or recipe.pack_seconds is not None:
        return set()
    return {
        (recording_path(recipe, shard, dialogue.stem), recording_key([dialogue_key(dialogue, recipe)], recipe))
        for dialogue in shard_dialogues(store.tasks(shard))
    }


def _spoken(turn: PlacedTurn, rate: int, samples: np.ndarray) -> SpokenTask:
    times = None if turn.word_times is None else np.asarray(turn.word_times, np.float32).reshape(-1, 2)
    sound = np.ascontiguousarray(samples[turn.start : turn.start + turn.frames, CHANNEL[turn.role]])
    return SpokenTask(turn.content_key, rate, 0.0, sound, times)


def earlier_recordings(store: DatasetStore, shard: str) -> list[Recording]:
    """Recordings that a shard's index names, and those of which only a piece tells, as the shard is in work."""
    indexed = {r.path: r for r in read_index(store.index_path(shard)) if r.failure is None}
    return list((indexed | {r.path: r for r in read_pieces(store.mono_folder(shard))}).values())
