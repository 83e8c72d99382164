"""The stages after decoding: latent pass, flow and vocoder, over groups of segments. docs/indextts2.md §12."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ..decoding.budgets import group_by_length
from .pipeline import Pipeline
from .spoken_segment import Segment

Deliver = Callable[[], None]
"""Function that takes a stage's results from where the device has put them; called once the device is done."""


def _condition(pipeline: Pipeline, rows: Sequence[Segment]) -> Deliver:
    """Run the latent pass, which gives the flow its input for each code."""
    semantic = [row.clone() for row in pipeline.semantic(rows, [row.codes for row in rows])]

    def deliver() -> None:
        for row, condition in zip(rows, semantic, strict=True):
            row.semantic = condition

    return deliver


def _solve_flow(pipeline: Pipeline, rows: Sequence[Segment]) -> Deliver:
    options, noises = rows[0].options, [row.noise() for row in rows]
    semantic = [row.semantic for row in rows if row.semantic is not None]
    mels = [mel.clone() for mel in pipeline.mels(rows, semantic, noises, options.solver, options.cfg_rate)]

    def deliver() -> None:
        for row, mel in zip(rows, mels, strict=True):
            row.mel, row.semantic = mel, None

    return deliver


def _vocode(pipeline: Pipeline, rows: Sequence[Segment]) -> Deliver:
    spoken = pipeline.audio_later([row.mel for row in rows])

    def deliver() -> None:
        for row, samples in zip(rows, spoken(), strict=True):
            row.samples = samples

    return deliver


def _nothing(segment: Segment) -> Hashable:
    return None


@dataclass(frozen=True)
class Stage:
    """One stage after decoding."""

    name: str
    work: Callable[[Pipeline, Sequence[Segment]], Deliver]
    """Begins the stage for segments that are in one batch; on a GPU it returns before the device is done."""
    size: Callable[[Segment], int]
    """Positions or frames of a segment; one counts `weight` times against the flow budget."""
    weight: int = 1
    alike: Callable[[Segment], Hashable] = _nothing
    """Segments of one batch must have this in common."""

    def groups(self, segments: Sequence[Segment], budget: int) -> list[tuple[list[Segment], bool]]:
        """Batches of like segments, each with whether it is full: whether the budget has no room for one more."""
        kinds: dict[Hashable, list[Segment]] = {}
        for segment in segments:
            kinds.setdefault(self.alike(segment), []).append(segment)
        groups = []
        for rows in kinds.values():
            sizes = [self.weight * self.size(row) for row in rows]
            for group in group_by_length(sizes, budget):
                full = max(sizes[i] for i in group) * (len(group) + 1) > budget
                groups.append(([rows[i] for i in group], full))
        return groups


LATER_STAGES = (
    Stage("latent", _condition, lambda segment: len(segment.text_ids) + len(segment.codes)),
    Stage(
        "flow",
        _solve_flow,
        lambda segment: segment.frames,
        alike=lambda segment: (segment.options.solver, segment.options.cfg_rate),
    ),
    Stage("vocoder", _vocode, lambda segment: segment.mel.shape[1], weight=2),
)
"""The stages in their order."""
