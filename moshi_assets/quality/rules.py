"""The rules that an utterance must pass: the recipe's gates, applied to an engine's utterances."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

from ..engines.registry import engine_class
from .expectation import expect
from .measures import OPTIONAL, Measures

if TYPE_CHECKING:
    from ..recipe import Recipe
from ..recipe.gates import Gates

UNSPEAKABLE = "unspeakable"
"""Name used in place of a measure if there is no sound to measure."""


class GateFault(NamedTuple):
    """A gate that an utterance fails."""

    measure: str
    """Name of the measure, or UNSPEAKABLE."""
    message: str
    """Measure, value and threshold in words."""


def failed_gates(gates: Gates, measures: Measures, text: str, characters_per_second: float | None) -> list[GateFault]:
    """The gates that an utterance fails.

    Args:
        measures: its measures; optional ones that are None or NaN are skipped.
        text: what it should say.
        characters_per_second: expected speaking rate; None: neither rate nor duration is judged.
    """
    found: list[GateFault] = []
    if not gates.enabled:
        return found

    def bound(name: str, value: float, low: str | None, high: str | None) -> None:
        if low is not None and value < getattr(gates, low):
            found.append(GateFault(name, f"{name} is {value:.4g}, less than {low}={getattr(gates, low):g}"))
        if high is not None and value > getattr(gates, high):
            found.append(GateFault(name, f"{name} is {value:.4g}, more than {high}={getattr(gates, high):g}"))

    m = measures
    bound("loudness_lufs", m.loudness_lufs, "min_loudness_lufs", "max_loudness_lufs")
    bound("clipped", m.clipped, None, "max_clipped")
    bound("dc", abs(m.dc), None, "max_dc")
    bound("leading_silence", m.leading_silence, None, "max_leading_silence")
    bound("trailing_silence", m.trailing_silence, None, "max_trailing_silence")
    bound("inner_silence", m.inner_silence, None, "max_inner_silence")
    if characters_per_second is not None:
        expected = expect(text)
        ratio = expected.duration_ratio(m.seconds, characters_per_second)
        bound("duration_ratio", ratio, "min_duration_ratio", "max_duration_ratio")
        if expected.rate_matters:
            bound("chars_per_second", m.chars_per_second, "min_chars_per_second", "max_chars_per_second")
    for name, low, high in (
        ("wer", None, "max_wer"),
        ("speaker_similarity", "min_speaker_similarity", None),
        ("dnsmos", "min_dnsmos", None),
    ):
        value = getattr(m, name)
        if value is not None and not math.isnan(value) and gates.wants(name):
            bound(name, value, low, high)
    return found


class Rules:
    """The rules of a recipe for its utterances."""

    def __init__(self, recipe: Recipe) -> None:
        """
        Raises:
            EngineError: the engine is unknown or cannot be imported.
        """
        engine = engine_class(recipe.engine)
        self.gates: Gates = recipe.gates
        self.characters_per_second = self.gates.chars_per_second or engine.characters_per_second
        self.attempts = 1 + (recipe.max_retries if engine.seed_matters else 0)
        """Most attempts at an utterance; one where another seed would make the same sound."""
        self.optional = [name for name in OPTIONAL if self.gates.wants(name)]
        """Names of the optional measures that are switched on."""
        by = (self.gates.recogniser, self.gates.whisper_model, recipe.ctc_model) if "wer" in self.optional else ()
        self.listeners = f"{self.optional}{by}" if self.optional else ""
        """Who takes the optional measures; theirs do not stand for another's."""

    def faults(self, measures: Measures, text: str) -> list[GateFault]:
        """The gates that an utterance fails, see `failed_gates`."""
        return failed_gates(self.gates, measures, text, self.characters_per_second)

    @property
    def fingerprint(self) -> str:
        """Short digest of everything that a verdict depends on."""
        rules = f"{self.gates.model_dump_json()}\0{self.characters_per_second}\0{self.attempts}\0{self.listeners}"
        return hashlib.blake2b(rules.encode(), digest_size=8).hexdigest()
