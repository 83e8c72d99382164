"""The transcript of one recording: a JSON file beside the WAV, as moshi-finetune reads it.

`{"alignments": [[word, [start, end], speaker], ...]}`, seconds from the start of the recording, sorted by start over
both speakers: the trainer searches before it sorts. It ignores the other keys, which say how the times were found.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from indextts.foreign_files import parse_json

from ..alignment.base import Word
from ..alignment.fit import misfits
from ..alignment.word_times import APPROXIMATE
from ..audio.frame_power import FramePower, frame_power
from ..dialogues.dialogue import Role
from ..faults import Fault
from ..planning.task_table import DialogueTexts
from ..reading import SpokenText
from ..stereo.recording import CHANNEL, Channels, PlacedTurn, Recording
from ..storage.whole_file import write_whole

SPEAKER: dict[str, str] = {"assistant": "SPEAKER_MAIN", "user": "SPEAKER_USER"}
"""Moshi is trained on the words of SPEAKER_MAIN, the left channel."""
SLOT_SECONDS = 0.08
"""One text token's time (Mimi runs at 12.5 frames a second): of two words that start in one, the first is
overwritten.
"""

Row = tuple[str, tuple[float, float], str]
"""Word, its start and end in seconds, and its speaker."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a transcript file holds."""

    alignments: list[Row]
    methods: list[str]
    """Aligner of each turn, in turn order."""
    key: str
    """Hash of all that decides it, hexadecimal."""

    @property
    def approximate(self) -> bool:
        """True where the times of some turn are a guess."""
        return APPROXIMATE in self.methods

    @property
    def shared_slots(self) -> int:
        """Words of the assistant that start in the same 80 ms slot as the one before."""
        slots = Counter(
            int(start / SLOT_SECONDS) for _, (start, _), who in self.alignments if who == SPEAKER["assistant"]
        )
        return sum(count - 1 for count in slots.values())


def transcript_path(recording: str) -> str:
    """Path of a recording's transcript, relative to the same folder: where the trainer looks for it."""
    return f"{recording.removesuffix('.wav')}.json"


def merge_turns(turns: Sequence[tuple[Role, float, Sequence[Word]]]) -> list[Row]:
    """Words of turns that begin at given seconds, sorted by start over both speakers."""
    rows = [
        (word.text, (round(begin + word.start, 3), round(begin + word.end, 3)), SPEAKER[role])
        for role, begin, words in turns
        for word in words
    ]
    return sorted(rows, key=lambda row: row[1])


def write_transcript(path: Path, transcript: Transcript) -> None:
    """Write a transcript, whole or not at all."""
    document = {
        "alignments": transcript.alignments,
        "methods": transcript.methods,
        "approximate": transcript.approximate,
        "key": transcript.key,
    }
    write_whole(path, json.dumps(document, ensure_ascii=False), durable=False)


def read_transcript(path: Path) -> Transcript | None:
    """The transcript in a file; None where there is none that can be read."""
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
        rows = [(str(word), (float(start), float(end)), str(who)) for word, (start, end), who in document["alignments"]]
        return Transcript(rows, list(document["methods"]), str(document["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def turn_texts(recording: Recording, texts: DialogueTexts) -> list[SpokenText]:
    """What each turn of a recording says, given the texts of its shard's dialogues."""
    return [texts[turn.dialogue_id][turn.turn] for turn in recording.turns]


def transcript_faults(
    folder: Path, recording: Recording, texts: Sequence[SpokenText], channels: Channels
) -> list[Fault]:
    """Compare a recording's transcript with what was to be said, and its times with what is heard.

    Args:
        folder: the dataset's.
        recording: its index row.
        texts: what each of its turns says, as by `turn_texts`.
        channels: its sound, as by `read_channels`.
    """
    transcript = read_transcript(folder / transcript_path(recording.path))
    if transcript is None:
        return [Fault("transcripts", transcript_path(recording.path), "is missing or cannot be read")]

    def sound(turn: PlacedTurn) -> FramePower:
        samples = channels[CHANNEL[turn.role]][turn.start : turn.start + turn.frames]
        return frame_power(samples, recording.sample_rate)

    return faults_of(transcript, recording, texts, sound)


def faults_of(
    transcript: Transcript,
    recording: Recording,
    texts: Sequence[SpokenText],
    sound: Callable[[PlacedTurn], FramePower],
) -> list[Fault]:
    """As `transcript_faults`, of a transcript in memory, given what returns the sound of a turn."""
    found = list(_faults(transcript.alignments, recording, texts))
    if not found:  # else it is not known which words are whose
        found += _sound_faults(transcript.alignments, recording, texts, sound)
    return [Fault(check, transcript_path(recording.path), message) for check, message in found]


def _sound_faults(
    rows: Sequence[Row],
    recording: Recording,
    texts: Sequence[SpokenText],
    sound: Callable[[PlacedTurn], FramePower],
) -> Iterator[tuple[str, str]]:
    """The first fault of each check, over all turns."""
    told = set()
    for role, speaker in SPEAKER.items():
        words = iter([(word, start, end) for word, (start, end), who in rows if who == speaker])
        for turn, text in sorted(zip(recording.turns, texts, strict=True), key=lambda entry: entry[0].start):
            if turn.role != role:
                continue
            begin = turn.start / recording.sample_rate
            own = [Word(w, start - begin, end - begin) for w, start, end in islice(words, len(text.written_words))]
            for check, message in misfits(own, sound(turn), begin):
                if check not in told:
                    told.add(check)
                    which = f" of {turn.dialogue_id!r}" if len(recording.dialogue_ids) > 1 else ""
                    yield check, f"turn {turn.turn} ({role}){which}: {message}"


def _faults(rows: Sequence[Row], recording: Recording, texts: Sequence[SpokenText]) -> Iterator[tuple[str, str]]:
    starts = [start for _, (start, _), _ in rows]
    if starts != sorted(starts):
        yield "order", "its words are not sorted by start"
    for word, (start, end), _ in rows:
        if not 0 <= start < end <= recording.duration:
            yield "bounds", f"{word!r} lies at {start} to {end} s, the audio from 0 to {recording.duration:.3f} s"
            break
    if not any(who == SPEAKER["assistant"] for _, _, who in rows):
        yield "assistant_words", "it holds no word of the assistant"
    for role, speaker in SPEAKER.items():
        turns = sorted(zip(recording.turns, texts, strict=True), key=lambda entry: entry[0].start)
        said = [word for turn, text in turns if turn.role == role for word in text.written_words]
        held = [word for word, _, who in rows if who == speaker]
        if held != said:
            yield "transcripts", f"its words of the {role} are not those of the text"
