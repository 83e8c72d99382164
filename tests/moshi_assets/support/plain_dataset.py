"""A dataset driven through the plain modules, without Dagster: plan, speak, pair, publish."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from moshi_assets.alignment.word_times import WordTimes
from moshi_assets.engines.base import Engine, SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.engines.registry import engine_class
from moshi_assets.making.complete import STAGES, ShardReport, Stage
from moshi_assets.making.shard_maker import ShardMaker
from moshi_assets.making.shares import deal
from moshi_assets.planning.stage import plan
from moshi_assets.processes.pools import file_threads
from moshi_assets.publish.stage import ManifestFigures, publish_manifest
from moshi_assets.recipe import Recipe, make_recipe
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.resume.finished import mark_finished
from moshi_assets.resume.missing import missing_rows
from moshi_assets.resume.moved import take_over_moved
from moshi_assets.stereo.stage import PairFigures, build_pairs
from moshi_assets.storage.checked_table import write_table
from moshi_assets.storage.dataset import DatasetStore, tasks_path
from moshi_assets.storage.parse_summary import ParseFigures
from moshi_assets.synthesis.lane import Lane, LaneReport
from moshi_assets.synthesis.parts import SpokenShard
from moshi_assets.synthesis.progress import clear_progress
from moshi_assets.synthesis.quality_table import finish_shard
from moshi_assets.synthesis.spoken_shard import remove_unwanted_parts
from moshi_assets.transcripts.stage import TranscriptFigures, build_transcripts

SHORT_NOISE = {"characters_per_second": 200.0}
"""Options of the noise engine that make every short text 0.2 seconds long."""


def record(number: int, **fields: Any) -> dict[str, Any]:
    """One dialogue record."""
    question, answer = f"Question number {number}, please?", f"The answer to {number} is easy."
    return {"id": f"talk_{number:03d}", "user_text": question, "assistant_text": answer} | fields


def records(count: int) -> list[dict[str, Any]]:
    return [record(number) for number in range(count)]


def write_lines(path: Path, lines: Iterable[dict[str, Any] | str]) -> None:
    """Write a dialogue file; a string is a line as it stands."""
    text = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("".join(line + "\n" for line in text), encoding="utf-8", newline="\n")


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process can grow past `room` bytes: as on a full disk, a write is cut short and the next
    fails.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class PlainDataset:
    """Dataset `talks` below `folder/data`, made from `folder/dialogues.jsonl`."""

    def __init__(self, folder: Path, lines: Iterable[dict[str, Any] | str], **settings: Any) -> None:
        self.source = folder / "dialogues.jsonl"
        self.settings = {"engine": "noise", "noise": SHORT_NOISE, "samples_per_shard": 4, "name": "talks"} | settings
        self.settings.setdefault("transcripts", False)
        self.settings.setdefault("keep_mono", True)  # tests look into the parts
        self.settings.setdefault("shard_dirs", False)  # as a recipe is stored, with nothing left open
        self.store = DatasetStore(folder / "data", str(self.settings["name"]))
        self.write(lines)

    @property
    def recipe(self) -> Recipe:
        return make_recipe({"source": str(self.source)} | self.settings)

    def write(self, lines: Iterable[dict[str, Any] | str]) -> None:
        """Replace the dialogue file."""
        write_lines(self.source, lines)

    def plan(self) -> ParseFigures:
        return plan(self.recipe, self.store)

    def engine(self) -> Engine:
        return engine_class(self.recipe.engine)(self.recipe.engine_options, None, False)

    def speak(
        self, engine: Engine | None = None, on_missing: Callable[[dict[str, int]], None] | None = None
    ) -> list[LaneReport]:
        """Speak what is missing, as many lanes as the recipe says, one after another; record failures as a run does."""
        recipe, store = self.recipe, self.store
        take_over_moved(store, recipe, store.shards())
        missing = {shard: missing_rows(store, recipe, shard) for shard in store.shards()}
        if on_missing:
            on_missing({shard: len(rows) for shard, rows in missing.items()})
        engine = engine or self.engine()
        reports = []
        for shares in deal(store, {shard: len(rows) for shard, rows in missing.items()}, recipe.worker_count):
            dealt = [(share.shard, _within(missing[share.shard], share.rows)) for share in shares]
            due = [(shard, rows) for shard, rows in dealt if len(rows)]
            if due:
                reports.append(Lane(store, recipe, engine, due).run())
        for shard in store.shards():
            reasons: dict[str, str] = {}
            for report in reports:
                reasons |= report.failures.get(shard, {})
            finish_shard(store, recipe, shard, reasons)
            remove_unwanted_parts(store, recipe, shard)
        return reports

    def make(self, engine: Engine | None = None, stages: Sequence[Stage] = STAGES) -> list[ShardReport]:
        """Make every shard in one pass, as many lanes as the recipe says, one after another."""
        recipe, store, reports = self.recipe, self.store, []
        take_over_moved(store, recipe, store.shards())
        clear_progress(store.progress_folder)
        dealt = deal(store, dict.fromkeys(store.shards(), 1.0), recipe.worker_count, may_cut="speech" in stages)
        for lane, shares in enumerate(dealt):
            maker = ShardMaker(store, recipe, lambda: engine or self.engine(), stages, lane, len(dealt))
            maker.make(shares, reports.append)
        return sorted(reports, key=lambda report: report.shard)

    def pair(self) -> list[PairFigures]:
        with file_threads() as pool:
            return [build_pairs(self.store, self.recipe, shard, pool) for shard in self.store.shards()]

    def transcribe(self) -> list[TranscriptFigures]:
        times = WordTimes(self.recipe.aligner, self.recipe.ctc_model)
        with file_threads() as pool:
            done = [build_transcripts(self.store, self.recipe, shard, times, pool) for shard in self.store.shards()]
        for shard in self.store.shards():
            mark_finished(self.store, self.recipe, shard)
        return done

    def publish(self) -> ManifestFigures:
        return publish_manifest(self.store, self.recipe)

    def keep_for_evaluation(self, *dialogue_ids: str) -> None:
        """Mark dialogues of the present tasks as `eval`, whatever the recipe would choose."""
        for shard in self.store.shards():
            tasks = self.store.tasks(shard)
            splits = ["eval" if name in dialogue_ids else "train" for name in tasks.column("dialogue_id").to_pylist()]
            column = tasks.column_names.index("split")
            write_table(tasks_path(self.store.tasks_folder, shard), tasks.set_column(column, "split", pa.array(splits)))
        self.store.summary_path.touch()  # as a parse would

    def build(self, engine: Engine | None = None, evaluation: Iterable[str] = ()) -> int:
        """All stages, with some dialogues kept for evaluation; returns how many tasks were spoken now."""
        self.plan()
        if evaluation:
            self.keep_for_evaluation(*evaluation)
        reports = self.speak(engine)
        self.pair()
        self.transcribe()
        self.publish()
        return sum(figures.spoken for report in reports for figures in report.figures.values())

    def rows(self, evaluation: bool = False) -> list[dict[str, Any]]:
        """Rows of the training manifest, or of the one for evaluation."""
        path = self.store.eval_manifest_path if evaluation else self.store.manifest_path
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wav(self, stem: str) -> Path:
        return self.store.stereo_folder / f"{stem}.wav"

    def outputs(self) -> dict[str, bytes]:
        """What a trainer reads: every WAV and the manifest, by path."""
        paths = [*self.store.stereo_folder.rglob("*.wav"), self.store.manifest_path]
        return {str(path.relative_to(self.store.folder)): path.read_bytes() for path in paths}

    def spoken(self) -> dict[bytes, bytes]:
        """Samples of every mono row on disk, by content key."""
        folders = [self.store.mono_folder(shard) for shard in self.store.shards()]
        parts = SpokenShard(folders).parts
        return {key: part.row(n).samples.tobytes() for part in parts for n, key in enumerate(part.keys)}

    def tasks(self) -> list[dict[str, Any]]:
        """Task rows of all shards, in order."""
        return [row for shard in self.store.shards() for row in self.store.tasks(shard).to_pylist()]


def _within(rows: np.ndarray, among: range | None) -> np.ndarray:
    return rows if among is None else rows[(rows >= among.start) & (rows < among.stop)]


class Mute(NoiseEngine):
    """Noise that cannot say `bad`."""

    def __init__(self) -> None:
        super().__init__(NoiseOptions(characters_per_second=200))

    def synthesize(self, tasks: list[SynthesisTask]) -> list[SynthesisResult]:
        if any("bad" in task.spoken for task in tasks):
            raise RuntimeError("no voice left")
        return super().synthesize(tasks)
