"""`moshi-assets voices`: check which recordings of a folder can be voices, without loading a model."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indextts.interrupts import ending_at_once

from .build import EXIT_FAILED
from .printable import printable

if TYPE_CHECKING:
    from ..prompts.listing import Listed, VoiceFolder
    from ..recipe.engines import IndexTTS2Options

_DIGITS = 4


@click.command()
@click.argument("folder", type=click.Path(exists=True, readable=True, path_type=Path))
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recipe (YAML) whose limits are to hold: indextts2.prompts and indextts2.max_prompt_seconds.",
)
@click.option("--only-refused", is_flag=True, help="Only what cannot be a voice.")
@click.option("--jsonl", is_flag=True, help="A JSON object a recording on standard output, the counts as the last.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any recording cannot be a voice.")
@click.pass_context
def voices(
    context: click.Context, folder: Path, recipe_file: Path | None, only_refused: bool, jsonl: bool, strict: bool
) -> None:
    """List the recordings in a FOLDER and below: length, loudness, share of speech, and whether each can be a voice.

    A voice for engine indextts2. What voices.jsonl beside the recordings says of them is listed and counted too. The
    counts go to standard error. Exit codes: 0 listed, 1 no recording can be a voice (or any cannot, with --strict), 2
    wrong usage, 130 interrupted.
    """
    with ending_at_once():
        from ..prompts.listing import VoiceFolder
        from ..prompts.voice_activity import DetectorMissing

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = _options(recipe_file)
    found, counts = VoiceFolder(folder, options.max_prompt_seconds, options.prompts), _Counts()
    try:
        for listed in found.recordings():
            counts.add(listed)
            if listed.fault or not only_refused:
                sys.stdout.write((_object(folder, listed) if jsonl else _line(folder, listed)) + "\n")
                sys.stdout.flush()
    except DetectorMissing as error:
        raise click.ClickException(str(error)) from None
    if jsonl:
        sys.stdout.write(json.dumps({"event": "summary", **counts.figures(found)}, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    click.echo("\n".join([*_problems(found), *counts.lines(found)]), err=True)
    if not counts.usable:
        raise click.ClickException(f"{folder} holds no recording that can be a voice")
    if strict and counts.refused:
        context.exit(EXIT_FAILED)


def _options(recipe_file: Path | None) -> IndexTTS2Options:
    from ..recipe import RecipeError, make_recipe, read_recipe_settings

    settings: dict[str, Any] = {"name": "voices", "source": "voices.jsonl"}
    try:
        of_file = read_recipe_settings(recipe_file) if recipe_file else {}
        return make_recipe(settings | of_file, recipe_file, of_file).indextts2
    except RecipeError as error:
        raise click.UsageError(str(error)) from None


class _Counts:
    """Counts of the recordings in a folder."""

    def __init__(self) -> None:
        self.usable = self.copies = 0
        self._kinds = Counter[str]()
        self._traits: dict[str, Counter[str]] = {}

    @property
    def refused(self) -> int:
        return self._kinds.total()

    def add(self, listed: Listed) -> None:
        if listed.fault:
            self._kinds[listed.fault.kind] += 1
            return
        self.usable += 1
        self.copies += listed.copy_of is not None
        for trait, value in listed.traits.items():
            self._traits.setdefault(trait, Counter())[value] += 1

    def figures(self, folder: VoiceFolder) -> dict[str, Any]:
        return {
            "recordings": self.usable + self.refused,
            "usable": self.usable,
            "copies": self.copies,
            "refused": dict(self._kinds.most_common()),
            "other_files": folder.others,
            "traits": {trait: dict(values.most_common()) for trait, values in sorted(self._traits.items())},
            "trait_problems": sum(traits.problem_count for traits in folder.traits.folders.values()),
        }

    def lines(self, folder: VoiceFolder) -> Iterator[str]:
        refused = ", ".join(f"{count} {kind}" for kind, count in self._kinds.most_common())
        yield (
            f"{self.usable + self.refused} recordings: {self.usable} can be voices, {self.refused} cannot"
            + (f" ({refused})" if refused else "")
            + f"; {folder.others} other files"
        )
        if self.copies:
            yield f"  {self.copies} are copies of another: in a pool both are one voice"
        for trait, values in sorted(self._traits.items()):
            told = [f"{printable(value)} {count}" for value, count in values.most_common()]
            if missing := self.usable - values.total():
                told.append(f"not stated {missing}")
            yield f"  {trait}: {', '.join(told)}"


def _problems(found: VoiceFolder) -> Iterator[str]:
    """Problems with the folders and with the trait files in them."""
    from ..prompts.traits import TRAITS_FILE, sentence

    for folder in found.unreadable:
        yield f"{printable(str(folder))} cannot be listed: its recordings are left out"
    for folder, traits in found.traits.folders.items():
        file = printable(str(folder / TRAITS_FILE))
        yield from (f"{file}{printable(sentence(problem))}" for problem in traits.problems)
        if more := traits.problem_count - len(traits.problems):
            yield f"{file}: {more} more lines cannot be used"
        if traits.unused:
            names = ", ".join(printable(name) for name in traits.unused)
            yield f"{file}: fields that are not used: {names}"


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else path.name


def _line(folder: Path, listed: Listed) -> str:
    from ..prompts.verdict import sentence

    measures = listed.prompt.measures if listed.prompt else None
    verdict = "ok" if listed.fault is None else "refused"
    figures = (
        f"{measures.seconds:7.1f} s  {measures.loudness_lufs:6.1f} LUFS  speech {100 * measures.speech_share:3.0f} %"
        if measures
        else f"{'-':>9}  {'-':>11}  {'-':>12}"
    )
    told = ", ".join(
        [
            *([f"{measures.start:.1f} s of silence skipped"] if measures and measures.start else []),
            *([f"copy of {_name(folder, listed.copy_of)}"] if listed.copy_of else []),
            *listed.traits.values(),
        ]
    )
    name = printable(_name(folder, listed.path) + (f"  ({told})" if told else ""))
    return f"{verdict:<7}  {figures}  {name}" + (f"  {printable(sentence(listed.fault))}" if listed.fault else "")


def _object(folder: Path, listed: Listed) -> str:
    from ..prompts.verdict import sentence

    prompt, fault = listed.prompt, listed.fault
    measures: dict[str, Any] = {}
    if prompt and prompt.measures:
        measures = {name: _rounded(value) for name, value in prompt.measures._asdict().items()}
        measures["speech_share"] = _rounded(prompt.measures.speech_share)
    return json.dumps(
        {
            "file": _name(folder, listed.path),
            "verdict": fault.kind if fault else "ok",
            "value": _rounded(fault.value) if fault else None,
            "limit": fault.limit if fault else None,
            "reason": sentence(fault) if fault else None,
            "fingerprint": prompt.fingerprint if prompt else None,
            "copy_of": _name(folder, listed.copy_of) if listed.copy_of else None,
            "traits": listed.traits,
            "measures": measures or None,
        },
        ensure_ascii=False,
    )


def _rounded(value: float | None) -> float | None:
    return round(value, _DIGITS) if isinstance(value, float) else value
