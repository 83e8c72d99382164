"""The whole job in one process: the runs of the three jobs, driven from the command line.

The same assets, resources and executor as in the UI; only who starts the runs differs.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from ..definitions import defs
from ..defs.dead_runs import ACTIVE
from ..defs.early_record import is_early
from ..defs.executor import executor_config
from ..defs.instance_home import instance_home
from ..defs.instance_storage import prepare_storage, quick_instance
from ..defs.run_failure import run_failure
from ..defs.run_tags import BUILD_TAG, COMMAND_LINE, DATASET_TAG, DRIVER_TAG, lock_owner
from ..engines.registry import ENGINES
from ..processes.fork_server import warm_up
from ..processes.signals import SignalRecord
from ..recipe import Recipe
from ..storage.dataset import DatasetError, DatasetStore
from ..storage.disk import DiskFull, full_sentence, fullest, is_full, is_nearly_full
from ..storage.inbox import open_inbox
from ..storage.lock import dataset_lock
from ..synthesis.progress import LaneProgress, ParseProgress, clear_progress, read_parse_progress, read_progress

_CHARACTERS_PER_SECOND = 15
_BYTES_PER_SECOND, _MONO_BYTES_PER_SECOND = 24_000 * 2 * 2, 24_000 * 2
"""Bytes on disk for each second of a dialogue: a recording of two channels of 16 bit, and its mono parts if kept."""
_POLL_SECONDS = 0.5


Watch = Callable[[str, list[LaneProgress], ParseProgress | None], None]


class BuildFailed(RuntimeError):
    """A run failed; the message says why and what to do (defs/run_failure.py)."""

    def __init__(self, message: str, told: bool = False, goes_on: bool = False) -> None:
        """
        Args:
            message: one or two sentences.
            told: whether an error of this project foresaw it, so that the message says all.
            goes_on: whether the same command goes on where this one was ended from outside.
        """
        super().__init__(message)
        self.told, self.goes_on = told, goes_on


class BuildInterrupted(RuntimeError):
    """Ctrl-C or SIGTERM; the same command continues."""


@dataclass
class BuildSummary:
    """Counts of a finished build."""

    dialogues: int
    rejected: int
    evaluation: int
    """Dialogues that were planned for evaluation."""
    recorded: int
    """Dialogues in the dataset."""
    recordings: int
    """Recording files; one may hold several dialogues."""
    windows: int
    """Training windows that the recordings fill."""
    tasks: int
    spoken: int
    reused: int
    failed: int
    shards: int
    words: int
    """Words in the transcripts."""
    shared_slots: int
    """Words of the assistant that start in one 80 ms slot with the next, which overwrites them in training."""
    approximate: int
    """Turns with estimated word times."""
    audio_seconds: float
    """Duration of the recordings."""
    spoken_seconds: float
    """Duration of the utterances spoken in this run."""
    wall_seconds: float
    voices_left_out: int = 0
    """Recordings in voice pools that cannot be used as a voice."""
    stages: dict[str, float] = field(default_factory=dict)
    """Wall seconds by stage."""


# Child processes load jobs through these module-level functions.
def parse_dataset() -> dg.JobDefinition:
    """The job that plans a dataset."""
    return defs.resolve_job_def("parse_dataset")


def build_shards() -> dg.JobDefinition:
    """The job that speaks shards and makes their recordings and transcripts."""
    return defs.resolve_job_def("build_shards")


def publish_manifest() -> dg.JobDefinition:
    """The job that publishes the manifest, the card and the report."""
    return defs.resolve_job_def("publish_manifest")


class Build:
    """One build of one dataset."""

    def __init__(self, recipe: Recipe, root: Path, dagster_log_level: str = "CRITICAL") -> None:
        """
        Args:
            recipe: resolved settings.
            root: folder that holds the datasets.
            dagster_log_level: what Dagster itself prints to stderr.
        """
        self.recipe, self.root = recipe, root
        self.store = DatasetStore(root, recipe.name)
        self._log_level = dagster_log_level
        self._id = uuid.uuid4().hex[:12]
        self._tags = {DATASET_TAG: recipe.name, DRIVER_TAG: COMMAND_LINE, BUILD_TAG: self._id}
        self._watch: Watch | None = None
        self._warn: Callable[[str], None] | None = None
        self._showing = threading.Lock()
        self._signals = SignalRecord()
        self.stage = "parse"

    def run(self, watch: Watch | None = None, warn: Callable[[str], None] | None = None) -> BuildSummary:
        """Build the dataset.

        Args:
            watch: called when a stage begins and every half second, from two threads but never at once, with the
                stage, the lanes' progress and that of the parse.
            warn: called before anything is spoken, with each sentence that is worth a look by then.

        Raises:
            BuildFailed, BuildInterrupted, DatasetBusy, RecipeError
        """
        begin = time.monotonic()
        home = instance_home(self.root)
        warm_up(ENGINES[self.recipe.engine].shared)
        stop = threading.Event()
        self._watch, self._warn = watch, warn
        watcher = threading.Thread(target=self._show_often, args=(stop,), daemon=True)
        try:
            prepare_storage(home)
            with (
                self._signals.recording(),
                dataset_lock(self.store.folder, lock_owner(self._tags, "")),
                quick_instance(home) as instance,
            ):
                self._close_dead_runs(instance)
                clear_progress(self.store.progress_folder)
                instance.add_dynamic_partitions("datasets", [self.recipe.name])
                watcher.start()
                return self._stages(instance, begin)
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            raise BuildInterrupted from None
        except Exception as error:
            self._heed_signals()  # which leave half-done things behind
            if not is_full(error):
                raise
            raise BuildFailed(
                full_sentence(fullest((self.store.folder, home)), self._bytes_needed()), goes_on=True
            ) from error
        finally:
            stop.set()

    def _stages(self, instance: dg.DagsterInstance, begin: float) -> BuildSummary:
        stages: dict[str, float] = {}

        def timed(stage: str, job: Callable[[], dg.JobDefinition], config: dict, tags: dict) -> str:
            self._heed_signals()
            self.stage, start = stage, time.monotonic()
            self._show()
            run_id = self._execute(instance, job, config, tags)
            stages[stage] = time.monotonic() - start
            return run_id

        settings = self.recipe.model_dump(mode="json", exclude_none=True)  # Dagster maps hold no nulls
        parse_config = {"ops": {"synthesis_tasks": {"config": {"recipe": settings}}}}
        timed("parse", parse_dataset, parse_config, {"dagster/partition": self.recipe.name})
        open_inbox(self.root)
        if warn := self._warn:
            for warning in self.store.summary().voice_warnings:
                warn(warning)
        keys = self.store.shards()
        span = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        run_id = timed("speak", build_shards, executor_config(self.recipe.worker_count), span)
        timed("manifest", publish_manifest, {}, {"dagster/partition": self.recipe.name})
        return self._summary(instance, run_id, stages, time.monotonic() - begin)

    def _execute(
        self, instance: dg.DagsterInstance, job: Callable[[], dg.JobDefinition], config: dict, tags: dict
    ) -> str:
        config = config | {
            "loggers": {"console": {"config": {"log_level": self._log_level}}},
            "resources": {"data": {"config": {"path": str(self.root)}}},
        }
        with dg.execute_job(
            dg.reconstructable(job), instance, run_config=config, tags=self._tags | tags, raise_on_error=False
        ) as result:
            run_id = result.run_id
            if result.success:
                return run_id
        self._heed_signals()
        status = instance.get_run_by_id(run_id)
        if status and status.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING):
            raise BuildInterrupted
        entries = instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE})
        why = run_failure(entry.get_dagster_event() for entry in entries)
        place = fullest((self.store.folder, Path(os.environ["DAGSTER_HOME"])))
        if why.error == DiskFull.__name__ or (why.kind == "unforeseen" and is_nearly_full(place)):
            raise BuildFailed(full_sentence(place, self._bytes_needed()), goes_on=True)
        raise BuildFailed(why.message, told=why.kind == "told", goes_on=why.kind == "killed")

    def _bytes_needed(self) -> float:
        """Estimated bytes of the recordings and mono parts, from the length of the texts; 0 if the texts have not been
        read.
        """
        try:
            characters = self.store.summary().characters
        except (DatasetError, OSError):
            return 0
        rate = _BYTES_PER_SECOND + (_MONO_BYTES_PER_SECOND if self.recipe.keeps_mono else 0)
        return characters / _CHARACTERS_PER_SECOND * rate

    def _heed_signals(self) -> None:
        """Stop after a signal: Dagster turns one into a failure of any kind or into nothing, depending on the
        moment.
        """
        if self._signals.received:
            raise BuildInterrupted

    def _close_dead_runs(self, instance: dg.DagsterInstance) -> None:
        """Close the runs of earlier builds that were killed. This process holds the lock, so none of them is alive."""
        tags = {DATASET_TAG: self.recipe.name, DRIVER_TAG: COMMAND_LINE}
        for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE, tags=tags)):
            instance.report_run_failed(run, "The process of this run was killed; its parts are kept.")

    def _show_often(self, stop: threading.Event) -> None:
        while self._watch and not stop.wait(_POLL_SECONDS):
            self._show()

    def _show(self) -> None:
        with self._showing:
            if self._watch:
                folder = self.store.progress_folder
                self._watch(self.stage, read_progress(folder), read_parse_progress(folder))

    def _summary(
        self, instance: dg.DagsterInstance, run_id: str, stages: dict[str, float], wall: float
    ) -> BuildSummary:
        parsed = self.store.summary()
        mono = _sums(instance, run_id, "mono_syntheses", ("tasks", "spoken", "reused", "failed", "spoken_seconds"))
        names = ("dialogues", "rejected", "recordings", "training_windows", "audio_seconds")
        pairs = _sums(instance, run_id, "stereo_pairs", names)
        words = _sums(instance, run_id, "transcripts", ("words", "words_sharing_a_slot", "turns_approximate"))
        return BuildSummary(
            dialogues=parsed.dialogues + parsed.rejected,
            rejected=int(parsed.rejected + pairs["rejected"]),
            evaluation=parsed.eval_dialogues,
            recorded=int(pairs["dialogues"] - pairs["rejected"]),
            recordings=int(pairs["recordings"]),
            windows=int(pairs["training_windows"]),
            tasks=int(mono["tasks"]),
            spoken=int(mono["spoken"]),
            reused=int(mono["reused"]),
            failed=int(mono["failed"]),
            shards=parsed.shards,
            words=int(words["words"]),
            shared_slots=int(words["words_sharing_a_slot"]),
            approximate=int(words["turns_approximate"]),
            audio_seconds=pairs["audio_seconds"],
            spoken_seconds=mono["spoken_seconds"],
            wall_seconds=wall,
            voices_left_out=parsed.voices_left_out,
            stages=stages,
        )


def _sums(instance: dg.DagsterInstance, run_id: str, asset: str, names: tuple[str, ...]) -> dict[str, float]:
    sums = dict.fromkeys(names, 0.0)
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.get_dagster_event()
        materialization = event.step_materialization_data.materialization
        if event.asset_key == dg.AssetKey(asset) and not is_early(materialization):
            metadata: Any = materialization.metadata
            for name in names:
                sums[name] += metadata[name].value
    return sums
