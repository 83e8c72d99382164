"""Judges utterances as they are spoken: measures them and holds them to the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..engines.base import SynthesisTask
from ..processes.worker import default_device
from ..quality.listeners.base import Heard
from ..quality.listeners.choice import Listeners
from ..quality.measures import Measures, measure, rounded
from ..quality.rules import UNSPEAKABLE, GateFault, Rules
from ..recipe import Recipe
from .parts import SpokenTask


class Judged(NamedTuple):
    """An attempt with its measures, and what is wrong with it."""

    row: SpokenTask
    faults: list[GateFault]


class Judge:
    """Measures utterances; keeps the models of optional measures warm. Used by one thread."""

    def __init__(self, recipe: Recipe, lane: int = 0) -> None:
        """
        Args:
            recipe: its gates and its engine make the rules.
            lane: whose judge it is; models share the GPU of its engine.

        Raises:
            ListenerError: a measure is switched on whose package or model is missing.
        """
        self.rules = Rules(recipe)
        self._listeners: Listeners | None = None
        if self.rules.optional:  # not otherwise: asking for the device imports torch
            self._listeners = Listeners(recipe, recipe.device or default_device(lane))

    def judge(self, utterances: Sequence[tuple[SynthesisTask, SpokenTask]]) -> list[Judged]:
        """Measure and judge some utterances, in order. Models only hear what passes the other gates."""
        judged: list[Judged] = []
        for task, row in utterances:
            if row.failure is not None:
                judged.append(Judged(row, [GateFault(UNSPEAKABLE, row.failure)]))
                continue
            if not self.rules.gates.measured:
                judged.append(Judged(row, []))
                continue
            measures = measure(row.samples, row.sample_rate, task.spoken)
            judged.append(
                Judged(
                    row._replace(measures=measures, listeners=self.rules.listeners),
                    self.rules.faults(measures, task.spoken),
                )
            )
        if self._listeners:
            good = [number for number, (_, faults) in enumerate(judged) if not faults]
            heard = [
                Heard(judged[n].row.samples, judged[n].row.sample_rate, utterances[n][0].spoken, utterances[n][0].voice)
                for n in good
            ]
            for number, values in zip(good, self._listeners.listen(heard), strict=True):
                row, text = judged[number].row, utterances[number][0].spoken
                assert row.measures  # what has no measures has a fault
                measures = rounded(Measures(**row.measures._asdict() | values))
                judged[number] = Judged(row._replace(measures=measures), self.rules.faults(measures, text))
        return judged
