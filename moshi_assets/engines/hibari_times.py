"""hibari-tts with word times: the voice's own phoneme durations, mapped to the words of the text.

The network expands each phoneme by a duration that it predicts itself; that tensor is made an output of the graph. The
sound stays what it is, bit for bit.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from hibari import Hibari, dsp
from hibari.g2p import G2P
from hibari.voices import voice_path

from ..reading import located_words

DURATIONS = "/Cast_32_output_0"
"""Name of the tensor in hibari-tts 0.2.1's graph from which its only CumSum expands phonemes to frames."""
_GRAPH_OF_MODEL, _OUTPUT_OF_GRAPH, _NAME_OF_VALUE = 7, 12, 1
"""Field numbers of onnx.proto."""
SAMPLES_PER_DURATION = 2 * dsp.HOP
"""A unit of duration is two spectral frames (25 ms)."""
LAG = 0.03 * dsp.SR
"""Samples by which a word is heard before the frames of its phonemes begin, found from the onset of the sound after
pauses (25 to 34 ms) and from forced alignment within phrases; see benchmarks/alignment.py. The teacher (Kokoro,
`join_timestamps`) corrects its own time stamps ad hoc too.
"""
LAST_PHONEME_UNITS = 3
"""Most units of the last phoneme before a pause that are heard: the network gives the pause to that phoneme."""
_PAUSES = frozenset(';:,.!?—…"()“”')
_SILENT = _PAUSES | {" "}
_LETTER_A = "\u02c8A"
"""Phonemes of the letter A; the article sounds different."""


class Speech(NamedTuple):
    """The audio of a text and the times of its words."""

    audio: np.ndarray
    """(N,) float32 at 24 kHz."""
    word_samples: np.ndarray | None
    """(W, 2) float64: first and last sample of each word of the text (see `reading.words_of`), NaN where a word has no
    sound of its own; None where phonemes and words cannot be matched."""


class WordG2P(G2P):
    """Pronounces words as they stand: what numbers and short forms are is decided before (see reading/).

    Remembers, for each sentence phonemized since `sentences` was cleared, its tokens.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[list[Any]] = []

    def __call__(self, text: str, normalize_text: bool = False) -> str:
        return super().__call__(text.replace("\u2019", "'"), normalize_text=False)

    def phonemize_tokens(self, tokens: list[Any]) -> list[Any]:
        for before, token, after in zip([None, *tokens[:-1]], tokens, [*tokens[1:], None], strict=True):
            if token.text == "A" and (_is_letter(before) or _is_letter(after)):  # spelled: "U S A", "A T M"
                token.phonemes, token.rating = _LETTER_A, 5
        tokens = super().phonemize_tokens(tokens)
        self.sentences.append(tokens)
        return tokens


@cache
def pronunciation() -> WordG2P:
    """The dictionaries, loaded (0.3 s)."""
    return WordG2P()


def _is_letter(token: Any) -> bool:
    """Whether a token is a letter that is spelled; "I" is a word more often."""
    return token is not None and len(token.text) == 1 and token.text.isupper() and token.text not in "I"


class TimedHibari(Hibari):
    """The voice "heart" on one thread, with the durations of its phonemes."""

    def __init__(self) -> None:
        g2p = copy(pronunciation())
        g2p.sentences = []
        super().__init__(voice="heart", threads=1, model=graph_with_durations(voice_path("heart")), g2p=g2p)
        self._durations: list[np.ndarray] = []

    def from_ids(self, ids: Sequence[int], speed: float = 1.0, rng: Any = None) -> np.ndarray:
        """As in Hibari, but keeps the durations (one for each phoneme id)."""
        if len(ids) < 3:
            self._durations.append(np.zeros(len(ids), np.int64))
            return np.zeros(0, np.float32)
        inputs = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
        *spectrum, durations = self.sess.run(None, inputs)
        self._durations.append(durations)
        return dsp.synth(*(part[0] for part in spectrum), rng or np.random.default_rng())

    def speak(self, text: str, speed: float, seed: int) -> Speech:
        """Speak `text` as `Hibari.__call__` does, and return the time of each word."""
        self._durations.clear()
        self.g2p.sentences.clear()
        rng = np.random.default_rng(seed)
        chunks = self.phonemize(text)
        audio = [self.from_ids(self.ids(chunk), speed, rng) for chunk in chunks]
        if not audio:
            return Speech(np.zeros(0, np.float32), None)
        return Speech(np.concatenate(audio), self._word_samples(text, chunks, [len(part) for part in audio]))

    def _word_samples(self, text: str, chunks: list[str], lengths: list[int]) -> np.ndarray | None:
        said = said_words(text, self.split_sentences(text), self.g2p.sentences)
        said_symbols = [(symbol, word) for word, phonemes in said or () for symbol in phonemes if not symbol.isspace()]
        if "".join(symbol for symbol, _ in said_symbols) != "".join("".join(chunks).split()):
            return None
        spans = np.full((len(text.split()), 2), np.nan)
        owner = iter(word for _, word in said_symbols)
        offset = 0
        for chunk, durations, length in zip(chunks, self._durations, lengths, strict=True):
            owned = [(symbol, -1 if symbol.isspace() else next(owner)) for symbol in chunk]
            add_spans(spans, [pair for pair in owned if pair[0] in self.vocab], durations, offset)
            offset += length
        return _by_word(text, np.clip(spans - LAG, 0, offset))


def add_spans(spans: np.ndarray, symbols: Sequence[tuple[str, int]], durations: np.ndarray, offset: int) -> None:
    """Widen the spans of words by those of the phonemes of one chunk.

    Args:
        spans: (W, 2) samples, NaN where nothing of a word was met yet; changed in place.
        symbols: (L - 2) phoneme symbols with the word that each belongs to.
        durations: (L,) units, those of the pads before and after the chunk included.
        offset: first sample of the chunk.
    """
    ends = np.cumsum(durations)
    for position, (symbol, word) in enumerate(symbols, 1):
        if symbol in _SILENT:
            continue
        begin = start = ends[position - 1]
        if position > 1 and symbols[position - 2][0] == " ":
            start = ends[position - 2]  # the space before a word already carries its onset
        length = durations[position]
        if position == len(symbols) or symbols[position][0] in _PAUSES:
            length = min(length, LAST_PHONEME_UNITS)
        if np.isnan(spans[word, 0]):
            spans[word, 0] = offset + SAMPLES_PER_DURATION * start
        spans[word, 1] = offset + SAMPLES_PER_DURATION * (begin + length)


def _by_word(text: str, spans: np.ndarray) -> np.ndarray:
    """Map spans of stretches between white space to words: Chinese words have no space between them and are mute, a
    sign that stands alone belongs to the word before it.
    """
    words = list(located_words(text))
    spread = np.full((len(words), 2), np.nan)
    ends = [end for _, end in words]
    for match, span in zip(re.finditer(r"\S+", text), spans, strict=True):
        word = bisect_right(ends, match.start())
        if np.isnan(spread[word, 0]):
            spread[word] = span
    return spread


def graph_with_durations(path: str) -> bytes:
    """The voice's ONNX graph with (L,) int64 durations of the phoneme ids as an additional output.

    Protobuf messages that follow one another are one message, merged: a model that holds nothing but the output's name
    is appended. (The package `onnx` would do the same and takes longer to import than the voice to load.)
    """
    name = DURATIONS.encode()
    output = _field(_NAME_OF_VALUE, name)
    graph = _field(_OUTPUT_OF_GRAPH, output)
    with open(path, "rb") as model:
        return model.read() + _field(_GRAPH_OF_MODEL, graph)


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field shorter than 128 bytes."""
    assert number < 16 and len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def said_words(text: str, sentences: list[str], tokens: list[list[Any]]) -> list[tuple[int, str]] | None:
    """The words of `text.split()` by number, with their phonemes.

    Args:
        text: what is to be said.
        sentences: its sentences as hibari cuts them.
        tokens: hibari's tokens of each sentence, phonemes filled in.

    Returns:
        None where the tokens are not those of the words.
    """
    groups = [group for sentence in tokens for group in _groups(sentence)]
    if len(sentences) != len(tokens) or len(groups) != len(text.split()):
        return None
    return [(word, "".join(token.phonemes or "" for token in group)) for word, group in enumerate(groups)]


def _groups(tokens: Iterable[Any]) -> Iterator[list[Any]]:
    """Tokens that stand together without white space."""
    group: list[Any] = []
    for token in tokens:
        group.append(token)
        if token.whitespace:
            yield group
            group = []
    if group:
        yield group


class WordReader:
    """Hibari's pronunciation of English words, without its voice."""

    def __init__(self) -> None:
        self._g2p = WordG2P()

    def phonemes(self, text: str) -> list[str] | None:
        """Phonemes of each word of `text.split()` as said in this text; empty for a word without a sound.

        None where phonemes and words cannot be matched.
        """
        self._g2p.sentences.clear()
        sentences = Hibari.split_sentences(text)
        for sentence in sentences:
            self._g2p(sentence)
        said = said_words(text, sentences, self._g2p.sentences)
        if said is None:
            return None
        return [phonemes for _, phonemes in said]
