"""Decides which records enter the dataset (voices exist, ids are new), and gives each good dialogue its file stem,
seeds and keys.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from ..dialogues.dialogue import TRAIN, Dialogue, EmotionSettings, Reject, Role, Split, Turn
from ..dialogues.files.records import SourceRecords
from ..dialogues.reader import read_dialogues
from ..engines.base import SynthesisTask, VoiceError
from ..engines.registry import engine_class
from ..names import file_stem, hashed_stem
from ..reading import Mapped, ReadingCounts
from ..recipe import Recipe, RecipeError
from .casting import VoiceCasting
from .content_keys import ContentKeys, dialogue_seed, task_seeds
from .evaluation_split import split_by_count, split_by_fraction
from .spoken_dialogue import SpokenDialogue, SpokenDialogues

_CHUNK_TURNS = 4096
"""Turns that are read together, about: Arrow compiles an expression for every call."""
_EMOTION_OF = attrgetter("emotion")
_REMEMBER = "INSERT OR IGNORE INTO seen VALUES (?, ?)"


class PlannedDialogue(NamedTuple):
    """A good record with everything that its tasks need."""

    spoken: SpokenDialogue
    stem: str
    voices: list[str]
    seeds: list[int]
    keys: list[bytes]
    emotions: Sequence[EmotionSettings | None]
    split: Split = TRAIN
    """`train` or `eval`."""

    def tasks(self, dataset: str) -> list[SynthesisTask]:
        """The synthesis tasks of the dialogue, in speaking order."""
        dialogue, spoken = self.spoken.dialogue, self.spoken.spoken
        turns = zip(dialogue.turns, spoken, self.voices, self.seeds, self.keys, self.emotions, strict=True)
        return [
            SynthesisTask(dataset, dialogue.id, number, turn.role, said, voice, seed, key, emotion)
            for number, (turn, said, voice, seed, key, emotion) in enumerate(turns)
        ]


class DialoguePlanner:
    """Plans the dialogues of one dialogue file under one recipe."""

    def __init__(self, recipe: Recipe, first_name: int = 1, mapped: Mapped = map) -> None:
        """
        Args:
            recipe: the dataset.
            first_name: number in the id that a record without one gets, if it is the first line's.

            mapped: what reads texts that are not plain, `map` or that of a pool of processes.

        Raises:
            EngineError, RecipeError: the engine or a voice or an emotion of the recipe cannot be used.
        """
        self._recipe, self._seed, self._first_name = recipe, recipe.seed, first_name
        self._records: SourceRecords | None = None
        engine = engine_class(recipe.engine)
        self._keys = ContentKeys(engine, recipe)
        self._reading = SpokenDialogues(recipe, engine, mapped)
        self._casting = VoiceCasting(recipe, self._keys)
        self._emotions: dict[Role, EmotionSettings | None] = {}
        for role, emotion in (("user", recipe.user_emotion), ("assistant", recipe.assistant_emotion)):
            try:
                self._emotions[role] = self._keys.emotion(emotion)  # type: ignore[index]
            except VoiceError as error:
                raise RecipeError(f"{role}_emotion: {error}") from None
        self._emotional = any(self._emotions.values())

    @property
    def engine_revision(self) -> str:
        """Name of the engine, the model and every option that decides the sound."""
        return self._keys.revision

    @property
    def voice_fingerprints(self) -> dict[str, str]:
        """Content fingerprints of the voices met so far, by the name that the engine takes."""
        return self._keys.fingerprints

    @property
    def files(self) -> list[tuple[str, int]]:
        """Name of each file read so far and the number of the record before its first; empty for a single file."""
        return self._records.files if self._records else []

    @property
    def voice_traits(self) -> dict[str, dict[str, str]]:
        """Recorded traits of the voices met so far, by the name that the engine takes."""
        traits = {voice: self._casting.traits.of(voice) for voice in self._keys.fingerprints}
        return {voice: told for voice, told in traits.items() if told}

    @property
    def voices_left_out(self) -> dict[str, str]:
        """Recordings in pools that cannot be voices, with the reason."""
        return self._casting.left_out

    def voice_warnings(self) -> Iterator[str]:
        """Warnings about the recordings in pools and about their trait files."""
        if refused := self.voices_left_out:
            more = f" (and {len(refused) - 1} more: 'moshi-assets voices FOLDER' lists them)" * (len(refused) > 1)
            first = next(iter(refused.values())).encode(errors="backslashreplace").decode()
            yield f"recordings left out of the pools: {len(refused)}; {first}{more}"
        yield from self._casting.traits.warnings()

    @property
    def reading(self) -> ReadingCounts:
        """Findings in the turns' texts so far."""
        return self._reading.counts

    def dialogues(self) -> Iterator[PlannedDialogue | Reject]:
        """Stream the recipe's source: every good dialogue with its plan, every bad line as a reject.

        Stops after `max_samples` good dialogues. With `eval_count` the source is read once before that.

        Raises:
            DialogueFileError: the file cannot be read.
        """
        split_of = self._splitter()
        self._reading.counts = ReadingCounts()  # of this pass alone
        for item in self._good():
            yield item if isinstance(item, Reject) else self._planned(*item, split_of)

    def _splitter(self) -> Callable[[Dialogue], Split]:
        recipe = self._recipe
        if recipe.eval_count is not None:
            good = (item[0].dialogue for item in self._good() if not isinstance(item, Reject))
            return split_by_count(good, recipe.eval_count, recipe.seed)
        if recipe.eval_fraction:
            return split_by_fraction(recipe.eval_fraction, recipe.seed)
        return lambda dialogue: TRAIN

    def _good(self) -> Iterator[tuple[SpokenDialogue, str] | Reject]:
        """Every good dialogue with its file stem, every bad line as a reject."""
        recipe, seen = self._recipe, _SeenIds()
        self._records = SourceRecords(recipe.source, recipe.input)
        records = read_dialogues(
            self._records,
            recipe.max_text_chars,
            recipe.max_turns,
            self._first_name,
            recipe.input,
            recipe.text.longest,
        )
        left = recipe.max_samples or sys.maxsize
        try:
            while left and (chunk := _chunk(islice(records, left))):
                # Some records together: one question to the reading and to the table of ids instead of one for each.
                items = [self._check(item) if isinstance(item, Dialogue) else item for item in chunk]
                read = self._reading.read([item for item in items if isinstance(item, Dialogue)])
                said = [next(read) if isinstance(item, Dialogue) else item for item in items]
                stems = iter(seen.stems_of([item.dialogue.id for item in said if isinstance(item, SpokenDialogue)]))
                for item in said:
                    if isinstance(item, Reject):
                        yield item
                    elif stem := next(stems):
                        left -= 1
                        self._reading.count(item)
                        yield item, stem
                    else:
                        dialogue = item.dialogue
                        yield dialogue.reject(f"duplicate id {dialogue.id[:80]!r}: the first one is kept")
        finally:
            seen.close()

    def _planned(self, spoken: SpokenDialogue, stem: str, split_of: Callable[[Dialogue], Split]) -> PlannedDialogue:
        dialogue = spoken.dialogue
        turns, keys, split = dialogue.turns, self._keys, split_of(dialogue)
        base = dialogue_seed(self._seed, dialogue.id)
        seeds = task_seeds(base, len(turns))
        voices = self._casting.voices(turns, base, split)
        emotions = self._turn_emotions(turns)
        content = keys.keys(spoken.spoken, voices, seeds, emotions)
        return PlannedDialogue(spoken, stem, keys.voice_names(voices), seeds, content, emotions, split)

    def _check(self, dialogue: Dialogue) -> Dialogue | Reject:
        for turn in dialogue.turns:
            if turn.voice and (fault := self._keys.voice_fault(turn.voice)):
                return dialogue.reject(fault)
            if turn.emotion:
                try:
                    self._keys.emotion(turn.emotion)
                except VoiceError as error:
                    return dialogue.reject(str(error))
        return dialogue

    def _turn_emotions(self, turns: Sequence[Turn]) -> Sequence[EmotionSettings | None]:
        if not self._emotional and not any(map(_EMOTION_OF, turns)):
            return [None] * len(turns)
        return [self._keys.emotion(turn.emotion) if turn.emotion else self._emotions[turn.role] for turn in turns]


def _chunk(records: Iterator[Dialogue | Reject]) -> list[Dialogue | Reject]:
    """The next records, about a thousand turns."""
    chunk, turns = [], 0
    for record in records:
        chunk.append(record)
        turns += len(record.turns) if isinstance(record, Dialogue) else 1
        if turns >= _CHUNK_TURNS:
            break
    return chunk


class _SeenIds:
    """The ids that have occurred, exact and on disk, in constant memory."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "" is a temporary file that SQLite removes
        self._db.execute("PRAGMA journal_mode=MEMORY")
        self._db.execute("PRAGMA cache_size=-16000")
        self._db.execute("CREATE TABLE seen (stem TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID")

    def stems_of(self, ids: Sequence[str]) -> list[str | None]:
        """File stems of ids, None for an id that occurred before (in an earlier call or in this one)."""
        stems: list[str | None] = [file_stem(i) for i in ids]
        before = self._db.total_changes
        self._db.execute("BEGIN")
        self._db.executemany(_REMEMBER, [(stem.lower(), i) for stem, i in zip(stems, ids, strict=True) if stem])
        if self._db.total_changes - before < len(ids):  # two of them meet: undo, and look at each
            self._db.execute("ROLLBACK")
            self._db.execute("BEGIN")
            stems = [self._stem_of(i) for i in ids]
        self._db.execute("COMMIT")
        return stems

    def _stem_of(self, dialogue_id: str) -> str | None:
        # Stems are compared without case: some file systems do not tell `A` from `a`.
        for make_stem in (file_stem, hashed_stem):
            stem = make_stem(dialogue_id)
            if self._db.execute(_REMEMBER, (stem.lower(), dialogue_id)).rowcount:
                return stem
            (earlier,) = self._db.execute("SELECT id FROM seen WHERE stem = ?", (stem.lower(),)).fetchone()
            if earlier == dialogue_id:
                return None
        return None

    def close(self) -> None:
        self._db.close()
