"""Every kind of file of a finished dataset, damaged in several ways: does `verify` notice, does the next build mend
it?
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moshi_assets.audit.dataset import dataset_faults

from .reliability_kills import prepare

DIALOGUES = 60
FILES = {
    "recording": "data_stereo/*.wav",
    "transcript": "data_stereo/*.json",
    "manifest": "*.jsonl",
    "tasks": "tasks/*.tasks",
    "summary of the parse": "tasks/summary.json",
    "voices": "tasks/voices.json",
    "quality table": "quality/*.quality",
    "index of recordings": "stereo/*.index",
    "summary of transcripts": "transcripts/*.json",
    "marker": "done/*.done",
    "rejects": "rejects.ndjson",
    "recipe": "recipe.yaml",
    "card": "README.md",
    "report": "report.html",
}

DATED = ("card", "report", "summary of the parse", "summary of transcripts", "marker")
"""Files that hold a date or a duration: mended where they are there and `verify` has nothing to say."""


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def web_page(path: Path) -> None:
    path.write_text("<!doctype html><title>404</title>\n" * 20)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a byte differs": flip,
    "cut in half": cut,
    "empty": empty,
    "removed": remove,
    "another file": web_page,
}


def damage_all(folder: Path, full: bool) -> dict[str, dict[str, dict[str, bool]]]:
    """File -> damage -> whether it was noticed by `verify`, and whether the next build made the file what it was.

    `verify` meets one damage at a time, the build all of a sort at once.

    Args:
        folder: where to build.
        full: every damage; else that of one byte and the loss of the file.
    """
    whole = folder / "damages"
    command = prepare(whole, DIALOGUES, 0.0)
    with open(whole / "talks.jsonl", "a") as talks:
        talks.write('{"user_text": "", "assistant_text": "A line for the rejects."}\n')
    _build(whole, command)
    pristine = shutil.copytree(whole, folder / "pristine")
    found: dict[str, dict[str, dict[str, bool]]] = {name: {} for name in FILES}
    for what, damage in DAMAGES.items():
        if not full and damage not in (flip, remove):
            continue
        shutil.rmtree(whole)
        shutil.copytree(pristine, whole)  # to the same place: a recipe knows the path of its dialogue file
        dataset = whole / "data" / "talks"
        places = {name: min(dataset.glob(pattern)) for name, pattern in FILES.items()}
        good = {name: path.read_bytes() for name, path in places.items()}
        for name, path in places.items():
            damage(path)
            found[name][what] = {"noticed": bool(_faults(dataset))}
            path.write_bytes(good[name])
        for path in places.values():
            damage(path)
        _build(whole, command)
        sound = not _faults(dataset)
        for name, pattern in FILES.items():
            path = min(dataset.glob(pattern), default=None)
            found[name][what]["mended"] = path is not None and (
                path.read_bytes() == good[name] or (sound and name in DATED)
            )
        print(what, {name: outcomes[what] for name, outcomes in found.items()}, flush=True)
    return found


def _faults(dataset: Path) -> list[str]:
    try:
        return [str(fault) for fault in dataset_faults(dataset)]
    except Exception as error:
        return [str(error)]


def _build(folder: Path, command: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "moshi_assets", *command], cwd=folder, check=False, capture_output=True)


def total(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, int]:
    """How many damages were tried, noticed by `verify`, and mended by the next build."""
    all_of = [outcome for damages in found.values() for outcome in damages.values()]
    return {"tried": len(all_of), **{name: sum(o[name] for o in all_of) for name in ("noticed", "mended")}}
