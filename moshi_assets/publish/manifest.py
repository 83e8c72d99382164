"""The two manifests of a dataset: `<dataset>.jsonl` to train on, `<dataset>.eval.ndjson` to evaluate with.

One row a recording, as moshi-finetune reads it. No dialogue is ever listed in both, even if the process dies between
the two renames.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from indextts.foreign_files import parse_json

from ..dialogues.dialogue import EVAL, SPLITS, TRAIN, Split
from ..faults import Fault
from ..stereo.index import indexed_recordings
from ..stereo.recording import Recording
from ..storage.dataset import DatasetStore
from ..storage.whole_file import temporary_name


def manifest_row(path: str, duration: float) -> str:
    """One line of a manifest."""
    return json.dumps({"path": path, "duration": duration}, ensure_ascii=False) + "\n"


def manifest_paths(store: DatasetStore) -> dict[Split, Path]:
    """File of each split's manifest."""
    return {TRAIN: store.manifest_path, EVAL: store.eval_manifest_path}


class ManifestWriter:
    """Writes both manifests under temporary names, buffered; `publish` puts them in the place of the earlier ones.

    A context manager: what was not published is removed on leaving it.
    """

    def __init__(self, store: DatasetStore, buffer_size: int) -> None:
        """
        Args:
            store: the dataset; its folder exists.
            buffer_size: rows kept between writes.
        """
        self._buffer_size = buffer_size
        self._paths = manifest_paths(store)
        self._partials = {split: temporary_name(path) for split, path in self._paths.items()}
        self._buffers: dict[Split, list[str]] = {split: [] for split in SPLITS}
        self._files: dict[Split, IO[str]] = {}
        self._open = ExitStack()
        self.rows = dict.fromkeys(SPLITS, 0)

    def __enter__(self) -> Self:
        for split, partial in self._partials.items():
            self._open.callback(partial.unlink, missing_ok=True)
            self._files[split] = self._open.enter_context(open(partial, "w", encoding="utf-8", newline="\n"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, split: Split, path: str, duration: float) -> None:
        """Append one recording to its split's manifest."""
        buffer = self._buffers[split]
        buffer.append(manifest_row(path, duration))
        self.rows[split] += 1
        if len(buffer) >= self._buffer_size:
            self._flush(split)

    def publish(self) -> None:
        """Put the manifests in place; an evaluation manifest without rows is absent.

        Where a dialogue may change sides, the earlier training manifest goes first: a process that dies in between
        leaves a dataset that a trainer refuses and the next run finishes, never a dialogue in both.
        """
        for split, out in self._files.items():
            self._flush(split)
            out.flush()
            os.fsync(out.fileno())
            out.close()
        train, evaluation = self._paths[TRAIN], self._paths[EVAL]
        if self.rows[EVAL] or evaluation.exists():
            train.unlink(missing_ok=True)
        if self.rows[EVAL]:
            os.replace(self._partials[EVAL], evaluation)
        else:
            evaluation.unlink(missing_ok=True)
        os.replace(self._partials[TRAIN], train)

    def _flush(self, split: Split) -> None:
        self._files[split].write("".join(self._buffers[split]))
        self._buffers[split].clear()


class RowsOutOfStep(Exception):
    """A manifest's row is missing or belongs to another recording: the rows after it cannot be compared."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class ManifestReader:
    """One manifest, row by row beside the recordings that it should hold."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._name, self._number = path.name, 0
        self._lines: IO[str] | None = None
        self._trouble = ""
        try:
            self._lines = stack.enter_context(open(path, encoding="utf-8"))
        except OSError as error:
            self._trouble = f"cannot be read ({error.strerror})"

    def compare(self, recording: Recording) -> Iterator[Fault]:
        """Faults of the next row, which should belong to this recording.

        Raises:
            RowsOutOfStep: it is another's, or none.
        """
        self._number += 1
        line = self._readline()
        where = f"{self._name}:{self._number}"
        try:
            row = parse_json(line)
            path, duration = row["path"], row["duration"]
        except (ValueError, KeyError, TypeError):
            message = "is missing" if not line else "is not a manifest row"
            raise RowsOutOfStep(Fault("manifest", where, f"the row of {recording.path} {message}")) from None
        if path != recording.path:
            raise RowsOutOfStep(Fault("manifest", where, f"names {path!r} where {recording.path!r} belongs"))
        if duration != recording.duration:
            yield Fault("manifest", where, f"duration is {duration}, not {recording.duration}")

    def rest(self, may_be_absent: bool) -> Iterator[Fault]:
        """Faults at the manifest's end, after all recordings were compared."""
        if self._lines is None and may_be_absent:
            return
        if self._readline():
            yield Fault("manifest", f"{self._name}:{self._number + 1}", "there are more rows than recordings")
        elif may_be_absent and not self._number:
            yield Fault("manifest", self._name, "is empty: no dialogue is kept for evaluation")

    def _readline(self) -> str:
        if self._lines is None:
            raise RowsOutOfStep(Fault("manifest", self._name, self._trouble))
        try:
            return self._lines.readline()
        except UnicodeDecodeError as error:
            where = f"{self._name}:{max(self._number, 1)}"
            raise RowsOutOfStep(
                Fault("manifest", where, f"cannot be decoded: it is not UTF-8 from about here on ({error.reason})")
            ) from None


def manifest_faults(store: DatasetStore) -> Iterator[Fault]:
    """Compare the manifests with the shards' indexes: every recording must be listed once, in its split's manifest, in
    order, with its duration.
    """
    with ExitStack() as stack:
        expected = {split: ManifestReader(path, stack) for split, path in manifest_paths(store).items()}
        try:
            for recording in indexed_recordings(store):
                if recording.failure is None:
                    yield from expected[recording.split].compare(recording)
            for split, manifest in expected.items():
                yield from manifest.rest(may_be_absent=split == EVAL)
        except RowsOutOfStep as stop:  # every row after it would be a fault too
            yield stop.fault
