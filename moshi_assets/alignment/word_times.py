"""The choice of an aligner for each utterance, and the fallback when it fails."""

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
"""The method that only estimates its times."""


class Alignment(NamedTuple):
    """The words of one utterance and how they were found."""

    words: list[Word]
    """Empty where the audio has no room for them."""
    method: str
    """Name of the aligner that found the words."""
    failures: tuple[str, ...] = ()
    """Reasons why the aligners tried earlier failed: `engine: ...`."""


def choose(setting: AlignerName, utterance: Utterance, ctc_at_hand: bool, failed: Sequence[str] = ()) -> str:
    """Choose an aligner: the engine's own times, else a CTC model if one was found, else the sound for English, else
    the characters.

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
    """Aligns utterances by that rule and keeps loaded models warm."""

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
        """Return the words of each utterance, in order. If one aligner fails, the next one by the rule is tried.

        An aligner also fails if its words do not lie where the sound is (`fit.py`).

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
    """The result of an aligner, rejected if it contradicts the sound; the last resort is always accepted, because
    nothing follows it.
    """
    if isinstance(outcome, AlignmentError) or name == APPROXIMATE:
        return outcome
    try:
        return fitted(outcome, utterance.frame_power)
    except AlignmentError as error:
        return error
