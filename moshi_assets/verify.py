"""Check recordings and whole datasets from their files alone."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile as sf

from .counts import count_dataset
from .faults import Fault
from .manifest_files import EVAL, ManifestReader, RowsOutOfStep, manifest_paths
from .recipe import Recipe, RecipeError
from .recording_keys import are_current
from .stereo import CHANNEL, Recording, checksum, read_index
from .store import DatasetError, DatasetStore, dialogue_texts
from .transcript_file import transcript_faults, turn_texts

SILENCE_DBFS = -60.0
"""A channel whose speech is quieter (RMS over its turns) counts as silent; the contract checker's threshold."""
MAX_CLIPPED = 0.001
"""Largest share of a channel's samples at full scale; the contract checker's threshold."""
_FULL = 32767
_GLANCE = 4096  # frames that nearly always tell two channels apart
_SOME = 16
_CLIP_LEVEL = 32735  # 0.999 of full scale, as the contract checker has it


def recording_faults(folder: Path, recording: Recording) -> list[Fault]:
    """Read a recording back and compare it with its index row.

    Checks: two channels, PCM_16, declared rate and length, each turn's samples bit for bit on its role's channel, exact
    zero elsewhere, no silent or clipped channel, channels not identical.
    """
    where = recording.path

    def fault(check: str, message: str) -> Fault:
        return Fault(check, where, message)

    try:
        with wave.open(str(folder / recording.path), "rb") as handle:  # several times faster than libsndfile
            channel_count, width, rate, *_ = handle.getparams()
            if (channel_count, width) != (2, 2):
                return [fault("format", f"{channel_count} channel(s) of PCM_{8 * width}, not 2 of PCM_16")]
            if rate != recording.sample_rate:
                return [fault("format", f"sample rate is {rate} Hz, not {recording.sample_rate}")]
            content = handle.readframes(handle.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        return [fault("format", _other_format(folder / recording.path) or f"cannot be read ({error or 'cut off'})")]
    channels = _channels(content)
    left, right = channels
    if len(left) != recording.frames:
        return [fault("format", f"holds {len(left)} frames, not {recording.frames}")]

    faults = []
    if np.array_equal(left[:_GLANCE], right[:_GLANCE]) and np.array_equal(left, right):
        faults.append(fault("channels", "both channels are the same signal"))
    several = len(recording.dialogue_ids) > 1
    for turn in recording.turns:
        span = slice(turn.start, turn.start + turn.frames)
        channel = CHANNEL[turn.role]
        if checksum(channels[channel][span]) != turn.checksum:
            other = checksum(channels[1 - channel][span]) == turn.checksum
            message = "is on the other channel" if other else "differs from what was spoken"
            which = f"turn {turn.turn} ({turn.role})" + (f" of {turn.dialogue_id!r}" if several else "")
            faults.append(fault("roles", f"{which} {message}"))
    for role, channel in CHANNEL.items():
        spans = [(turn.start, turn.start + turn.frames) for turn in recording.turns if turn.role == role]
        faults += (fault(check, message) for check, message in _channel_faults(role, channels[channel], spans))
    return faults


def _channels(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Left and right, (frames,) int16 each, of PCM_16 stereo; copied, since all that follows is slow on strided views."""
    left, right = np.frombuffer(content, "<i2", len(content) // 4 * 2).reshape(-1, 2).T
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def _other_format(path: Path) -> str | None:
    """What a recording is that is no plain PCM, None where that cannot be told."""
    try:
        info = sf.info(path)
    except (sf.LibsndfileError, OSError):
        return None
    return f"{info.channels} channel(s) of {info.subtype}, not 2 of PCM_16"


def _channel_faults(role: str, samples: np.ndarray, spans: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """(check, message) for one channel, given where its turns lie: padding, level, clipping."""
    end = 0
    for start, stop in [*sorted(spans), (len(samples), len(samples))]:
        if start > end and np.count_nonzero(samples[end:start]):
            yield "padding", f"the {role} channel is not exact zero outside its turns"
            break
        end = max(end, stop)
    if not spans:
        return
    speech = [samples[start:stop] for start, stop in spans]
    silence = sum(map(len, speech)) * (_FULL * 10 ** (SILENCE_DBFS / 20)) ** 2
    # The energy of some samples is a lower bound; only what is very quiet is added up to the last one.
    if _energy([turn[::_SOME] for turn in speech]) < silence and _energy(speech) < silence:
        yield "silence", f"the {role} channel is silent"
    if any(turn.max() >= _CLIP_LEVEL or turn.min() <= -_CLIP_LEVEL for turn in speech):
        clipped = (np.count_nonzero(samples >= _CLIP_LEVEL) + np.count_nonzero(samples <= -_CLIP_LEVEL)) / len(samples)
        if clipped > MAX_CLIPPED:
            yield "clipping", f"{100 * clipped:.2f} % of the {role} channel is clipped"


def _energy(turns: list[np.ndarray]) -> float:
    """Sum of squares of int16 samples."""
    return sum(float(np.dot(turn, turn)) for turn in (samples.astype(np.float32) for samples in turns))


def manifest_faults(store: DatasetStore) -> Iterator[Fault]:
    """Compare the manifests with the shards' indexes: every recording once, in its split's, in order, with its duration."""
    with ExitStack() as stack:
        expected = {split: ManifestReader(path, stack) for split, path in manifest_paths(store).items()}
        try:
            for recording in indexed_recordings(store):
                if recording.failure is None:
                    yield from expected[recording.split].compare(recording)
            for split, manifest in expected.items():
                yield from manifest.rest(may_be_absent=split == EVAL)
        except RowsOutOfStep as stop:  # every row after it would be a fault too
            yield stop.fault


def indexed_recordings(store: DatasetStore, recipe: Recipe | None = None) -> Iterator[Recording]:
    """All recordings of a dataset in input order; arguments and errors as `indexed_shards`."""
    for _, recordings in indexed_shards(store, recipe):
        yield from recordings


def indexed_shards(store: DatasetStore, recipe: Recipe | None = None) -> Iterator[tuple[str, list[Recording]]]:
    """Shard keys of a dataset with their recordings, in input order.

    Args:
        store: the dataset.
        recipe: when given, the recordings must be those of the present tasks under this recipe.

    Raises:
        DatasetError: shards without an index, or with one of other tasks; names them.
    """
    shards = store.shards()
    missing = [shard for shard in shards if not store.index_path(shard).is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(shards)} shards have no stereo pairs ({missing[0]} to {missing[-1]}): "
            f"materialize mono_syntheses and stereo_pairs for them first"
        )
    for shard in shards:
        recordings = read_index(store.index_path(shard))
        if not recordings:
            raise DatasetError(f"{store.index_path(shard)} is damaged: materialize stereo_pairs for {shard} again")
        if recipe and not are_current(recordings, store.spoken_tasks(shard), recipe):
            raise DatasetError(
                f"the stereo pairs of {shard} are not those of its tasks, which have changed: materialize "
                f"mono_syntheses and stereo_pairs for it first"
            )
        yield shard, recordings


def dataset_faults(folder: Path) -> Iterator[Fault]:
    """Every fault of a finished dataset folder, from its files alone (reads every recording and transcript)."""
    try:
        store = DatasetStore(folder.resolve().parent, folder.resolve().name)
        recipe = store.recipe()
        yield from manifest_faults(store)
        with ThreadPoolExecutor() as pool:
            for shard in store.shards():
                rows = read_index(store.index_path(shard))
                current = are_current(rows, store.spoken_tasks(shard), recipe)
                if not current:
                    yield Fault("manifest", shard, "its recordings are not those of its tasks: build the dataset again")
                good = [row for row in rows if row.failure is None]
                for faults in pool.map(lambda row: recording_faults(store.folder, row), good):
                    yield from faults
                if current and recipe.transcripts:
                    texts = dialogue_texts(store.tasks(shard))
                    for row in good:
                        yield from transcript_faults(store.folder, row, turn_texts(row, texts))
        yield from count_dataset(store, recipe).faults
    except (DatasetError, RecipeError, ValueError) as error:
        yield Fault("manifest", str(folder), str(error))
        return
    for stray in sorted(folder.rglob("*jsonl")):
        if stray != folder / store.manifest_path.name:
            yield Fault("manifest", str(stray.relative_to(folder)), "the loader would read this file as a manifest")
