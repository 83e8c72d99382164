"""An engine that misbehaves on chosen texts for their first attempts, whatever was spoken before it was started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.planning.content_keys import dialogue_seed, task_seeds
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.synthesis.attempts import attempt_seed

PACE = {"chars_per_second": 200, "min_chars_per_second": 20, "max_chars_per_second": 1000}
"""Gates that fit the noise of `SHORT_NOISE`."""

TRICKS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "runaway": (lambda noise: np.tile(noise, 20), "duration_ratio"),
    "stopped": (lambda noise: noise[:240], "duration_ratio"),
    "clipped": (lambda noise: np.where(noise > 0, 1.0, -1.0).astype(np.float32) * (noise != 0), "clipped"),
    "humming": (lambda noise: (noise + 5000).astype(np.int16), "dc"),
    "faint": (lambda noise: (noise // 512).astype(np.int16), "loudness_lufs"),
    "mute": (lambda noise: np.zeros_like(noise), "audio is silent"),
    "late": (lambda noise: np.concatenate([np.zeros(26400, np.int16), noise]), "leading_silence"),
    "drawn": (lambda noise: np.concatenate([noise, np.zeros(38400, np.int16)]), "trailing_silence"),
    "broken": (lambda noise: np.concatenate([noise, np.zeros(50400, np.int16), noise]), "inner_silence"),
}
"""What it does to a text that holds a word, and the measure that shows it."""


NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def trick(word: str, attempts: int) -> str:
    """A text that goes wrong in its first attempts."""
    return f"{word} {NUMBERS[attempts]} of the words that were to be said here"


class ErraticEngine(NoiseEngine):
    """Noise. A text from `trick` goes wrong in as many attempts as it says; counts what it is asked for."""

    def __init__(self, batch_size: int = 4, seed: int = 0) -> None:
        super().__init__(NoiseOptions(characters_per_second=200))
        self.batch_size = batch_size
        self.seed = seed
        self.calls: list[list[tuple[str, int]]] = []

    @property
    def asked(self) -> Counter[tuple[str, int]]:
        """Times that each text was asked for, by attempt."""
        return Counter(each for call in self.calls for each in call)

    def attempt(self, task: SynthesisTask) -> int:
        first = task_seeds(dialogue_seed(self.seed, task.dialogue_id), task.turn + 1)[task.turn]
        return next(attempt for attempt in range(30) if attempt_seed(first, attempt) == task.seed)

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        attempts = [self.attempt(task) for task in tasks]
        self.calls.append([(task.spoken, attempt) for task, attempt in zip(tasks, attempts, strict=True)])
        results: list[Any] = super().synthesize(tasks)
        for task, attempt, result in zip(tasks, attempts, results, strict=True):
            word, _, rest = task.spoken.partition(" ")
            if word in TRICKS and attempt < NUMBERS.index(rest.split()[0]):
                result.audio = TRICKS[word][0](result.audio)
        return results
