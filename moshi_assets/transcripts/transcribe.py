"""The words of recordings with their times: their turns are aligned together, and each gets its transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ..alignment.base import AlignmentError, Utterance, Word
from ..alignment.word_times import Alignment, WordTimes
from ..alignment.written import written_words
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.recording import CHANNEL, Channels, PlacedTurn, Recording
from .transcript import Transcript, merge_turns

VERSION = 4
"""Part of each key: raise it when an aligner finds other times than before."""


class Said(NamedTuple):
    """A recording with what is said in it."""

    recording: Recording
    texts: list[SpokenText]
    """What each of its turns says."""
    sound: Callable[[PlacedTurn], np.ndarray]
    """Returns the sound of a turn, (frames,) int16."""


class Transcribed(NamedTuple):
    """A recording's transcript."""

    transcript: Transcript
    reasons: list[str]
    """Why aligners were passed over on the way to it."""
    turns: list[Utterance]
    """What was aligned, by turn."""


def transcript_key(recording: Recording, recipe: Recipe) -> str:
    """Hexadecimal hash of all that decides a transcript: the recording, what its engine knew, and the settings."""
    digest = hashlib.blake2b(recording.key, digest_size=16)
    digest.update(f"{VERSION}\0{recipe.aligner}\0{recipe.ctc_model}\0".encode())
    for turn in recording.turns:
        digest.update(f"{turn.start} {turn.frames} {turn.checksum}\0".encode())
        digest.update(b"" if turn.word_times is None else np.asarray(turn.word_times, np.float32).tobytes())
    return digest.hexdigest()


def turn_of(channels: Channels, turn: PlacedTurn) -> np.ndarray:
    """(frames,) int16 of one turn of a recording in memory."""
    return channels[CHANNEL[turn.role]][turn.start : turn.start + turn.frames]


def transcribe(batch: Sequence[Said], word_times: WordTimes, recipe: Recipe) -> list[Transcribed]:
    """The transcript of each recording, in order; the turns of all of them are aligned together.

    Raises:
        AlignerError: the aligner that the recipe names cannot work at all.
        DatasetError: the sound of a turn cannot be read.
    """
    turns = [utterances(said) for said in batch]
    found = iter(word_times.align([turn for each in turns for turn in each]))
    results = []
    for said, its_turns in zip(batch, turns, strict=True):
        alignments = [next(found) for _ in its_turns]
        reasons = [
            f"{said.recording.path}, {turn.dialogue_id!r}, turn {turn.turn}: {'; '.join(alignment.failures)}"
            for turn, alignment in zip(said.recording.turns, alignments, strict=True)
            if alignment.failures
        ]
        transcript = _transcript(said, alignments, transcript_key(said.recording, recipe))
        results.append(Transcribed(transcript, reasons, its_turns))
    return results


def utterances(said: Said) -> list[Utterance]:
    """The turns of a recording with what their engine knew of their words. Their sound is read on demand."""
    return [
        Utterance(
            text.spoken,
            partial(said.sound, turn),
            turn.frames,
            said.recording.sample_rate,
            None if turn.word_times is None else np.reshape(turn.word_times, (-1, 2)),
        )
        for turn, text in zip(said.recording.turns, said.texts, strict=True)
    ]


def _transcript(said: Said, alignments: Sequence[Alignment], key: str) -> Transcript:
    rate = said.recording.sample_rate
    turns = [
        # Down to whole milliseconds, as the words' times are: what ends inside its turn then ends inside the recording.
        (turn.role, 1000 * turn.start // rate / 1000, _written(text, alignment, turn.frames / rate))
        for turn, text, alignment in zip(said.recording.turns, said.texts, alignments, strict=True)
    ]
    return Transcript(merge_turns(turns), [alignment.method for alignment in alignments], key)


def _written(text: SpokenText, alignment: Alignment, seconds: float) -> list[Word]:
    """Times of a turn's written words; none where there is no room for them, which the check of it then says."""
    try:
        return written_words(text, alignment.words, seconds) if alignment.words else []
    except AlignmentError:
        return []
