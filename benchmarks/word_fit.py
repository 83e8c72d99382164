"""Word times compared with the sound: how many that are moved are found, and how many right ones are suspected.

The sample dialogues in the built-in voice, plain and as unlike that as a recipe can make them, and in noise, with every
aligner that needs no model. The thresholds of moshi_assets/alignment/fit.py were chosen by these counts, and by the
same ones over a dialogue corpus of 433 turns.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import Aligner, AlignmentError, Utterance, Word
from moshi_assets.alignment.engine_times import EngineAligner
from moshi_assets.alignment.fit import misfits
from moshi_assets.alignment.proportional import ProportionalAligner
from moshi_assets.storage.dataset import DatasetStore

from .alignment import SAMPLE, spoken
from .measure import build, save

SHIFT_SECONDS = 0.3
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "natural_packed_quiet_16k": {
        "timing": "natural",
        "pack_seconds": 100,
        "target_lufs": -45,
        "sample_rate": 16000,
    },
    "noise": {"engine": "noise", "timing": "natural"},
}
ALIGNERS: dict[str, list[type[Aligner]]] = {
    "plain": [EngineAligner, AcousticAligner, ProportionalAligner],
    "natural_packed_quiet_16k": [EngineAligner, AcousticAligner, ProportionalAligner],
    "noise": [EngineAligner, ProportionalAligner],  # nobody recognises words in it
}


def moved(by: float) -> Callable[[Utterance, list[Word]], list[Word]]:
    """All words of an utterance, earlier or later."""
    return lambda utterance, words: [w._replace(start=w.start + by, end=w.end + by) for w in words]


def scrambled(utterance: Utterance, words: list[Word]) -> list[Word]:
    """Words of the same lengths anywhere in the utterance, in order."""
    random = np.random.default_rng(utterance.frames)
    starts = np.sort(random.uniform(0, utterance.duration, len(words)))
    return [w._replace(start=at, end=at + w.end - w.start) for w, at in zip(words, starts, strict=True)]


CHANGES: dict[str, Callable[[Utterance, list[Word]], list[Word]]] = {
    "right": moved(0.0),
    "early": moved(-SHIFT_SECONDS),
    "late": moved(SHIFT_SECONDS),
    "scrambled": scrambled,
}


def counted(turns: list[Utterance], aligner: Aligner) -> Iterator[tuple[str, int]]:
    """Turns that were aligned, and for each change how many of them are then found not to fit."""
    aligned = [
        (turn, w) for turn, w in zip(turns, aligner.align(turns), strict=True) if not isinstance(w, AlignmentError)
    ]
    yield "turns", len(aligned)
    for name, change in CHANGES.items():
        found = [any(misfits(change(turn, w), turn.frame_power)) for turn, w in aligned]
        yield name, sum(found)


def main() -> None:
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for form, settings in FORMS.items():
            (folder / "recipe.yaml").write_text(json.dumps(settings))
            build([str(SAMPLE), "--output", name, "--name", form, "--recipe", str(folder / "recipe.yaml")])
            turns = spoken(DatasetStore(folder, form))
            figures[form] = {aligner.name: dict(counted(turns, aligner())) for aligner in ALIGNERS[form]}
    counts = [counts for form in figures.values() for counts in form.values()]
    figures["all"] = {name: sum(count[name] for count in counts) for name in counts[0]}
    save("word_fit", "python -m benchmarks word_fit", figures)


if __name__ == "__main__":
    main()
