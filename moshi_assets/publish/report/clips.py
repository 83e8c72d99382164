"""The clips of a report: a stretch of a recording with its sound, its waveform, its turns and their words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...dialogues.dialogue import Split
from ...planning.task_table import DialogueTexts
from ...stereo.recording import PlacedTurn, Recording
from ...storage.dataset import DatasetStore
from ...transcripts.transcript import SPEAKER, read_transcript, transcript_path
from ..shard_content import text_of
from .picks import Pick
from .sound import Unreadable, flac, read_frames, waveform

CLIP_SECONDS = 20.0
"""Longest stretch of a recording in a page. As FLAC that is some 0.4 MB of speech, a third more as base64."""
LEAD_SECONDS = 1.0
"""Seconds before the turn that are included when a longer recording is cut."""
MAX_TEXT = 4000
"""Most characters of a turn that are shown."""
MAX_WORDS = 2000
"""Most words of a recording that are marked; nobody speaks that many in the time."""


class ClipWord(NamedTuple):
    """A word of a turn, with seconds in the clip, or None if it lies outside."""

    text: str
    start: float | None
    end: float | None


@dataclass(frozen=True, slots=True)
class ClipTurn:
    """A turn that is at least partly in the clip. Times are seconds in the clip."""

    role: str
    number: int
    """From 1."""
    dialogue: str
    start: float
    end: float
    backchannel: bool
    words: list[ClipWord]


@dataclass(slots=True)
class Clip:
    """One recording in the report."""

    path: str
    title: str
    reason: str
    """Reason why it is among the most unusual; empty for a random one."""
    split: Split
    sample_rate: int
    recording_seconds: float
    offset: float
    """Second of the recording at which the clip begins."""
    seconds: float = 0.0
    peaks: list[list[int]] = field(default_factory=list)
    """Left and right, 0 to 100 % of the clip's own peak."""
    turns: list[ClipTurn] = field(default_factory=list)
    audio: str = ""
    """FLAC, two channels, 16 bit, in base64; empty where there is none."""
    words: int = 0
    """Number of words with a time."""
    approximate: bool = False
    """Whether the words' times are estimated."""
    problem: str = ""
    """Reason why it cannot be heard; empty if it can."""


def cut(store: DatasetStore, pick: Pick, texts: DialogueTexts) -> Clip:
    """Cut the clip of a chosen recording. A recording that cannot be read gives one without sound and with a problem.

    Args:
        store: the dataset.
        pick: the recording.
        texts: those of its shard.
    """
    recording = pick.recording
    rate = recording.sample_rate
    first, frames = _window(pick)
    clip = Clip(
        recording.path,
        _title(recording),
        pick.reason,
        recording.split,
        rate,
        recording.duration,
        first / rate,
        frames / rate,
    )
    words = _transcript_words(store, recording, clip)
    for place, turn in enumerate(recording.turns):
        if turn.start + turn.frames > first and turn.start < first + frames:
            clip.turns.append(_turn(recording, turn, texts, words.get(place, []), clip))
    clip.turns.sort(key=lambda turn: turn.start)
    clip.words = sum(word.start is not None for turn in clip.turns for word in turn.words)
    try:
        samples = read_frames(store, recording, first, frames)
    except Unreadable as error:
        clip.problem = str(error)
    else:
        clip.audio, clip.peaks = flac(samples, rate), waveform(samples)
    return clip


def _title(recording: Recording) -> str:
    first, *more = recording.dialogue_ids
    return f"{first} and {len(more)} more" if more else first


def _window(pick: Pick) -> tuple[int, int]:
    """First frame and number of frames of the clip."""
    recording = pick.recording
    frames = min(recording.frames, round(CLIP_SECONDS * recording.sample_rate))
    if pick.turn is None or frames == recording.frames:
        return 0, frames
    wanted = recording.turns[pick.turn].start - round(LEAD_SECONDS * recording.sample_rate)
    return min(max(wanted, 0), recording.frames - frames), frames


def _transcript_words(store: DatasetStore, recording: Recording, clip: Clip) -> dict[int, list[ClipWord]]:
    """Words with seconds of the recording, by the place of their turn in `recording.turns`."""
    transcript = read_transcript(store.folder / transcript_path(recording.path))
    if transcript is None:
        return {}
    clip.approximate = transcript.approximate
    found: dict[int, list[ClipWord]] = {}
    for role, speaker in SPEAKER.items():
        turns = [(place, turn) for place, turn in enumerate(recording.turns) if turn.role == role]
        turns.sort(key=lambda entry: entry[1].start)
        current = 0
        for text, (start, end), who in transcript.alignments[:MAX_WORDS]:
            if who != speaker or not turns or not 0 <= start < end < math.inf:
                continue
            # Turns of one role do not overlap; their starts are rounded to milliseconds in the transcript.
            while current + 1 < len(turns) and start + 0.001 >= turns[current + 1][1].start / recording.sample_rate:
                current += 1
            found.setdefault(turns[current][0], []).append(ClipWord(text[:MAX_TEXT], start, end))
    return found


def _turn(
    recording: Recording, turn: PlacedTurn, texts: DialogueTexts, words: Sequence[ClipWord], clip: Clip
) -> ClipTurn:
    rate = recording.sample_rate
    said = text_of(turn.dialogue_id, turn.turn, texts)
    written = said.written_words if said else []
    shown: Iterable[ClipWord] = words or (ClipWord(word[:MAX_TEXT], None, None) for word in written[:MAX_WORDS])
    return ClipTurn(
        turn.role,
        turn.turn + 1,
        turn.dialogue_id,
        round(turn.start / rate - clip.offset, 3),
        round((turn.start + turn.frames) / rate - clip.offset, 3),
        turn.backchannel,
        [_moved(word, clip) for word in shown],
    )


def _moved(word: ClipWord, clip: Clip) -> ClipWord:
    if word.start is None or word.end is None or word.end <= clip.offset or word.start >= clip.offset + clip.seconds:
        return ClipWord(word.text, None, None)
    return ClipWord(
        word.text,
        round(max(0.0, word.start - clip.offset), 3),
        round(min(clip.seconds, word.end - clip.offset), 3),
    )


def clip_data(clip: Clip) -> dict[str, Any]:
    """The data of a clip for the page's script, apart from its sound."""
    return {
        "title": clip.title,
        "path": clip.path,
        "reason": clip.reason,
        "split": clip.split,
        "rate": clip.sample_rate,
        "recording": round(clip.recording_seconds, 3),
        "offset": round(clip.offset, 3),
        "seconds": clip.seconds,
        "peaks": clip.peaks,
        "approximate": clip.approximate,
        "timed": clip.words,
        "problem": clip.problem,
        "turns": [
            {
                "role": turn.role,
                "number": turn.number,
                "dialogue": turn.dialogue,
                "start": turn.start,
                "end": turn.end,
                "backchannel": turn.backchannel,
                "words": turn.words,
            }
            for turn in clip.turns
        ],
    }
