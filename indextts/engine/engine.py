"""The batch engine: segments of any utterances through the stages together. docs/indextts2.md §12.

Rows share a batch but no state, so a segment sounds the same in any company; one that fails leaves the others alone.
`indextts.engine.engine_session.EngineSession` takes them through the stages.
"""

from __future__ import annotations

from collections.abc import Sequence

from .engine_session import EngineSession
from .figures import SpeakingFigures, StageClock
from .spoken_segment import Segment
from .state import EngineState


class Engine(EngineState):
    """Speaks segments in batches."""

    def run(self, segments: Sequence[Segment], clock: StageClock, figures: SpeakingFigures) -> None:
        """Speak all segments; a segment that cannot be spoken holds the reason in its `error`."""
        session = self.session(clock, figures)
        # The longest first: what is left at the end, when slots run empty, is short.
        for segment in sorted(segments, key=lambda segment: -len(segment.text_ids)):
            session.add(segment)
        while session.busy:
            session.step()

    def session(
        self, clock: StageClock, figures: SpeakingFigures, limits: dict[str, int | None] | None = None
    ) -> EngineSession:
        """Begin a stream of segments, with `limits` of its own by their names in `Budgets`."""
        return EngineSession(self, clock, figures, limits or {})
