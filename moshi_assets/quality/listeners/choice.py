"""The optional measures and their listeners. Each needs a package or a model of its own; none is on by default."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...alignment.ctc import model_folder
from ...engines.registry import engine_class

if TYPE_CHECKING:
    from ...recipe import Recipe
from .base import Heard, Listener, ListenerError

_PACKAGES = {"speaker_similarity": "resemblyzer", "dnsmos": "speechmos"}


def check_listeners(recipe: Recipe) -> None:
    """Check that the listeners of a recipe are available, without loading anything.

    Raises:
        ListenerError: a package or a model is missing, or the engine's voices are no recordings.
    """
    gates = recipe.gates
    for measure, package in _PACKAGES.items():
        if gates.wants(measure) and find_spec(package) is None:
            raise ListenerError(
                f"gates.{measure} needs the package {package}, which is not installed: pip install {package}, or "
                f"switch "
                f"it off"
            )
    if gates.wants("speaker_similarity") and engine_class(recipe.engine).default_voices:
        raise ListenerError(
            f"gates.speaker_similarity compares with a recording of the voice, and those of engine {recipe.engine!r} "
            f"are "
            f"presets: switch it off"
        )
    if not gates.wants("wer"):
        return
    if gates.recogniser == "ctc" and not (recipe.ctc_model and model_folder(recipe.ctc_model)):
        raise ListenerError(
            f"gates.recogniser 'ctc' needs ctc_model, which is {recipe.ctc_model!r}: give the folder of a "
            f"wav2vec2-family "
            f"CTC model, or its name in the local hub cache (nothing is downloaded)"
        )
    if gates.recogniser == "whisper" and not (gates.whisper_model and Path(gates.whisper_model).is_dir()):
        raise ListenerError(
            f"gates.recogniser 'whisper' needs gates.whisper_model, which is {gates.whisper_model!r}: give the folder "
            f"of a "
            f"Whisper model in transformers format (nothing is downloaded)"
        )


class Listeners:
    """The listeners that a recipe switches on."""

    def __init__(self, recipe: Recipe, device: str | None = None) -> None:
        """
        Raises:
            ListenerError: a package or a model is missing.
        """
        gates = recipe.gates
        self._listeners: list[Listener] = []
        if gates.wants("wer"):
            from . import word_errors as recognition

            recogniser: recognition.Recogniser
            if gates.recogniser == "ctc":
                recogniser = recognition.CtcRecogniser(recipe.ctc_model, device)
            elif gates.recogniser == "whisper":
                recogniser = recognition.WhisperRecogniser(gates.whisper_model, device)
            else:
                recogniser = recognition.SphinxRecogniser()
            self._listeners.append(recognition.WordErrors(recogniser))
        if gates.wants("speaker_similarity"):
            from .speaker_similarity import SpeakerSimilarity

            self._listeners.append(SpeakerSimilarity(device))
        if gates.wants("dnsmos"):
            from .dnsmos import Opinion

            self._listeners.append(Opinion())

    def listen(self, utterances: Sequence[Heard]) -> list[dict[str, float]]:
        """Values of each utterance by measure."""
        values: list[dict[str, float]] = [{} for _ in utterances]
        for listener in self._listeners if utterances else ():
            for found, value in zip(values, listener.listen(utterances), strict=True):
                found[listener.measure] = value
        return values
