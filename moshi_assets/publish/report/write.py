"""Writing a dataset's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...planning.task_table import DialogueTexts, dialogue_texts
from ...quality.measures import measure
from ...storage.dataset import DatasetError, DatasetStore
from ...storage.links import refuse_links
from ...storage.whole_file import whole_file
from ..measured import MeasuredTurns, comparable
from ..shard_content import ShardContent, spoken_of
from .clips import cut
from .material import MEASURED_RECORDINGS, SAMPLES, ReportMaterial, gather
from .picks import Pick
from .render import render
from .sound import read_turns


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

    Reads the indexes and tables of all shards one after another, and the recordings that the page plays.

    Args:
        store: the dataset.
        path: where to; default: `report.html` in its folder.
        samples: recordings to hear, so many at random and as many of the most unusual; at most `MAX_SAMPLES`.
        seed: of the random choice.

    Raises:
        DatasetError, RecipeError: there is no dataset, or it was never parsed.
        OSError: the page cannot be written, or a link leads out of the dataset.
        ValueError: so many samples are not allowed.
    """
    refuse_links(store.folder)
    return write_page(gather(store, samples, seed), path)


def write_page(material: ReportMaterial, path: Path | None = None) -> ReportOutcome:
    """Write the report from material that holds every shard.

    Where a shard has no quality table, some of its recordings are measured now (`MEASURED_RECORDINGS` in all).

    Args:
        material: of the dataset.
        path: where to; default: `report.html` in its folder.

    Raises:
        OSError: the page cannot be written, or a link leads out of the dataset.
    """
    store = material.store
    refuse_links(store.folder)
    picks = material.random.picks()
    for pick, texts in _with_texts(store, [p for p in picks[:MEASURED_RECORDINGS] if p.shard in material.unmeasured]):
        _add_measures(material, pick, texts)
    unusual = material.unusual.picks(material.figures.measured)
    random_clips, unusual_clips = (
        [cut(store, pick, texts) for pick, texts in _with_texts(store, chosen)]
        for chosen in (picks[: material.samples], unusual)
    )
    for clip in {clip.path: clip for clip in [*random_clips, *unusual_clips] if clip.problem}.values():
        material.problem(f"{clip.path} {clip.problem}")
    target = path or store.report_path
    page = render(material, random_clips, unusual_clips).encode("utf-8", "replace")
    with whole_file(target) as partial:
        partial.write_bytes(page)
    return ReportOutcome(
        target, len(page), material.figures.recordings, len(random_clips) + len(unusual_clips), tuple(material.problems)
    )


def _add_measures(material: ReportMaterial, pick: Pick, texts: DialogueTexts) -> None:
    """Measure a recording now and count it."""
    listened = ShardContent(pick.shard, [pick.recording], texts, measured=_listen(material.store, pick, texts))
    material.figures.add_measures(listened)
    material.unusual.add_measures(listened)


def _listen(store: DatasetStore, pick: Pick, texts: DialogueTexts) -> MeasuredTurns:
    """Measures of a recording's turns; none where it cannot be read."""
    found = {}
    for turn, samples in read_turns(store, pick.recording):
        if len(samples):
            spoken = spoken_of(turn.dialogue_id, turn.turn, texts)
            measures = measure(samples, pick.recording.sample_rate, spoken or "")
            found[turn.dialogue_id, turn.turn] = comparable(measures._asdict() | {"attempt": 0}, spoken)
    return found


def _with_texts(store: DatasetStore, picks: Sequence[Pick]) -> Iterator[tuple[Pick, DialogueTexts]]:
    """The picks, in their order, each with the texts of its own dialogues; tasks are read once for each shard."""
    texts: dict[str, DialogueTexts] = {}
    wanted: dict[str, set[str]] = {}
    for pick in picks:
        wanted.setdefault(pick.shard, set()).update(pick.recording.dialogue_ids)
    for shard, ids in wanted.items():
        try:
            held = dialogue_texts(store.tasks(shard))
        except DatasetError:  # already among the problems
            held = {}
        texts[shard] = {dialogue_id: held[dialogue_id] for dialogue_id in ids if dialogue_id in held}
    for pick in picks:
        yield pick, texts[pick.shard]
