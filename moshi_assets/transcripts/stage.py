"""The transcript stage of one shard: the words of every recording, with their times."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import soundfile as sf

from ..alignment.word_times import APPROXIMATE, WordTimes
from ..faults import Fault
from ..planning.task_table import DialogueTexts, dialogue_texts
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.index import read_index
from ..stereo.keys import are_current
from ..stereo.recording import CHANNEL, PlacedTurn, Recording, UnreadableRecording, read_channels, recording_file
from ..storage.dataset import DatasetError, DatasetStore
from ..synthesis.quality_table import spoken_tasks
from .summary import TranscriptSummary, read_summary, shard_key
from .transcribe import Said, Transcribed, transcribe, transcript_key, utterances
from .transcript import (
    SPEAKER,
    Transcript,
    read_transcript,
    transcript_faults,
    transcript_path,
    turn_texts,
    write_transcript,
)

GROUP = 32
"""Recordings whose turns are aligned together: memory stays bounded, and a GPU has full batches."""
_MAX_REASONS = 20


@dataclass
class TranscriptFigures:
    """Outcome of the transcript stage for one shard."""

    recordings: int = 0
    written: int = 0
    reused: int = 0
    words: int = 0
    assistant_words: int = 0
    shared_slots: int = 0
    """Assistant's words whose text the next one overwrites."""
    methods: Counter[str] = field(default_factory=Counter)
    """Turns by the aligner that found their words."""
    aligned_seconds: float = 0.0
    """Speech aligned now."""
    speed: dict[str, float] = field(default_factory=dict)
    """Speech aligned and what it took, the last time that any was; nothing where no file tells."""
    reasons: list[str] = field(default_factory=list)
    """Why aligners were passed over, the first few."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def approximate(self) -> int:
        """Turns of which the times are a guess."""
        return self.methods[APPROXIMATE]

    def count(self, transcript: Transcript) -> None:
        """Add the words of a transcript."""
        self.words += len(transcript.alignments)
        self.assistant_words += sum(who == SPEAKER["assistant"] for _, _, who in transcript.alignments)
        self.shared_slots += transcript.shared_slots
        self.methods.update(transcript.methods)


def build_transcripts(
    store: DatasetStore,
    recipe: Recipe,
    shard: str,
    word_times: WordTimes,
    pool: ThreadPoolExecutor,
    fresh: Collection[str] = (),
) -> TranscriptFigures:
    """Write the transcripts of a shard that are missing or outdated, then the shard's summary of them.

    Every transcript is checked, those that are there already by reading them and their recordings; the faults are in
    the figures, for the asset checks.

    Args:
        store, recipe: the dataset; where the recipe wants no transcripts, none is written.
        shard: shard key.
        word_times: the aligners.
        pool: threads to write and check transcripts with.
        fresh: paths of recordings of which this run has written and checked the transcripts too.

    Raises:
        DatasetError: the shard has no stereo pairs, or those of other tasks, or one of them cannot be read.
        AlignerError: the aligner that the recipe names cannot work at all.
        OSError: a file cannot be written; transcripts written earlier stay.
    """
    figures, started = TranscriptFigures(), time.monotonic()
    if not recipe.transcripts:
        store.transcripts_path(shard).unlink(missing_ok=True)
        return figures
    tasks = spoken_tasks(store, shard)
    texts = dialogue_texts(tasks)
    indexed = read_index(store.index_path(shard))
    if not are_current(indexed, tasks, recipe):
        raise DatasetError(
            f"shard {shard} has no stereo pairs of its present tasks: materialize stereo_pairs for it first"
        )
    recordings = [recording for recording in indexed if recording.failure is None]
    keys = {recording.path: transcript_key(recording, recipe) for recording in recordings}
    stale = []

    def look(recording: Recording) -> Transcript | None:
        """The transcript that is there, when it is what would be written, without a fault."""
        held = read_transcript(store.folder / transcript_path(recording.path))
        if held is None or held.key != keys[recording.path]:
            return None
        if recording.path in fresh:
            return held
        return held if not _faults(store, recording, turn_texts(recording, texts)) else None

    for recording, held in zip(recordings, pool.map(look, recordings), strict=True):
        figures.recordings += 1
        if held is None:
            stale.append(recording)
            continue
        figures.count(held)
        if recording.path in fresh:
            figures.written += 1
            figures.aligned_seconds += sum(turn.frames for turn in recording.turns) / recording.sample_rate
        else:
            figures.reused += 1
    for begin in range(0, len(stale), GROUP):
        _write_group(store, recipe, stale[begin : begin + GROUP], texts, word_times, pool, figures)
    if figures.written:
        wall = time.monotonic() - started
        figures.speed = {
            "audio_seconds": round(figures.aligned_seconds, 3),
            "wall_seconds": round(wall, 3),
            "x_realtime": round(figures.aligned_seconds / max(wall, 1e-9), 1),
        }
    else:
        figures.speed = _summary(store, shard).speed
    summary = shard_summary(figures, keys.values())
    summary.speed = figures.speed
    summary.write(store.transcripts_path(shard))
    return figures


def shard_summary(figures: TranscriptFigures, keys: Iterable[str]) -> TranscriptSummary:
    """What a shard's transcripts hold, but for how fast they were made.

    Args:
        figures: of all of them.
        keys: of all of them, in the index's order.
    """
    return TranscriptSummary(
        shard_key(keys),
        figures.recordings,
        figures.words,
        figures.assistant_words,
        figures.shared_slots,
        figures.methods,
        [str(fault) for fault in figures.faults[:_MAX_REASONS]],
    )


def transcripts_are_current(store: DatasetStore, recipe: Recipe, shard: str, recordings: Sequence[Recording]) -> bool:
    """True when every recording of a shard has a transcript made as the recipe says, none with a fault.

    Reads the shard's summary and looks whether the files are there; `verify` reads them.
    """
    if not recipe.transcripts:
        return True
    good = [recording for recording in recordings if recording.failure is None]
    summary = _summary(store, shard)
    if summary.faults or summary.key != shard_key(transcript_key(each, recipe) for each in good):
        return False
    return all((store.folder / transcript_path(recording.path)).is_file() for recording in good)


def _summary(store: DatasetStore, shard: str) -> TranscriptSummary:
    """What was told of a shard's transcripts when they were made; nothing where that cannot be read."""
    try:
        return read_summary(store.transcripts_path(shard))
    except (OSError, ValueError):
        return TranscriptSummary()


def _write_group(
    store: DatasetStore,
    recipe: Recipe,
    recordings: Sequence[Recording],
    texts_of: DialogueTexts,
    word_times: WordTimes,
    pool: ThreadPoolExecutor,
    figures: TranscriptFigures,
) -> None:
    """Align the turns of some recordings together; write, check and count their transcripts."""
    batch = [said_of(store, recording, texts_of) for recording in recordings]
    figures.aligned_seconds += sum(turn.duration for said in batch for turn in utterances(said))

    def write(said: Said, transcribed: Transcribed) -> list[Fault]:
        write_transcript(store.folder / transcript_path(said.recording.path), transcribed.transcript)
        return _faults(store, said.recording, said.texts)

    done = transcribe(batch, word_times, recipe)
    for transcribed, faults in zip(done, pool.map(write, batch, done), strict=True):
        figures.written += 1
        figures.count(transcribed.transcript)
        figures.faults += faults
        figures.reasons += transcribed.reasons[: _MAX_REASONS - len(figures.reasons)]


def said_of(store: DatasetStore, recording: Recording, texts: DialogueTexts) -> Said:
    """A recording on disk with what is said in it, given the texts of its shard's dialogues.

    Its sound is read on demand, which raises DatasetError where it cannot be read.
    """
    return Said(recording, turn_texts(recording, texts), partial(_sound, store, recording))


def _faults(store: DatasetStore, recording: Recording, texts: Sequence[SpokenText]) -> list[Fault]:
    """What is wrong with the transcript of a recording on disk, compared with its texts and its sound."""
    try:
        channels = read_channels(store.folder, recording)
    except UnreadableRecording as error:
        raise _again(recording, error) from None
    return transcript_faults(store.folder, recording, texts, channels)


def _again(recording: Recording, error: Exception) -> DatasetError:
    return DatasetError(f"{recording.path} cannot be read ({error}): materialize stereo_pairs for it again")


def _sound(store: DatasetStore, recording: Recording, turn: PlacedTurn) -> np.ndarray:
    """(frames,) int16 of one turn."""
    try:
        with sf.SoundFile(recording_file(store.folder, recording)) as handle:
            handle.seek(turn.start)
            samples = handle.read(turn.frames, dtype="int16", always_2d=True)
    except (sf.LibsndfileError, OSError, UnreadableRecording) as error:
        raise _again(recording, error) from None
    return np.ascontiguousarray(samples[:, CHANNEL[turn.role]])
