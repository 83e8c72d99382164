"""Check recordings and whole datasets from their files alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from ..dialogues.dialogue import EVAL
from ..faults import Fault
from ..publish.manifest import ManifestReader, RowsOutOfStep, manifest_paths
from ..recipe import Recipe, RecipeError
from ..stereo.keys import are_current
from ..stereo.recording import CHANNEL, Recording, UnreadableRecording, checksum, read_channels, read_index
from ..storage.dataset import DatasetError, DatasetStore, dialogue_texts
from ..storage.links import outside_links
from ..transcripts.stage import TranscriptFigures, transcript_key
from ..transcripts.transcript import Transcript, read_transcript, transcript_faults, transcript_path, turn_texts
from .companions import card_faults, quality_faults, transcript_summary_faults, voice_faults
from .line_counts import count_dataset

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
    try:
        return sound_faults(recording, read_channels(folder, recording))
    except UnreadableRecording as error:
        return [Fault("format", recording.path, str(error))]


def sound_faults(recording: Recording, channels: tuple[np.ndarray, np.ndarray]) -> list[Fault]:
    """As `recording_faults`, of a recording that was read: (frames,) int16 of the left and the right channel."""
    left, right = channels

    def fault(check: str, message: str) -> Fault:
        return Fault(check, recording.path, message)

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
    """Every fault of a finished dataset folder, from its files alone: reads every recording, transcript and table, and the card.

    Nothing is read through a link that leads out of the folder: where there is one, only the links are told.
    """
    try:
        store = DatasetStore(folder.resolve().parent, folder.resolve().name)
        links = False
        for link in outside_links(store.folder):
            links = True
            yield Fault(
                "links", link.relative_to(store.folder).as_posix(), "is a link that leads out of the dataset folder"
            )
        if links:
            return
        recipe = store.recipe()
        yield from manifest_faults(store)
        voices: set[str] = set()
        with ThreadPoolExecutor() as pool:
            for shard in store.shards():
                yield from _shard_faults(store, recipe, shard, pool)
                voices.update(store.tasks(shard).column("voice").unique().to_pylist())
        yield from voice_faults(store, voices)
        yield from count_dataset(store, recipe).faults
        yield from card_faults(store)
    except (DatasetError, RecipeError, ValueError) as error:
        yield Fault("manifest", str(folder), str(error))
        return
    for stray in sorted(folder.rglob("*jsonl")):
        if stray != folder / store.manifest_path.name:
            yield Fault("manifest", str(stray.relative_to(folder)), "the loader would read this file as a manifest")


def _shard_faults(store: DatasetStore, recipe: Recipe, shard: str, pool: ThreadPoolExecutor) -> Iterator[Fault]:
    tasks = store.tasks(shard)
    rows = read_index(store.index_path(shard))
    current = are_current(rows, store.spoken_tasks(shard), recipe)
    if not current:
        yield Fault("manifest", shard, "its recordings are not those of its tasks: build the dataset again")
    yield from quality_faults(store, shard, tasks)
    good = [row for row in rows if row.failure is None]
    texts = dialogue_texts(tasks) if current and recipe.transcripts else None
    figures = TranscriptFigures(recordings=len(good))
    whole = texts is not None
    for faults, transcript in pool.map(partial(_recording_faults, store, texts), good):
        yield from faults
        if transcript:
            figures.count(transcript)
        else:
            whole = False
    if whole:
        yield from transcript_summary_faults(store, shard, [transcript_key(row, recipe) for row in good], figures)


def _recording_faults(
    store: DatasetStore, texts: dict[str, list[str]] | None, recording: Recording
) -> tuple[list[Fault], Transcript | None]:
    """Faults of a recording and, where the texts of its shard are given, of its transcript, which is returned if it has none.

    The sound is read once.
    """
    try:
        channels = read_channels(store.folder, recording)
    except UnreadableRecording as error:
        return [Fault("format", recording.path, str(error))], None
    faults = sound_faults(recording, channels)
    if texts is None:
        return faults, None
    wrong = transcript_faults(store.folder, recording, turn_texts(recording, texts), channels)
    held = None if wrong else read_transcript(store.folder / transcript_path(recording.path))
    return faults + wrong, held
