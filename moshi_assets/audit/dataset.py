"""Check recordings and whole datasets from their files alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ..faults import Fault
from ..planning.task_table import DialogueTexts, dialogue_texts
from ..publish.manifest import manifest_faults
from ..recipe import Recipe, RecipeError
from ..stereo.index import read_index
from ..stereo.keys import are_current
from ..stereo.recording import Recording, UnreadableRecording, read_channels
from ..stereo.recording_check import sound_faults
from ..storage.dataset import DatasetError, DatasetStore
from ..storage.links import outside_links
from ..synthesis.quality_table import spoken_tasks
from ..transcripts.stage import TranscriptFigures
from ..transcripts.transcribe import transcript_key
from ..transcripts.transcript import Transcript, read_transcript, transcript_faults, transcript_path, turn_texts
from .companions import card_faults, quality_faults, transcript_summary_faults, voice_faults
from .line_counts import count_dataset


def dataset_faults(folder: Path) -> Iterator[Fault]:
    """Every fault of a finished dataset folder, from its files alone: reads every recording, transcript and table, and
    the card.

    Nothing is read through a link that leads out of the folder: if there is one, only the links are reported.
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
        store.check_complete()
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
    current = are_current(rows, spoken_tasks(store, shard), recipe)
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
    store: DatasetStore, texts: DialogueTexts | None, recording: Recording
) -> tuple[list[Fault], Transcript | None]:
    """Faults of a recording and, where the texts of its shard are given, of its transcript, which is returned if it has
    none.

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
