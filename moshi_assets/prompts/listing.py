"""The recordings in a folder, each with its measures and faults."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..processes.pools import file_threads, usable_cores
from ..recipe.prompts import PromptSettings
from .recording import Prompt, fault_of
from .traits import TRAITS_FILE, TraitsBook
from .verdict import PromptFault

ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("aif", "aifc", "aiff", "au", "avr", "caf", "flac", "htk", "iff", "ircam", "mat", "mp2", "mp3", "mpc", "nist"),
        *("oga", "ogg", "opus", "paf", "pvf", "rf64", "sd2", "sds", "sf", "snd", "sph", "svx", "voc", "w64", "wav"),
        *("wave", "wve", "xi", "3gp", "aac", "ac3", "amr", "ape", "m4a", "m4b", "mka", "mp4", "webm", "wma", "wv"),
    )
)
"""Endings of files that count as recordings: formats of libsndfile, and other common sound formats."""
_AHEAD = 4
"""Recordings waiting for each core."""


class Listed(NamedTuple):
    """One recording of a folder."""

    path: Path
    prompt: Prompt | None
    """None if the file cannot be read as a recording."""
    fault: PromptFault | None
    """Reason why the recording cannot be a voice, or None."""
    traits: dict[str, str]
    copy_of: Path | None
    """Path of an earlier recording with the same content: in a pool both are one voice."""


@dataclass
class VoiceFolder:
    """A folder of recordings, inspected in constant memory, apart from their digests."""

    folder: Path
    max_seconds: float
    settings: PromptSettings
    traits: TraitsBook = field(default_factory=TraitsBook)
    others: int = 0
    """Files met so far that do not have the ending of a recording."""
    unreadable: list[Path] = field(default_factory=list)
    """Folders met so far that cannot be listed."""

    def recordings(self) -> Iterator[Listed]:
        """Yield every recording in order of its path, measured on all cores.

        Raises:
            DetectorMissing: the package that detects speech is not installed.
        """
        first: dict[str, Path] = {}
        waiting: deque[tuple[Path, Future[tuple[Prompt | None, PromptFault | None]]]] = deque()
        with file_threads() as threads:
            try:
                for path in self._paths():
                    absolute = path.absolute()
                    waiting.append((path, threads.submit(fault_of, absolute, self.max_seconds, self.settings)))
                    if len(waiting) > _AHEAD * usable_cores():
                        yield self._listed(*waiting.popleft(), first)
                while waiting:
                    yield self._listed(*waiting.popleft(), first)
            finally:
                threads.shutdown(cancel_futures=True)

    def _listed(
        self, path: Path, looking: Future[tuple[Prompt | None, PromptFault | None]], first: dict[str, Path]
    ) -> Listed:
        prompt, fault = looking.result()
        original = first.setdefault(prompt.digest, path) if prompt else path
        traits = self.traits.of(str(path.absolute()))
        return Listed(path, prompt, fault, traits, original if original != path else None)

    def _paths(self) -> Iterator[Path]:
        """Files below the folder; hidden ones are left out as patterns do, links to folders are not followed."""
        if not self.folder.is_dir():
            yield self.folder
            return

        def refused(error: OSError) -> None:
            self.unreadable.append(Path(error.filename))

        for place, folders, files in os.walk(self.folder, onerror=refused):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in (*files, *_sounding(folders)) if not name.startswith(".")):
                if os.path.splitext(name)[1].lower() in ENDINGS:
                    yield Path(place, name)
                elif name != TRAITS_FILE:
                    self.others += 1


def _sounding(folders: list[str]) -> list[str]:
    """Folders with the name of a recording, which the user may expect to be one."""
    return [name for name in folders if os.path.splitext(name)[1].lower() in ENDINGS]
