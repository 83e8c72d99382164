"""The classic builder that this project replaces: benchmark opponent and oracle.

One process, one utterance after another; each is written to a temporary WAV, read back for packing, and one manifest
row is flushed at a time. Both turns start at 0 and keep the engine's rate. With the same recipe the pipeline gives the
same bytes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from .admission import Admission, PlannedDialogue
from .dialogue import Dialogue, Reject
from .engines.base import engine_class
from .manifest_files import manifest_row
from .pcm import to_pcm16
from .recipe import Recipe, RecipeError
from .stereo import CHANNEL, recording_path
from .store import DatasetStore, reject_line
from .worker_process import default_device


@dataclass
class BaselineFigures:
    """What the classic builder did."""

    recordings: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0


def build_baseline(
    recipe: Recipe, store: DatasetStore, report: Callable[[BaselineFigures], None] | None = None
) -> BaselineFigures:
    """Build the dataset the classic way: no resume, no checks, rejects only for bad lines.

    Raises:
        DialogueFileError, EngineError, RecipeError: as the planner does; any failure of the engine ends the build.
    """
    if recipe.eval_fraction or recipe.eval_count:
        raise RecipeError(
            "the classic builder writes one manifest and keeps nothing for evaluation: unset eval_fraction and eval_count"
        )
    begin = time.monotonic()
    figures = BaselineFigures()
    store.stereo_folder.mkdir(parents=True, exist_ok=True)
    device = recipe.device or default_device(0) if recipe.engine == "indextts2" else None
    engine = engine_class(recipe.engine)(recipe.engine_options, device, recipe.deterministic)
    with (
        tempfile.TemporaryDirectory(prefix="moshi-assets-") as temporary,
        open(store.manifest_path, "w", encoding="utf-8", newline="\n") as manifest,
        open(store.rejects_path, "w", encoding="utf-8") as rejects,
    ):
        for item in Admission(recipe).dialogues():
            if isinstance(item, PlannedDialogue) and not _is_pair(item.dialogue):
                item = item.dialogue.reject("the classic builder knows only one turn of each role")
            if isinstance(item, Reject):
                figures.rejected += 1
                rejects.write(reject_line(item))
                continue
            mono: list[np.ndarray] = []
            for task in item.tasks(store.name):
                path = Path(temporary) / f"{task.role}.wav"
                (result,) = engine.synthesize([task])
                if isinstance(result, Exception):
                    raise result
                sf.write(path, to_pcm16(result.audio), result.sample_rate, subtype="PCM_16")
                samples, rate = sf.read(path, dtype="int16")
                mono.append(samples)
            stereo = np.zeros((max(map(len, mono)), 2), np.int16)
            for turn, samples in zip(item.dialogue.turns, mono):
                stereo[: len(samples), CHANNEL[turn.role]] = samples
            path = store.folder / recording_path(recipe, "", item.stem)
            sf.write(path, stereo, rate, subtype="PCM_16")
            manifest.write(manifest_row(str(path.relative_to(store.folder)), len(stereo) / rate))
            manifest.flush()
            figures.recordings += 1
            figures.audio_seconds += len(stereo) / rate
            figures.wall_seconds = time.monotonic() - begin
            if report:
                report(figures)
    engine.close()
    figures.wall_seconds = time.monotonic() - begin
    return figures


def _is_pair(dialogue: Dialogue) -> bool:
    return sorted(turn.role for turn in dialogue.turns) == ["assistant", "user"]
