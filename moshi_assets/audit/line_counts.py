"""Nothing is dropped silently: every line of the input is in a manifest or among the rejects, exactly once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..dialogues.reader import filled_lines, source_state
from ..faults import Fault
from ..recipe import Recipe
from ..stereo.index import read_index
from ..storage.dataset import DatasetStore
from ..storage.parse_summary import ParseSummary

CHECK = "counts"
_PIECE = 2**20
_MAX_LISTED = 5


@dataclass
class Counts:
    """Number of input lines by outcome."""

    lines: int | None = None
    """Lines of the dialogue file that hold something, up to the last one that was read; None if the file is missing or
    has changed since it was parsed.
    """
    blank: int = 0
    left_out: int = 0
    """Lines after the `max_samples`-th good one."""
    parsed: int = 0
    """Good dialogues."""
    recorded: int = 0
    """Dialogues in the recordings that the manifests list."""
    rejected_parse: int = 0
    rejected_synthesis: int = 0
    manifest_rows: int = 0
    recordings: int = 0
    faults: list[Fault] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Numbers for metadata."""
        counts = {name: value for name, value in vars(self).items() if name != "faults"}
        return {name: "the dialogue file has changed" if value is None else value for name, value in counts.items()}


def count_dataset(store: DatasetStore, recipe: Recipe) -> Counts:
    """Count a finished dataset from its files, its input included, and compare.

    Raises:
        DatasetError: no tasks, not all of them, or a damaged file of rejects.
    """
    store.check_complete()
    counts = Counts()
    summary = store.summary()
    where = store.name
    seen = _Lines()
    for shard in store.shards():
        tasks = store.tasks(shard)
        planned = dict(zip(*(tasks.column(name).to_pylist() for name in ("dialogue_id", "line")), strict=True))
        counts.parsed += len(planned)
        for recording in read_index(store.index_path(shard)):
            counts.recordings += recording.failure is None
            for dialogue_id, line in zip(recording.dialogue_ids, recording.lines, strict=True):
                if planned.pop(dialogue_id, None) != line:
                    counts.faults.append(
                        Fault(CHECK, shard, f"dialogue {dialogue_id!r} of line {line} is twice in it, or not planned")
                    )
                elif recording.failure is None:
                    counts.recorded += 1
                    seen.add(line)
        failures = store.failures(shard) if planned else {}
        lost = [dialogue_id for dialogue_id in planned if dialogue_id not in failures]
        if lost:
            told = ", ".join(map(repr, lost[:_MAX_LISTED]))
            counts.faults.append(
                Fault(CHECK, shard, f"{len(lost)} dialogues are neither recorded nor rejected ({told}): build again")
            )
    for reject in store.rejects():
        counts.rejected_parse += reject.stage == "parse"
        counts.rejected_synthesis += reject.stage != "parse"
        seen.add(reject.line)
    counts.manifest_rows = sum(_rows(path) for path in (store.manifest_path, store.eval_manifest_path))
    if twice := seen.twice():
        told = ", ".join(map(str, twice[:_MAX_LISTED]))
        counts.faults.append(Fault(CHECK, where, f"{len(twice)} lines are counted twice (lines {told})"))
    last = summary.lines
    _count_source(counts, recipe, summary, last)

    def equal(what: str, found: int, told: str, expected: int) -> None:
        if found != expected:
            counts.faults.append(Fault(CHECK, where, f"{found} {what}, but {expected} {told}"))

    equal("dialogues are planned", counts.parsed, "were read", summary.dialogues)
    equal("rejects of the parse are listed", counts.rejected_parse, "were counted", summary.rejected)
    accounted = counts.recorded + counts.rejected_synthesis
    equal("dialogues are recorded or rejected", accounted, "are planned", counts.parsed)
    equal("rows are in the manifests", counts.manifest_rows, "recordings are there", counts.recordings)
    if counts.lines is not None:
        accounted += counts.rejected_parse
        equal("lines are recorded or rejected", accounted, "lines of the dialogue file hold something", counts.lines)
    return counts


def _count_source(counts: Counts, recipe: Recipe, summary: ParseSummary, last: int) -> None:
    """Count the lines of the dialogue file anew, if it has not changed since it was parsed."""
    state = source_state(recipe.source)
    if state is None or state != summary.source:
        return
    full = recipe.max_samples is not None and summary.dialogues >= recipe.max_samples
    counts.lines = before = 0
    for number, filled in filled_lines(recipe.source, recipe.input):
        counts.blank += number - before - 1  # those that are left out
        before = number
        if number > last and full:
            counts.left_out += filled
        else:
            counts.lines += filled
            counts.blank += not filled


def _rows(path: Path) -> int:
    """Number of rows in a manifest; 0 if there is no file."""
    try:
        with open(path, "rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0


class _Lines:
    """The line numbers met so far, 8 bytes each."""

    def __init__(self) -> None:
        self._numbers: list[np.ndarray] = []
        self._chunk: list[int] = []

    def add(self, line: int) -> None:
        self._chunk.append(line)
        if len(self._chunk) == _PIECE:
            self._pack()

    def _pack(self) -> None:
        self._numbers.append(np.asarray(self._chunk, np.int64))
        self._chunk = []

    def twice(self) -> list[int]:
        """The numbers that were met more than once."""
        self._pack()
        numbers, counts = np.unique(np.concatenate(self._numbers), return_counts=True)
        return numbers[counts > 1].tolist()
