"""The end of a shard: what is not assembled yet is, the tables are written, and it is marked as finished."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from ..faults import Fault
from ..processes.memory import peak_rss
from ..recipe import Recipe
from ..resume.finished import mark_finished
from ..stereo.gate_check import gate_faults
from ..stereo.recording_check import IntactRecordings
from ..stereo.salvage import RecordedShard
from ..stereo.stage import PairFigures, build_pairs
from ..storage.dataset import DatasetStore
from ..synthesis.parts import SpokenShard
from ..synthesis.quality_table import quality_figures, read_quality
from ..synthesis.shard_shares import SpokenShare
from ..synthesis.spoken_shard import close_shard
from ..transcripts.stage import TranscriptFigures, build_transcripts
from .record import word_times

Stage = Literal["speech", "stereo", "transcripts"]
STAGES: tuple[Stage, ...] = ("speech", "stereo", "transcripts")
"""What can be made of a shard, in order."""


@dataclass
class ShardReport:
    """What was made of a shard."""

    shard: str
    speech: dict[str, Any] | None = None
    """Numbers of `close_shard`; None where it was not to be spoken."""
    stereo: PairFigures | None = None
    gates: list[Fault] = field(default_factory=list)
    """Turns in its recordings that fail the gates."""
    quality: dict[str, Any] = field(default_factory=dict)
    """Numbers of its utterances, see `quality_figures`."""
    transcripts: TranscriptFigures | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time by stage, of what was done once all was spoken."""
    peak_rss_mb: float = 0.0
    finished: bool = False

    @property
    def faults(self) -> list[Fault]:
        """Everything that is wrong with its recordings and transcripts."""
        found = list(self.gates)
        found += self.stereo.faults if self.stereo else []
        return found + (self.transcripts.faults if self.transcripts else [])


def complete_shard(
    store: DatasetStore,
    recipe: Recipe,
    shard: str,
    stages: Collection[Stage],
    share: SpokenShare,
    pool: ThreadPoolExecutor,
) -> ShardReport:
    """Do what is left of a shard of which everything is spoken.

    Args:
        store, recipe: the dataset.
        shard: shard key.
        stages: what is wanted; what comes before must be there.
        share: what all lanes did of it.
        pool: threads for files.

    Raises:
        DatasetError: an earlier stage is missing or of other tasks.
        AlignerError: the aligner that the recipe names cannot work at all.
        OSError: a file cannot be written.
    """
    report, intact = ShardReport(shard), IntactRecordings(store.folder, share.recorded)
    clock = time.monotonic()

    def took(stage: Stage) -> None:
        nonlocal clock
        now = time.monotonic()
        report.seconds[stage], clock = now - clock, now

    if "speech" in stages:
        measured = SpokenShard([store.mono_folder(shard)]).silent()
        recorded = RecordedShard(store, recipe, shard, measured, pool.map, intact).keys()
        report.speech = close_shard(store, recipe, shard, share.figures, share.failures, recorded)
        took("speech")
    if "stereo" in stages:
        report.stereo = build_pairs(store, recipe, shard, pool, intact)
        report.gates = gate_faults(store, recipe, shard)
        report.quality = quality_figures(read_quality(store, shard))
        took("stereo")
    if "transcripts" in stages:
        aligners = word_times(recipe.aligner, recipe.ctc_model, recipe.device)
        report.transcripts = build_transcripts(store, recipe, shard, aligners, pool, share.recorded)
        took("transcripts")
    report.peak_rss_mb = peak_rss()
    if not report.faults:
        report.finished = mark_finished(store, recipe, shard)
    else:
        store.done_path(shard).unlink(missing_ok=True)
    return report
