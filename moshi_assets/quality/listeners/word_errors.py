"""Word error rate: the words that a recogniser hears against the spoken words of the text.

A recogniser's own errors count too: compare the rates of one recogniser, and set `max_wer` well above what it makes of
good speech.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from ...alignment.base import AlignerError
from ...alignment.base import Utterance as Sound
from ...alignment.ctc import CtcModel, by_duration
from ...alignment.sphinx import SphinxMissing, sphinx_decoder
from ...alignment.words import is_english
from ...audio.pcm import FULL_SCALE, resample
from ...reading import detect_language, read, words_of
from .base import Heard, ListenerError

RATE = 16000
FEW_WORDS = 2
"""Texts of at most so many words are compared by character: one slip would be half of the text, or all of it."""


class Recogniser(Protocol):
    """Sound in, text out."""

    def hear(self, utterances: Sequence[Heard]) -> list[str | None]:
        """The text heard in each utterance; None for an unsupported language."""
        ...


class WordErrors:
    """Takes the measure `wer`; for one or two words it is the character error rate."""

    measure: ClassVar[str] = "wer"

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def listen(self, utterances: Sequence[Heard]) -> list[float]:
        heard = self._recogniser.hear(utterances)
        return [
            math.nan if text is None else error_rate(utterance.text, text)
            for utterance, text in zip(utterances, heard, strict=True)
        ]


def error_rate(spoken: str, heard: str) -> float:
    """Edits between the heard and the expected text, per word; per character for one or two words.

    Args:
        spoken: the spoken text.
        heard: as the recogniser spells it, "25" and "$5" too: it is read as a dialogue's text is.

    Returns:
        NaN where there is no word to be heard.
    """
    said = comparable_words(spoken)
    found = comparable_words(read(heard, detect_language([spoken])).spoken)
    if not said:
        return math.nan
    if len(said) <= FEW_WORDS:
        return edit_rate("".join(said), "".join(found))
    return edit_rate(said, found)


def comparable_words(text: str) -> list[str]:
    """Words without case and punctuation; Chinese and Japanese by character."""
    words = []
    for word in words_of(unicodedata.normalize("NFKC", text).casefold().replace("-", " ")):
        kept = "".join(character for character in word if character.isalnum())
        if kept:
            words.append(kept)
    return words


def edit_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Edits (insert, delete, replace) between two sequences, divided by the length of `said`, which is not empty."""
    from torchaudio.functional import edit_distance

    return edit_distance(list(said), list(heard)) / len(said)


class CtcRecogniser:
    """The recipe's CTC model, greedy: the likeliest letter of each frame."""

    def __init__(self, model: str | None, device: str | None) -> None:
        """
        Raises:
            ListenerError: there is no such model.
        """
        try:
            self._model = CtcModel(model, device)
        except AlignerError as error:
            raise ListenerError(f"gates.recogniser 'ctc': {str(error).removeprefix('aligner ')}") from None

    def hear(self, utterances: Sequence[Heard]) -> list[str | None]:
        sounds = [Sound.of(u.text, u.samples, u.sample_rate) for u in utterances]
        texts: list[str | None] = [None] * len(sounds)
        for batch in by_duration(sounds):
            for number, scores in zip(batch, self._model.scores([sounds[n] for n in batch]), strict=True):
                letters = scores.argmax(dim=-1).tolist()
                changes = [
                    a for a, b in zip(letters, [None, *letters], strict=False) if a != b and a != self._model.blank
                ]
                texts[number] = self._model.spelling(changes)
        return texts


class WhisperRecogniser:
    """A Whisper model from a folder, through transformers."""

    def __init__(self, model: str | None, device: str | None) -> None:
        """
        Raises:
            ListenerError: no folder is given, or it holds no Whisper model.
        """
        if not model:
            raise ListenerError(
                "gates.recogniser 'whisper' needs gates.whisper_model: the folder of a Whisper model in transformers "
                "format (nothing is downloaded)"
            )
        try:
            from transformers import pipeline

            self._recognise: Any = pipeline(
                "automatic-speech-recognition",
                model=model,
                device=device or "cpu",
                model_kwargs={"local_files_only": True},
            )
        except Exception as error:  # whatever the libraries make of a damaged or dangerous file
            raise ListenerError(
                f"gates.whisper_model {model!r} cannot be loaded: it is no folder of a Whisper model, or a file of it "
                f"is missing or "
                f"damaged; get the folder again"
            ) from error

    def hear(self, utterances: Sequence[Heard]) -> list[str | None]:
        sounds = [{"raw": _wave(utterance), "sampling_rate": RATE} for utterance in utterances]
        return [result["text"] for result in self._recognise(sounds, batch_size=8)]


class SphinxRecogniser:
    """pocketsphinx with the English model of its wheel: easy to install where there is a wheel, and weak."""

    def __init__(self) -> None:
        try:
            self._decoder = sphinx_decoder(cmn="batch")  # batch: the result does not depend on what came before
        except SphinxMissing as error:
            raise ListenerError(f"gates.recogniser 'pocketsphinx' {error}") from None

    def hear(self, utterances: Sequence[Heard]) -> list[str | None]:
        return [self._hear(utterance) if is_english(utterance.text) else None for utterance in utterances]

    def _hear(self, utterance: Heard) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(resample(utterance.samples, utterance.sample_rate, RATE).tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found else ""


def _wave(utterance: Heard) -> np.ndarray:
    """(N,) float32 at 16 kHz."""
    return resample(utterance.samples, utterance.sample_rate, RATE).astype(np.float32) / np.float32(FULL_SCALE)
