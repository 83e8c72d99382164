"""From a dialogue file to the tasks of every shard, in one streaming pass with constant memory."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from .dialogue import Dialogue, DialogueFileError, Reject, read_dialogues
from .engines.base import Engine, Role, SynthesisTask, VoiceError, engine_class
from .files import whole_file, write_whole
from .metrics import peak_rss
from .names import file_stem, hashed_stem, shard_key
from .recipe import Recipe, RecipeError
from .store import TASK_SCHEMA, DatasetStore, reject_line

_CHUNK = 256
_REMEMBER = "INSERT OR IGNORE INTO seen VALUES (?, ?)"
MAX_UNKNOWN_FIELDS = 20
"""Distinct unknown field names that are counted; input is hostile."""


@dataclass
class ParseFigures:
    """Outcome of one parse."""

    lines: int = 0
    dialogues: int = 0
    tasks: int = 0
    rejected: int = 0
    shards: int = 0
    characters: int = 0
    unknown_fields: dict[str, int] = field(default_factory=dict)
    wall_seconds: float = 0.0
    peak_rss_mb: float = 0.0


def dialogue_seed(recipe_seed: int, dialogue_id: str) -> int:
    """Seed of a dialogue, 64 bits: from the recipe's seed and the dialogue's identity, not from its place."""
    identity = f"{recipe_seed}\0{dialogue_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "little")


def task_seed(dialogue: int, turn: int) -> int:
    """Seed of one turn of a dialogue, 0 <= seed < 2**63 (Weyl sequence: distinct for each turn)."""
    return (dialogue + turn * 0x9E3779B97F4A7C15) % 2**64 >> 1


class ContentKeys:
    """Content keys of tasks: a hash of engine revision, voice content, text and seed."""

    def __init__(self, engine: type[Engine], recipe: Recipe) -> None:
        self._engine = engine
        self._options = recipe.engine_options
        self._revision = engine.revision(self._options)
        self._prefixes: dict[str, Any] = {}
        self._faults: dict[str, str] = {}

    def voice_fault(self, voice: str) -> str | None:
        """Why a voice cannot be used, or None."""
        if voice not in self._prefixes and voice not in self._faults:
            try:
                fingerprint = self._engine.voice_fingerprint(self._options, voice)
            except VoiceError as error:
                self._faults[voice] = str(error)
            else:
                self._prefixes[voice] = hashlib.blake2b(f"{self._revision}\0{fingerprint}\0".encode(), digest_size=16)
        return self._faults.get(voice)

    def key(self, voice: str, text: str, seed: int) -> bytes:
        """16 bytes; `voice` must have passed `voice_fault`."""
        digest = self._prefixes[voice].copy()
        digest.update(seed.to_bytes(8, "little") + text.encode("utf-8"))
        return digest.digest()


class _SeenIds:
    """Which ids occurred, exact, on disk: memory stays constant however many there are."""

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
        self._db.executemany(_REMEMBER, [(stem.lower(), i) for stem, i in zip(stems, ids) if stem])
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


class PlannedDialogue(NamedTuple):
    """A good record with what its tasks need beside the text."""

    dialogue: Dialogue
    stem: str
    voices: list[str]
    seeds: list[int]
    keys: list[bytes]

    def tasks(self, dataset: str) -> list[SynthesisTask]:
        """Its synthesis tasks, in speaking order."""
        return [
            SynthesisTask(dataset, self.dialogue.id, number, turn.role, turn.text, voice, seed, key)
            for number, (turn, voice, seed, key) in enumerate(
                zip(self.dialogue.turns, self.voices, self.seeds, self.keys)
            )
        ]


def planned_dialogues(recipe: Recipe) -> Iterator[PlannedDialogue | Reject]:
    """Stream the recipe's source: every good dialogue with voices, seeds and content keys, every bad line as a reject.

    Stops after `max_samples` good dialogues.

    Raises:
        DialogueFileError: the file cannot be read.
        EngineError, RecipeError: the engine or a default voice cannot be used.
    """
    keys = ContentKeys(engine_class(recipe.engine), recipe)
    defaults: dict[Role, str] = {"user": recipe.voice_of("user"), "assistant": recipe.voice_of("assistant")}
    for role, voice in defaults.items():
        if fault := keys.voice_fault(voice):
            raise RecipeError(f"{role}_voice: {fault}")
    seen = _SeenIds()
    records = read_dialogues(Path(recipe.source), recipe.max_text_chars)
    left = recipe.max_samples or sys.maxsize
    try:
        while left and (chunk := list(islice(records, min(left, _CHUNK)))):
            for item in _admit(chunk, recipe.seed, keys, defaults, seen):
                yield item
                left -= isinstance(item, PlannedDialogue)
    finally:
        seen.close()


def _admit(
    chunk: Sequence[Dialogue | Reject], recipe_seed: int, keys: ContentKeys, defaults: dict[Role, str], seen: _SeenIds
) -> Iterator[PlannedDialogue | Reject]:
    """Look at some records together: one question to the ids' table instead of one for each."""
    voices: list[list[str]] = []
    items: list[Dialogue | Reject] = []
    for item in chunk:
        chosen: list[str] = []
        if isinstance(item, Dialogue):
            chosen = [voice or defaults[role] for role, _, voice in item.turns]
            fault = next(filter(None, map(keys.voice_fault, chosen)), None)
            items.append(item.reject(fault) if fault else item)
        else:
            items.append(item)
        voices.append(chosen)
    stems = iter(seen.stems_of([item.id for item in items if isinstance(item, Dialogue)]))
    for item, chosen in zip(items, voices):
        if isinstance(item, Reject):
            yield item
            continue
        stem = next(stems)
        if stem is None:
            yield item.reject(f"duplicate id {item.id[:80]!r}: the first one is kept")
            continue
        base = dialogue_seed(recipe_seed, item.id)
        seeds = [task_seed(base, number) for number in range(len(chosen))]
        content = [keys.key(voice, text, seed) for voice, (_, text, _), seed in zip(chosen, item.turns, seeds)]
        yield PlannedDialogue(item, stem, chosen, seeds, content)


class _ShardWriter:
    """Collects the task rows of one shard at a time and writes each shard once."""

    def __init__(self, folder: Path, dataset: str, dialogues_per_shard: int) -> None:
        self._folder, self._dataset, self._per_shard = folder, dataset, dialogues_per_shard
        self._rows: list[tuple] = []
        self._dialogues = 0
        self.shards = 0

    def add(self, planned: PlannedDialogue) -> None:
        if self._dialogues == self._per_shard:
            self.flush()
        dialogue, stem, voices, seeds, keys = planned
        line, name = dialogue.line, dialogue.id
        for number, (role, text, _) in enumerate(dialogue.turns):
            self._rows.append((line, name, stem, number, role, text, voices[number], seeds[number], keys[number]))
        self._dialogues += 1

    def flush(self) -> None:
        if not self._dialogues:
            return
        path = self._folder / f"{shard_key(self._dataset, self.shards)}.arrow"
        columns = [pa.array(values, spec.type) for values, spec in zip(zip(*self._rows), TASK_SCHEMA)]
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TASK_SCHEMA) as writer:
            writer.write_batch(pa.record_batch(columns, schema=TASK_SCHEMA))
        self.shards += 1
        self._dialogues = 0
        self._rows.clear()


def plan(recipe: Recipe, store: DatasetStore, report: Callable[[ParseFigures], None] | None = None) -> ParseFigures:
    """Read the recipe's source once; write `tasks/`, `rejects.ndjson` and `recipe.yaml` of the dataset.

    The new tasks replace the old ones only when all of them are written.

    Args:
        recipe: resolved settings.
        store: where the dataset lies.
        report: called every few seconds with the figures so far.

    Raises:
        DialogueFileError: the file cannot be read or has no good line.
        EngineError, RecipeError: the engine or a default voice cannot be used.
    """
    begin = last_report = time.monotonic()
    incoming = store.folder / "tasks.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    figures, unknown, first_reason = ParseFigures(), Counter[str](), ""
    shards = _ShardWriter(incoming, store.name, recipe.samples_per_shard)
    try:
        with whole_file(store.rejects_path, durable=True) as partial:
            with open(partial, "w", encoding="utf-8") as rejects:
                for item in planned_dialogues(recipe):
                    if isinstance(item, Reject):
                        figures.rejected += 1
                        figures.lines = item.line
                        first_reason = first_reason or f"line {item.line}, {item.reason}"
                        rejects.write(reject_line(item))
                        continue
                    shards.add(item)
                    dialogue = item.dialogue
                    figures.lines = dialogue.line
                    figures.dialogues += 1
                    figures.tasks += len(dialogue.turns)
                    for turn in dialogue.turns:
                        figures.characters += len(turn.text)
                    if dialogue.unknown_fields:
                        _count_unknown(unknown, dialogue.unknown_fields)
                    if report and figures.dialogues % 1024 == 0 and time.monotonic() - last_report > 3:
                        last_report = time.monotonic()
                        report(figures)
            if not figures.dialogues:
                if not store.exists():  # an earlier dataset keeps its own
                    shutil.copyfile(partial, store.rejects_path)
                raise DialogueFileError(
                    f"{recipe.source} holds no usable dialogue: {figures.rejected} of {figures.lines} lines were "
                    f"rejected, the first because: {first_reason or 'the file is empty'}"
                )
        shards.flush()
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise

    figures.shards = shards.shards
    figures.unknown_fields = dict(unknown)
    figures.wall_seconds = time.monotonic() - begin
    figures.peak_rss_mb = peak_rss()
    write_whole(incoming / "summary.json", json.dumps({**asdict(figures), "recipe": recipe.fingerprint}, indent=1))
    _swap(incoming, store.tasks_folder)
    write_whole(store.recipe_path, recipe.to_yaml())
    store.remove_stale_shards()
    return figures


def _count_unknown(unknown: Counter[str], fields: tuple[str, ...]) -> None:
    for name in fields:
        if name in unknown or len(unknown) < MAX_UNKNOWN_FIELDS:
            unknown[name[:80]] += 1


def _swap(incoming: Path, current: Path) -> None:
    """Put the incoming folder in the place of the current one."""
    outgoing = current.with_name("tasks.outgoing")
    shutil.rmtree(outgoing, ignore_errors=True)
    if current.exists():
        current.rename(outgoing)
    incoming.rename(current)
    shutil.rmtree(outgoing, ignore_errors=True)
