"""The whole job in one process: the runs of the three jobs, driven from the command line.

The same assets, resources and executor as in the UI; only who starts the runs differs.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import dagster as dg

from ..defs.dead_runs import ACTIVE
from ..defs.executor import executor_config
from ..defs.instance_home import instance_home
from ..defs.instance_storage import prepare_storage, quick_instance
from ..defs.run_failure import run_failure
from ..defs.run_tags import BUILD_TAG, COMMAND_LINE, DATASET_TAG, DRIVER_TAG, lock_owner
from ..engines.registry import ENGINES
from ..planning.shard_size import may_have_more
from ..planning.stage import may_open
from ..processes.fork_server import warm_up
from ..processes.killed import killed_sentence
from ..processes.signals import SignalRecord
from ..recipe import Recipe
from ..storage.dataset import DatasetError, DatasetStore
from ..storage.disk import DiskFull, full_sentence, fullest, is_full, is_nearly_full
from ..storage.inbox import open_inbox
from ..storage.lock import dataset_lock
from ..synthesis.progress import (
    LaneProgress,
    ParseProgress,
    clear_lanes,
    clear_progress,
    read_parse_progress,
    read_progress,
)
from .build_summary import BuildSummary, build_summary
from .jobs import Job, build_shards, execute, parse_dataset, publish_manifest
from .reading_beside import ReadingBeside

_CHARACTERS_PER_SECOND = 15
_BYTES_PER_SECOND, _MONO_BYTES_PER_SECOND = 24_000 * 2 * 2, 24_000 * 2
"""Bytes on disk for each second of a dialogue: a recording of two channels of 16 bit, and its mono parts if kept."""
_POLL_SECONDS = 0.5
_INSIST_SECONDS = 5.0
"""After which the main thread is interrupted once more, if it has not ended by then."""


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
        self._reading: ReadingBeside | None = None
        self._reading_failed = False
        self._signals = SignalRecord()
        self.stage = "parse"
        self._seconds: dict[str, float] = {}

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
        with self._timed("parse"):
            if may_open(self.recipe, self.store) and may_have_more(self.recipe, self.recipe.speak_after):
                first_runs, built = self._speak_while_reading(instance)
            else:
                first_runs, built = [], 0
                self._execute(instance, parse_dataset, *self._of_parse())
        open_inbox(self.root)
        if not built:
            self._warn_of_voices()
        left = self.store.shards()[built:]
        runs = [*first_runs, *([self._speak(instance, left)] if left else [])]
        with self._timed("manifest"):
            self._execute(instance, publish_manifest, {}, {"dagster/partition": self.recipe.name})
        return build_summary(instance, self.store.summary(), runs, self._seconds, time.monotonic() - begin)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Show a stage, and add up its seconds; one within another counts for both."""
        self._heed_signals()
        outer, self.stage, start = self.stage, stage, time.monotonic()
        self._seconds.setdefault(stage, 0.0)
        self._show()
        yield
        self._seconds[stage] += time.monotonic() - start
        self.stage = outer

    def _of_parse(self) -> tuple[dict, dict]:
        """Run config and tags of the parse."""
        settings = self.recipe.model_dump(mode="json", exclude_none=True)  # Dagster maps hold no nulls
        config = {"ops": {"synthesis_tasks": {"config": {"recipe": settings}}}}
        return config, {"dagster/partition": self.recipe.name}

    def _speak(self, instance: dg.DagsterInstance, keys: list[str]) -> str:
        """Build some shards that lie side by side; return the id of the run."""
        clear_lanes(self.store.progress_folder)  # of what was spoken while the file was read
        span = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        with self._timed("speak"):
            return self._execute(instance, build_shards, executor_config(self.recipe.worker_count), span)

    def _speak_while_reading(self, instance: dg.DagsterInstance) -> tuple[list[str], int]:
        """Read the dialogue file in a process of its own; where it proves large, speak its first shards meanwhile.

        Returns:
            Ids of the runs that spoke, and how many shards they made.
        """
        config, tags = self._of_parse()
        runs: list[str] = []
        built = 0
        with ReadingBeside(instance_home(self.root), config | self._usual_config(), self._tags | tags) as reading:
            self._reading = reading
            try:
                while not reading.wait(_POLL_SECONDS):
                    self._heed_signals()
                    if not built and (progress := read_parse_progress(self.store.progress_folder)):
                        built = progress.shards
                        if built:
                            self._warn_of_voices()
                            runs.append(self._speak(instance, self.store.shards()[:built]))
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError, BuildInterrupted):
                if not reading.exit_code:
                    raise
            finally:
                self._reading = None
        if reading.exit_code:
            self._reading_failed = True
            self._raise_of_reading(instance, reading.exit_code)
        return runs, built

    def _raise_of_reading(self, instance: dg.DagsterInstance, exit_code: int) -> NoReturn:
        """Raise why the process that read the dialogue file failed."""
        self.stage = "parse"
        wanted = dg.RunsFilter(job_name="parse_dataset", tags={BUILD_TAG: self._id})
        ended = [run for run in instance.get_runs(wanted) if run.is_finished]
        if ended:
            self._raise_why(instance, ended[0].run_id)
        self._close_dead_runs(instance)
        raise BuildFailed(killed_sentence("the process that read the dialogue file", exit_code, None), goes_on=True)

    def _warn_of_voices(self) -> None:
        if warn := self._warn:
            for warning in self.store.summary().voice_warnings:
                warn(warning)

    def _usual_config(self) -> dict:
        """What the config of every run has."""
        return {
            "loggers": {"console": {"config": {"log_level": self._log_level}}},
            "resources": {"data": {"config": {"path": str(self.root)}}},
        }

    def _execute(self, instance: dg.DagsterInstance, job: Job, config: dict, tags: dict) -> str:
        """Run a job; return the id of its run."""
        run_id, success = execute(instance, job, config | self._usual_config(), self._tags | tags)
        if not success:
            self._heed_signals()
            self._raise_why(instance, run_id)
        return run_id

    def _raise_why(self, instance: dg.DagsterInstance, run_id: str) -> NoReturn:
        """Raise why a run did not succeed."""
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
        if self._signals.received and not self._reading_failed:  # which interrupted the rest by one
            raise BuildInterrupted

    def _close_dead_runs(self, instance: dg.DagsterInstance) -> None:
        """Close the runs of earlier builds that were killed. This process holds the lock, so none of them is alive."""
        tags = {DATASET_TAG: self.recipe.name, DRIVER_TAG: COMMAND_LINE}
        for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE, tags=tags)):
            instance.report_run_failed(run, "The process of this run was killed; its parts are kept.")

    def _show_often(self, stop: threading.Event) -> None:
        """Show how far the build is, and interrupt the main thread where it works on in vain."""
        due = math.inf
        while not stop.wait(_POLL_SECONDS):
            self._show()
            reading, now = self._reading, time.monotonic()
            if due == math.inf:
                if reading and reading.exit_code:  # what it has read is not spoken to the end
                    due = now
                elif self._signals.received:  # there are moments in which Dagster makes nothing of a signal
                    due = now + _INSIST_SECONDS
            if now >= due:
                due = now + _INSIST_SECONDS
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _show(self) -> None:
        with self._showing:
            if self._watch:
                folder = self.store.progress_folder
                self._watch(self.stage, read_progress(folder), read_parse_progress(folder))
