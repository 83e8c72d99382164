"""Complete dialogues in memory become recordings and transcripts on disk; done beside the engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from ..alignment.base import Utterance
from ..alignment.word_times import WordTimes
from ..audio.frame_power import FramePower
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.assembly import Assembled, Assembler, write_assembled
from ..stereo.keys import ShardDialogue
from ..stereo.recording import PlacedTurn, Recording
from ..synthesis.parts import SpokenTask
from ..transcripts.transcribe import Said, transcribe, turn_of
from ..transcripts.transcript import faults_of, transcript_path, write_transcript


class CompleteDialogue(NamedTuple):
    """A dialogue of which every turn is spoken."""

    dialogue: ShardDialogue
    """With the content keys of the attempts that were taken."""
    texts: list[SpokenText]
    rows: list[SpokenTask]
    """By turn."""


@dataclass(frozen=True)
class RecordingJob:
    """Some dialogues of a shard to be recorded."""

    folder: Path
    """The dataset's."""
    recipe: Recipe
    shard: str
    dialogues: list[CompleteDialogue]


class Recorded(NamedTuple):
    """What became of a complete dialogue."""

    recording: Recording | None
    """Its index row; None where the recording would be faulty, and was not written."""
    transcribed: bool = False
    """Whether its transcript, if one is wanted, was written too and has no fault."""


def record_dialogues(job: RecordingJob) -> list[Recorded]:
    """Write the recordings of some dialogues and their transcripts; in order.

    Raises:
        AlignerError: the aligner that the recipe names cannot work at all.
        OSError: a file cannot be written.
    """
    assembler = Assembler(job.recipe, job.shard)
    written: list[tuple[Assembled, CompleteDialogue] | None] = []
    for complete in job.dialogues:
        rows = {row.content_key: row for row in complete.rows}
        assembled = assembler.assemble([complete.dialogue], rows.__getitem__)
        _, faults = write_assembled(job.folder, assembled, faulty=False)
        written.append(None if faults else (assembled, complete))
    good = [each for each in written if each]
    transcribed = iter(_transcribe(job, good) if job.recipe.transcripts else [True] * len(good))
    return [Recorded(each[0].recording, next(transcribed)) if each else Recorded(None) for each in written]


def _transcribe(job: RecordingJob, recorded: list[tuple[Assembled, CompleteDialogue]]) -> list[bool]:
    """Write the transcripts of some recordings; whether each is without a fault."""
    batch = [
        Said(assembled.recording, complete.texts, partial(turn_of, assembled.channels))
        for assembled, complete in recorded
    ]
    outcomes = []
    done = transcribe(batch, word_times(job.recipe.aligner, job.recipe.ctc_model, job.recipe.device), job.recipe)
    for (assembled, complete), (transcript, _, turns) in zip(recorded, done, strict=True):
        if faults_of(transcript, assembled.recording, complete.texts, partial(_power_of, turns)):
            outcomes.append(False)
            continue
        write_transcript(job.folder / transcript_path(assembled.recording.path), transcript)
        outcomes.append(True)
    return outcomes


def _power_of(turns: list[Utterance], placed: PlacedTurn) -> FramePower:
    """The power of a turn, given all turns of its dialogue."""
    return turns[placed.turn].frame_power


@lru_cache(maxsize=1)
def word_times(aligner: str, ctc_model: str | None, device: str | None) -> WordTimes:
    """The aligners of a recipe, which keep their models warm in this process."""
    return WordTimes(aligner, ctc_model, device)  # type: ignore[arg-type]  # the recipe has checked the name
