"""The summary that `moshi-assets build` prints at the end: counts, times, and paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..dialogues.reject_kinds import reject_kind
from ..recipe import Recipe
from ..stereo.training_window import window_advice
from ..storage.dataset import DatasetStore
from ..storage.parse_summary import ParseSummary
from .printable import printable

if TYPE_CHECKING:
    from .build_summary import BuildSummary

_MOST_REASONS = 5


def summary_lines(store: DatasetStore, recipe: Recipe, summary: BuildSummary) -> Iterator[str]:
    """The lines for the terminal; each begins with its subject."""
    yield f"dialogues   {summary.dialogues} read, {summary.recorded} recorded, {summary.rejected} rejected"
    if summary.evaluation:
        yield f"evaluation  {summary.evaluation} dialogues: {store.eval_manifest_path}"
    yield f"turns       {summary.tasks}: {summary.spoken} spoken, {summary.reused} reused, {summary.failed} failed"
    if summary.voices_left_out:
        yield f"voices      {summary.voices_left_out} recordings of the pools left out"
    yield from _texts(store.summary())
    yield (
        f"audio       {summary.audio_seconds / 3600:.3f} h, {summary.recordings} recordings in {summary.shards} "
        f"shard(s), "
        f"{summary.spoken_seconds:.0f} s spoken in this run"
    )
    packed = recipe.pack_seconds is not None
    if advice := window_advice(summary.recordings, summary.audio_seconds, summary.windows, packed):
        yield f"window      {advice}"
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in summary.stages.items())
    yield f"time        {summary.wall_seconds:.1f} s ({stages})"
    if recipe.transcripts:
        yield f"transcripts {_words(summary)}"
    yield f"recordings  {store.stereo_folder}"
    yield f"card        {store.card_path}"
    if store.report_path.is_file():
        yield f"report      {store.report_path}"
    yield f"manifest    {store.manifest_path}"
    if summary.rejected:
        reasons = Counter(reject_kind(reject.reason) for reject in store.rejects())
        listed = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(_MOST_REASONS))
        yield f"rejects     {store.rejects_path} ({listed})"


def summary_figures(store: DatasetStore, recipe: Recipe, summary: BuildSummary) -> dict[str, Any]:
    """The same for a machine: numbers as numbers, paths as strings, null for what is not there."""
    figures = asdict(summary) | {"stages": {name: round(took, 3) for name, took in summary.stages.items()}}
    for name in ("audio_seconds", "spoken_seconds", "wall_seconds"):
        figures[name] = round(figures[name], 3)
    packed = recipe.pack_seconds is not None
    parsed = store.summary()
    paths = {
        "folder": store.folder,
        "manifest": store.manifest_path,
        "eval_manifest": store.eval_manifest_path,
        "recordings_folder": store.stereo_folder,
        "card": store.card_path,
        "report": store.report_path,
        "rejects": store.rejects_path,
    }
    return {
        "dataset": store.name,
        **figures,
        "changed_turns": parsed.changed_turns,
        "reading": [kind._asdict() for kind in parsed.reading],
        "window_advice": window_advice(summary.recordings, summary.audio_seconds, summary.windows, packed),
        "reject_reasons": dict(
            Counter(reject_kind(reject.reason) for reject in store.rejects()).most_common(_MOST_REASONS)
        )
        if summary.rejected
        else {},
        **{name: str(path) if path.exists() else None for name, path in paths.items()},
    }


def _texts(parsed: ParseSummary) -> Iterator[str]:
    """Findings in the texts, if any."""
    if not parsed.changed_turns:
        return
    told = f"texts       {parsed.changed_turns} turns were cleaned, verbalised or suspicious"
    if odd := parsed.suspicious:
        listed = ", ".join(f"{kind.turns} x {kind.kind} {printable(kind.written)!r}" for kind in odd[:_MOST_REASONS])
        told += f", among them {listed}"
    yield f"{told}: 'moshi-assets read' shows them"


def _words(summary: BuildSummary) -> str:
    """Notable figures about the words of a build."""
    told = [f"{summary.words} words"]
    if summary.shared_slots:
        told.append(f"{summary.shared_slots} start in one 80 ms slot with the next and are overwritten in training")
    if summary.approximate:
        told.append(f"times of {summary.approximate} turns are approximate")
    return ", ".join(told)
