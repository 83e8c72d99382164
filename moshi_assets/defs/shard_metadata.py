"""What the UI shows of a shard, by asset, from the report of those who made it."""

from __future__ import annotations

from typing import Any

import dagster as dg

from ..making.complete import ShardReport, Stage
from ..storage.dataset import DatasetStore
from .asset_metadata import link, place

ASSET_OF: dict[Stage, str] = {"speech": "mono_syntheses", "stereo": "stereo_pairs", "transcripts": "transcripts"}
"""The asset that each stage of a shard materializes."""


def shard_metadata(store: DatasetStore, report: ShardReport) -> dict[str, dict[str, Any]]:
    """Metadata of a shard, by the assets of what was made of it."""
    found: dict[str, dict[str, Any]] = {}
    if report.speech is not None:
        found["mono_syntheses"] = report.speech | place(store.quality_path(report.shard), report.speech["tasks"])
    if report.stereo is not None:
        found["stereo_pairs"] = _stereo(store, report)
    if report.transcripts is not None:
        found["transcripts"] = _transcripts(store, report)
    return found


def _stereo(store: DatasetStore, report: ShardReport) -> dict[str, Any]:
    figures, wall = report.stereo, report.seconds["stereo"]
    assert figures is not None
    return {
        "dialogues": figures.dialogues,
        "recordings": figures.recordings,
        "written": figures.written,
        "reused": figures.reused,
        "rejected": figures.rejected,
        **figures.turn_taking.summary(),
        **figures.levels.summary(),
        "audio_seconds": round(figures.audio_seconds, 3),
        "wall_seconds": round(wall, 3),
        "peak_rss_mb": round(report.peak_rss_mb, 1),
        "folder": dg.MetadataValue.path(str(store.stereo_folder)),
        **({"sample": link(store, store.folder / figures.sample)} if figures.sample else {}),
        **place(store.stereo_folder, figures.recordings),
    }


def _transcripts(store: DatasetStore, report: ShardReport) -> dict[str, Any]:
    figures = report.transcripts
    assert figures is not None
    return {
        "recordings": figures.recordings,
        "written": figures.written,
        "reused": figures.reused,
        "words": figures.words,
        "assistant_words": figures.assistant_words,
        "words_sharing_a_slot": figures.shared_slots,
        **{f"turns_{method}": count for method, count in sorted(figures.methods.items())},
        "turns_approximate": figures.approximate,
        "aligned_seconds": round(figures.aligned_seconds, 3),
        **figures.speed,
        "peak_rss_mb": round(report.peak_rss_mb, 1),
        **place(store.stereo_folder, figures.recordings),
    }
