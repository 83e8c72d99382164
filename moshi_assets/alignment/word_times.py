"""Which aligner finds the words of an utterance, and what happens when it cannot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from ..recipe.recipe import AlignerName
from .acoustic import AcousticAligner
from .base import Aligner, AlignerError, AlignmentError, Utterance, Word
from .ctc import CtcAligner, model_folder
from .engine_times import EngineAligner
from .fit import fitted
from .proportional import ProportionalAligner
from .words import is_english

logger = logging.getLogger(__name__)

APPROXIMATE = ProportionalAligner.name
"""The method whose times are a guess."""


class Alignment(NamedTuple):
    """Words of one utterance and how they were found."""

    words: list[Word]
    """None where the audio has no room for them."""
    method: str
    """Name of the aligner that found them."""
    failures: tuple[str, ...] = ()
    """Why the aligners before it could not: `engine: ...`."""


def choose(setting: AlignerName, utterance: Utterance, ctc_at_hand: bool, failed: Sequence[str] = ()) -> str:
    """The rule: what the engine knows, else a CTC model where one is at hand, else sound for English, else characters.

    Args:
        setting: the recipe's; other than `auto` it names the aligner.
        utterance: what is to be aligned.
        ctc_at_hand: whether the recipe's CTC model was found on this machine.
        failed: names of the aligners that have failed on it already; the last resort never does.
    """
    if setting != "auto":
        return setting if setting not in failed else APPROXIMATE
    if utterance.known_times is not None and EngineAligner.name not in failed:
        return EngineAligner.name
    if ctc_at_hand and CtcAligner.name not in failed:
        return CtcAligner.name
    if is_english(utterance.text) and AcousticAligner.name not in failed:
        return AcousticAligner.name
    return APPROXIMATE


class WordTimes:
    """Aligns utterances by the rule; keeps loaded models warm."""

    def __init__(self, setting: AlignerName = "auto", ctc_model: str | None = None, device: str | None = None) -> None:
        """
        Args:
            setting, ctc_model: as in the recipe.
            device: torch device of the CTC model; default: a GPU where there is one.
        """
        self._setting = setting
        self._ctc_at_hand = bool(ctc_model and model_folder(ctc_model))
        if ctc_model and not self._ctc_at_hand:
            logger.warning("CTC model %r is neither a folder with a config.json nor in the local hub cache", ctc_model)
        self._aligners: dict[str, Aligner] = {
            EngineAligner.name: EngineAligner(),
            CtcAligner.name: CtcAligner(ctc_model, device),
            AcousticAligner.name: AcousticAligner(),
            ProportionalAligner.name: ProportionalAligner(),
        }
        self._unusable: dict[str, str] = {}

    def align(self, utterances: Sequence[Utterance]) -> list[Alignment]:
        """Words of each utterance, in order; what one aligner fails on, the next one by the rule is tried on.

        An aligner has failed too where its words do not lie where the sound is (`fit.py`).

        Raises:
            AlignerError: the aligner that the recipe names cannot work at all.
        """
        results: dict[int, Alignment] = {}
        failures: list[dict[str, str]] = [dict(self._unusable) for _ in utterances]
        while left := [number for number in range(len(utterances)) if number not in results]:
            chosen: dict[str, list[int]] = {}
            for number in left:
                name = choose(self._setting, utterances[number], self._ctc_at_hand, list(failures[number]))
                chosen.setdefault(name, []).append(number)
            for name, numbers in chosen.items():
                outcomes = self._try(name, [utterances[number] for number in numbers])
                for number, outcome in zip(numbers, outcomes, strict=True):
                    outcome = _believed(name, outcome, utterances[number])
                    words: list[Word] = []
                    if not isinstance(outcome, AlignmentError):
                        words = outcome
                    else:
                        failures[number][name] = str(outcome)
                        if name != APPROXIMATE:
                            continue
                    reasons = tuple(f"{aligner}: {reason}" for aligner, reason in failures[number].items())
                    results[number] = Alignment(words, name, reasons)
        return [results[number] for number in range(len(utterances))]

    def _try(self, name: str, utterances: Sequence[Utterance]) -> Sequence[list[Word] | AlignmentError]:
        try:
            return self._aligners[name].align(utterances)
        except AlignerError as error:
            if self._setting == name:
                raise
            logger.warning("%s", error)
            self._unusable[name] = str(error)
            return [AlignmentError(str(error))] * len(utterances)


def _believed(name: str, outcome: list[Word] | AlignmentError, utterance: Utterance) -> list[Word] | AlignmentError:
    """What an aligner found, compared with the sound; the last resort is believed, there is nothing after it."""
    if isinstance(outcome, AlignmentError) or name == APPROXIMATE:
        return outcome
    try:
        return fitted(outcome, utterance.samples, utterance.sample_rate)
    except AlignmentError as error:
        return error
