"""The classic builder that this project replaces: what benchmarks compare with, and the reference for old datasets.

One process, one utterance after another. Each is the file that IndexTTS2's `infer` writes; two of them are read back as
floats (v / 32768), padded with zeros, put side by side and written again with soundfile's defaults: where those are x *
32767, rounded, samples above half scale move by one step; where libsndfile is told to clip (soundfile 0.14) it is x *
32768 and none does. One manifest row is flushed at a time, both turns start at 0 and keep the engine's rate. The
pipeline, with the same recipe, stores the samples that `infer` would have written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from ..audio.pcm import to_pcm16
from ..dialogues.dialogue import ROLES, Dialogue, Reject, Role, reject_line
from ..engines.registry import engine_class
from ..planning.dialogue_planner import DialoguePlanner, PlannedDialogue
from ..processes.worker import default_device
from ..publish.manifest import manifest_row
from ..recipe import Recipe, RecipeError
from ..stereo.recording import recording_path
from ..storage.dataset import DatasetStore


@dataclass
class ClassicFigures:
    """What the classic builder did."""

    recordings: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0


def build_classic(
    recipe: Recipe, store: DatasetStore, report: Callable[[ClassicFigures], None] | None = None
) -> ClassicFigures:
    """Build the dataset the classic way: no resume, no checks, rejects only for bad lines.

    Raises:
        DialogueFileError, EngineError, RecipeError: as the planner does; any failure of the engine ends the build.
    """
    if recipe.eval_fraction or recipe.eval_count:
        raise RecipeError(
            "the classic builder writes one manifest and keeps nothing for evaluation: unset eval_fraction and "
            "eval_count"
        )
    begin = time.monotonic()
    figures = ClassicFigures()
    for folder in (store.stereo_folder, store.temp_folder):
        folder.mkdir(parents=True, exist_ok=True)
    device = recipe.device or default_device(0) if recipe.engine == "indextts2" else None
    engine = engine_class(recipe.engine)(recipe.engine_options, device, recipe.deterministic)
    with (
        open(store.manifest_path, "w", encoding="utf-8", newline="\n") as manifest,
        open(store.rejects_path, "w", encoding="utf-8") as rejects,
    ):
        for item in DialoguePlanner(recipe, first_name=0).dialogues():
            if isinstance(item, PlannedDialogue) and not _is_pair(item.spoken.dialogue):
                item = item.spoken.dialogue.reject("the classic builder knows only one turn of each role")
            if isinstance(item, Reject):
                figures.rejected += 1
                rejects.write(reject_line(item))
                continue
            with _temp_files(store.temp_folder, item.stem, recipe.keep_temp) as mono:
                for task in item.tasks(store.name):
                    (result,) = engine.synthesize([task])
                    if isinstance(result, Exception):
                        raise result
                    sf.write(mono[task.role], to_pcm16(result.audio), result.sample_rate, subtype="PCM_16")
                stereo, rate = side_by_side(mono)
            path = store.folder / recording_path(recipe, "", item.stem)
            sf.write(path, stereo, rate)
            manifest.write(manifest_row(str(path.relative_to(store.folder)), len(stereo) / rate))
            manifest.flush()
            figures.recordings += 1
            figures.audio_seconds += len(stereo) / rate
            figures.wall_seconds = time.monotonic() - begin
            if report:
                report(figures)
    with suppress(OSError):  # files that are kept lie in it
        store.temp_folder.rmdir()
    engine.close()
    figures.wall_seconds = time.monotonic() - begin
    return figures


@contextmanager
def _temp_files(folder: Path, stem: str, keep: bool) -> Iterator[dict[Role, Path]]:
    """Paths of the two temporary utterances of a dialogue, by role."""
    paths = {role: folder / f"{stem}_{role}.wav" for role in ROLES}
    try:
        yield paths
    finally:
        if not keep:
            for path in paths.values():
                path.unlink(missing_ok=True)


def side_by_side(mono: Mapping[Role, Path]) -> tuple[np.ndarray, int]:
    """(frames, 2) float64 in [-1, 1) and the rate in Hz: the assistant left, the user right, the shorter one padded."""
    (assistant, rate), (user, _) = sf.read(mono["assistant"]), sf.read(mono["user"])
    frames = max(len(assistant), len(user))
    return np.stack([np.pad(wave, (0, frames - len(wave))) for wave in (assistant, user)], axis=1), rate


def _is_pair(dialogue: Dialogue) -> bool:
    return sorted(turn.role for turn in dialogue.turns) == ["assistant", "user"]
