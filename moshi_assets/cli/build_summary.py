"""What a build has done, added up from the history of its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import dagster as dg

from ..defs.early_record import is_early
from ..storage.parse_summary import ParseFigures


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
    """Wall seconds by stage; what was spoken while the file was read counts for both."""


def build_summary(
    instance: dg.DagsterInstance, parsed: ParseFigures, runs: list[str], stages: dict[str, float], wall: float
) -> BuildSummary:
    """Add up what the runs of a build recorded.

    Args:
        instance: holds their history.
        parsed: outcome of the parse.
        runs: ids of those that built shards, each shard in one of them.
        stages: wall seconds by stage.
        wall: wall seconds of the whole build.
    """
    mono = _sums(instance, runs, "mono_syntheses", ("tasks", "spoken", "reused", "failed", "spoken_seconds"))
    names = ("dialogues", "rejected", "recordings", "training_windows", "audio_seconds")
    pairs = _sums(instance, runs, "stereo_pairs", names)
    words = _sums(instance, runs, "transcripts", ("words", "words_sharing_a_slot", "turns_approximate"))
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


def _sums(instance: dg.DagsterInstance, runs: list[str], asset: str, names: tuple[str, ...]) -> dict[str, float]:
    sums = dict.fromkeys(names, 0.0)
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    for entry in chain.from_iterable(instance.all_logs(run_id, of_type=kind) for run_id in runs):
        event = entry.get_dagster_event()
        materialization = event.step_materialization_data.materialization
        if event.asset_key == dg.AssetKey(asset) and not is_early(materialization):
            metadata: Any = materialization.metadata
            for name in names:
                sums[name] += metadata[name].value
    return sums
