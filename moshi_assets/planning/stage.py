"""Plans the tasks of every shard from a dialogue file, in one streaming pass with constant memory."""

from __future__ import annotations

import gc
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..dialogues.dialogue import EVAL, Reject, reject_line
from ..dialogues.files.records import placed
from ..dialogues.files.sources import source_text
from ..dialogues.reader import DialogueFileError, source_state
from ..dialogues.reject_kinds import RejectTally
from ..names import shard_key
from ..processes.memory import peak_rss
from ..processes.pools import FEWEST_DIALOGUES, usable_cores, workers
from ..prompts.kept import keep, recall
from ..quality.listeners.choice import check_listeners
from ..reading import Mapped
from ..recipe import Recipe, RecipeError
from ..storage.checked_table import write_table
from ..storage.dataset import SUMMARY_FILE, VOICE_TRAITS_FILE, VOICES_FILE, DatasetStore, tasks_path
from ..storage.parse_summary import ParseFigures, ParseSummary
from ..storage.whole_file import whole_file, write_whole
from .dialogue_planner import DialoguePlanner, PlannedDialogue
from .shard_size import dialogues_per_shard, with_sizes
from .task_table import TASK_SCHEMA, spoken_columns

MAX_UNKNOWN_FIELDS = 20
"""Most distinct unknown field names that are counted; input is hostile."""
_REPORT_SECONDS = 0.5
_REJECTS_A_LOOK = 1024
"""Rejects between two looks at the clock: an input without good records writes no shard."""
_KINDS_TOLD = 5
_WARNINGS_TOLD = 20
_RARE = 50_000
"""Objects made between two runs of the garbage collector."""


class _ShardWriter:
    """Collects the task rows of one shard at a time, and writes and counts each shard once."""

    def __init__(self, folder: Path, dataset: str, dialogues_per_shard: int, figures: ParseFigures) -> None:
        self.folder, self._dataset, self._per_shard = folder, dataset, dialogues_per_shard
        self.figures = figures
        self._rows: list[tuple] = []
        self._dialogues = 0

    def add(self, planned: PlannedDialogue) -> bool:
        """Take one dialogue; return True if a shard was written before it."""
        written = self._dialogues == self._per_shard
        if written:
            self.flush()
        (dialogue, said), stem, voices, seeds, keys, emotions, split = planned
        line, name, turns, _, _ = dialogue
        spoken = [(None, None)] * len(turns) if said is None else map(spoken_columns, said)
        sounds = zip(turns, spoken, voices, seeds, keys, emotions, strict=True)
        for number, ((role, text, _, _, gap, backchannel), how, voice, seed, key, emotion) in enumerate(sounds):
            mood = emotion.model_dump_json() if emotion else None
            self._rows.append(
                (line, name, stem, number, role, text, *how, voice, seed, key, mood, gap, backchannel, split)
            )
        self._dialogues += 1
        return written

    def flush(self) -> None:
        """Write the gathered rows, if any. They are counted here and not line by line, because there may be
        millions.
        """
        if not self._dialogues:
            return
        figures = self.figures
        path = tasks_path(self.folder, shard_key(self._dataset, figures.shards))
        columns = [
            pa.array(values, spec.type) for values, spec in zip(zip(*self._rows, strict=True), TASK_SCHEMA, strict=True)
        ]
        tasks = pa.table(columns, schema=TASK_SCHEMA)
        # Not durable: tasks that a power cut damages are found by their checksum and parsed again.
        write_table(path, tasks, durable=False)
        figures.shards += 1
        figures.dialogues += self._dialogues
        figures.tasks += len(tasks)
        figures.characters += pc.sum(pc.utf8_length(tasks.column("text"))).as_py()
        self._dialogues = 0
        self._rows.clear()


def plan(
    recipe: Recipe,
    store: DatasetStore,
    report: Callable[[ParseFigures], None] | None = None,
    opened: Callable[[], None] | None = None,
) -> ParseFigures:
    """Read the recipe's source once; write `tasks/`, `rejects.ndjson` and `recipe.yaml` of the dataset, with what the
    recipe leaves to the dataset's size.

    The new tasks replace the old ones only when all of them are written.

    Args:
        recipe: resolved settings.
        store: where the dataset lies.
        report: called twice a second with the figures so far.
        opened: called once in a large new dataset, see `may_open`: from then on its first shards, those in
            `store.shards()`, can be built while the rest is read. None: all shards become visible at the end.

    Raises:
        DialogueFileError: the file cannot be read or has no good line.
        EngineError, RecipeError: the engine or a voice cannot be used, or no dialogue is left for training.
        ListenerError: the gates need a package or a model that is missing.
        WorkerKilled: a process that read texts was killed.
    """
    with workers(usable_cores(), FEWEST_DIALOGUES) as crew:
        return _plan(recipe, store, report, opened, crew.map)


def may_open(recipe: Recipe, store: DatasetStore) -> bool:
    """Whether the first shards of a dataset may be built while the rest of its file is read: they are those of a new
    dataset, and what is evaluated does not depend on the rest.
    """
    return not store.is_complete() and recipe.eval_count is None


def _plan(
    recipe: Recipe,
    store: DatasetStore,
    report: Callable[[ParseFigures], None] | None,
    opened: Callable[[], None] | None,
    mapped: Mapped,
) -> ParseFigures:
    begin = time.monotonic()
    check_listeners(recipe)
    recall(store.tasks_folder)
    planner = DialoguePlanner(recipe, mapped=mapped)
    source = source_state(recipe.source)  # before it is read: what changes meanwhile is then another file
    per_shard = dialogues_per_shard(recipe, store)
    if not store.is_complete():
        store.summary_path.unlink(missing_ok=True)  # of a parse that was broken off
    incoming = store.folder / "tasks.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    figures = ParseFigures()
    shards = _ShardWriter(incoming, store.name, per_shard, figures)

    def write(complete: bool) -> None:
        """Write what belongs to the tasks written so far; they become the dataset's."""
        planned = figures.dialogues + (not complete)  # another one has come
        decided = with_sizes(recipe, store, per_shard, planned)
        _write_voices(shards.folder, planner)  # first: warnings about their traits come while these are read
        _count(figures, planner, time.monotonic() - begin)
        ParseSummary(
            **asdict(figures),
            recipe=decided.fingerprint,
            engine_revision=planner.engine_revision,
            source=source,
            files=planner.files,
            complete=complete,
        ).write(shards.folder / SUMMARY_FILE)  # by which the dataset is there
        if shards.folder != store.tasks_folder:
            _swap(shards.folder, store.tasks_folder)
            shards.folder = store.tasks_folder
        write_whole(store.recipe_path, decided.to_yaml())

    def shard_written() -> None:
        nonlocal opened
        if opened and figures.dialogues >= recipe.speak_after:
            write(complete=False)
            opened()
            opened = None

    if not may_open(recipe, store):
        opened = None
    try:
        _parse(recipe, store, planner, shards, report, shard_written)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    keep(shards.folder)
    write(complete=True)
    return figures


def _count(figures: ParseFigures, planner: DialoguePlanner, wall_seconds: float) -> None:
    """Take over the planner's own counts."""
    figures.voices_left_out = len(planner.voices_left_out)
    figures.voice_warnings = list(islice(planner.voice_warnings(), _WARNINGS_TOLD))
    figures.changed_turns, figures.reading = planner.reading.changed, list(planner.reading)
    figures.wall_seconds, figures.peak_rss_mb = wall_seconds, peak_rss()


def _write_voices(folder: Path, planner: DialoguePlanner) -> None:
    """Write the voices of the tasks, and what is known of those who speak."""
    voices = json.dumps(planner.voice_fingerprints, ensure_ascii=False, indent=1)
    write_whole(folder / VOICES_FILE, voices, durable=False)
    if traits := planner.voice_traits:
        write_whole(folder / VOICE_TRAITS_FILE, json.dumps(traits, ensure_ascii=False, indent=1), durable=False)


def _parse(
    recipe: Recipe,
    store: DatasetStore,
    planner: DialoguePlanner,
    shards: _ShardWriter,
    report: Callable[[ParseFigures], None] | None,
    shard_written: Callable[[], None],
) -> None:
    """Write every dialogue to its shard and every reject to `rejects.ndjson`; count them in the figures of `shards`.

    Raises:
        DialogueFileError: the file cannot be read or has no good line.
        RecipeError: no dialogue is left for training.
    """
    figures, unknown, first_reason, tally = shards.figures, Counter[str](), "", RejectTally()
    last_report, due = time.monotonic(), False
    with _rare_collections(), whole_file(store.rejects_path, durable=True) as partial:
        with open(partial, "w", encoding="utf-8") as rejects:
            for item in planner.dialogues():
                if report and due and time.monotonic() - last_report > _REPORT_SECONDS:
                    last_report = time.monotonic()
                    report(figures)
                if isinstance(item, Reject):
                    reject = placed(item, planner.files)
                    figures.rejected += 1
                    due = not figures.rejected % _REJECTS_A_LOOK
                    figures.lines = reject.line
                    first_reason = first_reason or f"{reject.where}, {reject.reason}"
                    rejects.write(reject_line(reject))
                    if not figures.train_dialogues + figures.eval_dialogues:
                        tally.add(reject)
                    continue
                if due := shards.add(item):
                    shard_written()
                dialogue = item.spoken.dialogue
                figures.lines = dialogue.line
                if item.split == EVAL:
                    figures.eval_dialogues += 1
                else:
                    figures.train_dialogues += 1
                if dialogue.unknown_fields:
                    _count_unknown(unknown, dialogue.unknown_fields)
        shards.flush()  # before the rejects take their final name
        figures.unknown_fields = dict(unknown)
        if not figures.dialogues:
            raise DialogueFileError(_nothing_usable(recipe, figures, first_reason, tally))
        if not figures.train_dialogues:
            raise RecipeError(_nothing_to_train_on(recipe, figures))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Run the garbage collector rarely: records hold no cycles, and a run every 700 objects slows a parse down."""
    usual = gc.get_threshold()
    gc.set_threshold(_RARE, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def split_warning(recipe: Recipe, eval_dialogues: int) -> str | None:
    """A warning about the number of evaluation dialogues, or None."""
    if recipe.eval_count is not None and eval_dialogues < recipe.eval_count:
        return (
            f"{eval_dialogues} dialogues are kept for evaluation, not eval_count={recipe.eval_count}: dialogues of one "
            f"text stay together"
        )
    if recipe.eval_fraction and not eval_dialogues:
        return (
            f"no dialogue is kept for evaluation: eval_fraction={recipe.eval_fraction} is little for so few dialogues, "
            f"set eval_count"
        )
    return None


def lanes_warning(recipe: Recipe) -> str | None:
    """A warning about the cost of several lanes, or None: only IndexTTS2 fills a GPU."""
    if recipe.engine != "indextts2" or recipe.worker_count == 1:
        return None
    return (
        f"worker_count {recipe.worker_count}: every lane loads its own copy of IndexTTS2's weights (about 4 GiB of GPU "
        f"memory in half precision), and lanes on one GPU share its compute"
    )


def _nothing_usable(recipe: Recipe, figures: ParseFigures, first_reason: str, tally: RejectTally) -> str:
    """Nothing is left on disk of such a parse, so this says all."""
    source = source_text(recipe.source)
    if not figures.lines:
        return f"{source} holds no usable dialogue, it is empty or blank: give a file with one dialogue a line"
    text = (
        f"{source} holds no usable dialogue: {figures.rejected} of {figures.lines} lines were rejected, the "
        f"first because: {first_reason}"
    )
    kinds = [f"{count} x {kind}" for (_, kind), count in tally.kinds.most_common(_KINDS_TOLD)]
    return f"{text} (in all: {'; '.join(kinds)})" if len(kinds) > 1 else text


def _nothing_to_train_on(recipe: Recipe, figures: ParseFigures) -> str:
    setting = "eval_fraction" if recipe.eval_count is None else "eval_count"
    return (
        f"{setting} {getattr(recipe, setting)} keeps all {figures.dialogues} good dialogues of "
        f"{source_text(recipe.source)} for evaluation and leaves none for training: lower it"
    )


def _count_unknown(unknown: Counter[str], fields: tuple[str, ...]) -> None:
    for name in (full[:80] for full in fields):
        if name in unknown or len(unknown) < MAX_UNKNOWN_FIELDS:
            unknown[name] += 1


def _swap(incoming: Path, current: Path) -> None:
    """Put the incoming folder in the place of the current one."""
    outgoing = current.with_name("tasks.outgoing")
    shutil.rmtree(outgoing, ignore_errors=True)
    if current.exists():
        current.rename(outgoing)
    incoming.rename(current)
    shutil.rmtree(outgoing, ignore_errors=True)
