"""The turns that `benchmarks.tts` speaks: the same every time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import soundfile

from indextts import SynthesisRequest
from indextts.checkpoint.pseudo_weights import wave

from .measure import _ASSISTANT, _USER

CODES_PER_SECOND = 22050 / 256 / 1.72
PROMPT_SECONDS = 5.0


@dataclass(frozen=True)
class Turn:
    """What is said, by whom, and in how many codes."""

    text: str
    voice: Path
    codes: int

    def request(self, seed: int) -> SynthesisRequest:
        return SynthesisRequest(self.text, self.voice, seed, None, self.codes, self.codes)


def write_turns(folder: Path, count: int, shortest: float, longest: float) -> list[Turn]:
    """The same turns every time: lengths spread evenly over the range, in random order, the two voices in turn."""
    voices = []
    for number, role in enumerate(("user", "assistant")):
        voices.append(folder / f"{role}.wav")
        soundfile.write(voices[-1], wave(22050, PROMPT_SECONDS, number + 1), 22050)
    choose = random.Random(0)
    seconds = [shortest + (longest - shortest) * i / max(1, count - 1) for i in range(count)]
    choose.shuffle(seconds)
    texts = (_USER, _ASSISTANT)
    return [
        Turn(choose.choice(texts[i % 2]) + ".", voices[i % 2], round(length * CODES_PER_SECOND))
        for i, length in enumerate(seconds)
    ]


def spread(turns: list[Turn], count: int) -> list[Turn]:
    """``count`` turns whose lengths stand for all of them, the two voices in turn."""
    chosen = []
    for role in (0, 1):
        by_length = sorted(turns[role::2], key=lambda turn: turn.codes)
        wanted = (count + 1 - role) // 2
        chosen.append([by_length[int((i + 0.5) * len(by_length) / wanted)] for i in range(wanted)])
    return [chosen[i % 2][i // 2] for i in range(count)]
