"""Writing a dataset's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...planning.task_table import DialogueTexts, dialogue_texts
from ...storage.dataset import DatasetError, DatasetStore
from ...storage.links import refuse_links
from ...storage.whole_file import whole_file
from .clips import cut
from .figures import gather
from .measured import count_measures, listened, tabled
from .picks import Pick, RandomPicks, UnusualPicks
from .render import render

SAMPLES = 6
"""Random recordings in a page, and as many of the most unusual."""
MAX_SAMPLES = 50
MEASURED_RECORDINGS = 50
"""Recordings that are measured where a shard has no quality table: reading all of a large dataset would take hours."""


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What was written."""

    path: Path
    bytes: int
    recordings: int
    samples: int
    problems: tuple[str, ...]
    """What could not be read and is therefore not in the report."""


def write_report(store: DatasetStore, path: Path | None = None, samples: int = SAMPLES, seed: int = 0) -> ReportOutcome:
    """Write the report on a dataset, whole or not at all; the same dataset and seed give the same bytes.

    Reads the indexes and tables of all shards one after another, and the recordings that it lets one hear. Where a
    shard has no quality table, some of its recordings are measured (`MEASURED_RECORDINGS` in all).

    Args:
        store: the dataset.
        path: where to; default: `report.html` in its folder.
        samples: recordings to hear, so many at random and as many of the most unusual; at most `MAX_SAMPLES`.
        seed: of the random choice.

    Raises:
        DatasetError, RecipeError: there is no dataset, or it was never parsed.
        OSError: the page cannot be written, or a link leads out of the dataset.
    """
    if not 0 <= samples <= MAX_SAMPLES:
        raise ValueError(f"samples must lie between 0 and {MAX_SAMPLES} (got {samples}): all of them are in the page")
    refuse_links(store.folder)
    figures, shards = gather(store)
    drawn, unusual = RandomPicks(max(samples, MEASURED_RECORDINGS), seed), UnusualPicks(samples)
    untabled = set()
    for shard, recordings, texts in shards:
        drawn.add(shard, recordings)
        utterances = tabled(store, shard)
        if not any(utterance["seconds"] is not None for utterance in utterances.values()):
            untabled.add(shard)  # no table, or gates that are off
        count_measures(figures, recordings, utterances, texts)
        unusual.add(shard, recordings, utterances, texts)
    picks = drawn.picks()
    for pick, texts in _with_texts(store, [p for p in picks[:MEASURED_RECORDINGS] if p.shard in untabled]):
        utterances = listened(store, pick.recording, texts)
        count_measures(figures, [pick.recording], utterances, texts)
        unusual.add(pick.shard, [pick.recording], utterances, texts)
    random_clips, unusual_clips = (
        [cut(store, pick, texts) for pick, texts in _with_texts(store, chosen)]
        for chosen in (picks[:samples], unusual.picks())
    )
    for clip in {clip.path: clip for clip in [*random_clips, *unusual_clips] if clip.problem}.values():
        figures.problem(f"{clip.path} {clip.problem}")
    target = path or store.report_path
    page = render(figures, random_clips, unusual_clips).encode("utf-8", "replace")
    with whole_file(target) as partial:
        partial.write_bytes(page)
    return ReportOutcome(
        target, len(page), figures.recordings, len(random_clips) + len(unusual_clips), tuple(figures.problems)
    )


def _with_texts(store: DatasetStore, picks: Sequence[Pick]) -> Iterator[tuple[Pick, DialogueTexts]]:
    """The picks, in their order, each with the texts of its own dialogues; tasks are read once for each shard."""
    texts: dict[str, DialogueTexts] = {}
    wanted: dict[str, set[str]] = {}
    for pick in picks:
        wanted.setdefault(pick.shard, set()).update(pick.recording.dialogue_ids)
    for shard, ids in wanted.items():
        try:
            held = dialogue_texts(store.tasks(shard))
        except DatasetError:  # told where the figures were gathered
            held = {}
        texts[shard] = {dialogue_id: held[dialogue_id] for dialogue_id in ids if dialogue_id in held}
    for pick in picks:
        yield pick, texts[pick.shard]
