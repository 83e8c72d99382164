"""Recordings as voices of IndexTTS2: found by name or pattern, identified by content."""

from __future__ import annotations

import re
from glob import iglob
from itertools import islice
from pathlib import Path

from indextts.foreign_files import kind_of

from ..prompts.recording import fault_of
from ..prompts.traits import TRAITS_FILE
from ..prompts.verdict import sentence
from ..prompts.voice_activity import DetectorMissing
from ..recipe.engines import IndexTTS2Options
from .base import EngineError, VoiceError

_PATTERN = re.compile(r"[*?[]")
_MOST_MATCHES = 100_000
"""Most files that a pattern may match: two links to their own folder match without end."""


def find_recording(name: str, folder: Path) -> Path:
    """Find a recording named in a dialogue file or recipe: an absolute path, beside the dialogue file, or in the
    working directory.

    Raises:
        VoiceError: there is none, or it is no sound file.
    """
    candidates = [Path(name).expanduser()] if Path(name).expanduser().is_absolute() else [folder / name, Path(name)]
    for path in candidates:
        if path.is_file():
            return path.resolve()
        if path.exists() and (kind := kind_of(path.stat().st_mode)):
            raise VoiceError(f"voice recording {path} is {kind}: give a sound file")
    raise VoiceError(f"there is no voice recording {name!r} (looked for {', '.join(map(str, candidates))})")


def matching_recordings(entry: str, folder: Path) -> list[str]:
    """The recordings that a pattern matches beside the dialogue file, else in the working directory; of a name without
    a pattern, or one that is a file for all its special characters, the name itself.

    Raises:
        VoiceError: nothing matches, or far too much.
    """
    places = [None] if Path(entry).expanduser().is_absolute() else [folder, Path()]
    pattern = str(Path(entry).expanduser())
    if not _PATTERN.search(entry) or any(Path(place or "", pattern).is_file() for place in places):
        return [entry]
    for place in places:
        # The folder's own name is no pattern, whatever characters it holds.
        names = list(islice(iglob(pattern, root_dir=place, recursive=True), _MOST_MATCHES + 1))
        if len(names) > _MOST_MATCHES:
            raise VoiceError(
                f"more than {_MOST_MATCHES} paths match {entry!r}: make the pattern narrower (links to folders may "
                f"lead in a circle)"
            )
        found = [path for name in names if (path := Path(place or "", name)).is_file() and path.name != TRAITS_FILE]
        if found:
            return sorted({str(path.resolve()) for path in found})
    raise VoiceError(
        f"no voice recording matches {entry!r} (looked in {', '.join(str(place or 'it') for place in places)})"
    )


def prompt_fingerprint(path: Path, options: IndexTTS2Options, speech: bool = True) -> str:
    """Identity of a recording as a voice, after checking that it can be one.

    Raises:
        EngineError: the speech detector is missing.
        VoiceError: it would make bad speech; names the measure, the limit and the remedy.
    """
    try:
        prompt, fault = fault_of(path, options.max_prompt_seconds, options.prompts, speech)
    except DetectorMissing as error:
        raise EngineError(f"engine 'indextts2': {error}") from error
    if prompt is None or fault:
        assert fault
        raise VoiceError(f"voice recording {path} {sentence(fault)}")
    return prompt.fingerprint
