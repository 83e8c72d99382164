"""The Python interface: build a dataset from a program, and read one back.

It is what `import moshi_assets` offers. Reading needs only what a trainer needs: the manifests, the recordings and
their transcripts.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger("moshi_assets.build")

Role = Literal["assistant", "user"]
Split = Literal["train", "eval"]
CHANNELS: tuple[Role, Role] = ("assistant", "user")
"""Roles of the left and the right channel."""
_INTERRUPTED = 130


class BuildError(RuntimeError):
    """A build failed or was refused; the message says why and what to do."""


class DatasetError(ValueError):
    """A folder holds no finished dataset, or a file of it is missing or damaged."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is spoken.

    Attributes:
        text: as it is written.
        start, end: seconds from the start of the recording.
        role: who speaks it.
    """

    text: str
    start: float
    end: float
    role: Role


@dataclass(frozen=True, slots=True)
class Recording:
    """One stereo recording of a dataset.

    Attributes:
        path: the WAV file.
        duration: seconds, as the manifest says.
        split: whether it is for training or for evaluation.
    """

    path: Path
    duration: float
    split: Split

    def audio(self) -> tuple[np.ndarray, int]:
        """Samples (N, 2) float32 in [-1, 1], left the assistant and right the user, and their rate in Hz.

        Raises:
            DatasetError: the file is missing or no recording.
        """
        import soundfile

        try:
            samples, rate = soundfile.read(self.path, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise DatasetError(f"{self.path} cannot be read: {error}") from error
        return samples, rate

    def words(self) -> list[Word]:
        """The words of both speakers, sorted by start; none in a dataset without transcripts.

        Raises:
            DatasetError: the transcript is damaged.
        """
        from .transcripts.transcript import SPEAKER, read_transcript

        path = self.path.with_suffix(".json")
        if not path.exists():
            return []
        transcript = read_transcript(path)
        if transcript is None:
            raise DatasetError(f"{path} is damaged: build the dataset again")
        roles: dict[str, Role] = {SPEAKER[role]: role for role in CHANNELS}
        return [Word(text, start, end, roles[speaker]) for text, (start, end), speaker in transcript.alignments]


class Dataset:
    """A finished dataset, read one recording at a time: `for recording in Dataset("data/talks")`.

    Attributes:
        folder: where it lies.
        name: the folder's name.
    """

    def __init__(self, folder: str | Path) -> None:
        """
        Args:
            folder: the dataset's own, such as `data/talks`.

        Raises:
            DatasetError: there is no manifest in it.
        """
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        if not self._manifest("train").is_file():
            raise DatasetError(f"{self.folder} holds no finished dataset: there is no {self._manifest('train').name}")

    def __iter__(self) -> Iterator[Recording]:
        """All recordings: those for training, then those for evaluation, each in the order of the input."""
        yield from self.recordings("train")
        yield from self.recordings("eval")

    def __len__(self) -> int:
        """The number of recordings."""
        return sum(1 for split in ("train", "eval") for _ in self.manifest(split))

    def __repr__(self) -> str:
        return f"Dataset({str(self.folder)!r})"

    def recordings(self, split: Split) -> Iterator[Recording]:
        """The recordings of one split in the order of the input; none where nothing was kept for evaluation."""
        for row in self.manifest(split):
            yield Recording(self.folder / row["path"], row["duration"], split)

    def manifest(self, split: Split) -> Iterator[dict[str, Any]]:
        """Rows of a split's manifest as moshi-finetune reads them: `path`, relative to the folder, and `duration` in
        seconds.

        Raises:
            DatasetError: a row cannot be read.
        """
        path = self._manifest(split)
        if split == "eval" and not path.exists():
            return
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                    yield {"path": str(row["path"]), "duration": float(row["duration"])}
                except (ValueError, KeyError, TypeError):
                    raise DatasetError(f"{path}:{number} is not a manifest row: build the dataset again") from None

    def _manifest(self, split: Split) -> Path:
        return self.folder / (f"{self.name}.jsonl" if split == "train" else f"{self.name}.eval.ndjson")


def build_dataset(
    source: str | Path | Sequence[str | Path], output: str | Path = "data", *, name: str | None = None, **settings: Any
) -> Dataset:
    """Build the dataset of a dialogue file, or continue it; returns the finished dataset.

    It runs `moshi-assets build` in a process of its own: a script needs no main guard, a notebook stays responsive to
    Ctrl-C, and the memory of the engine is given back.

    Args:
        source: a dialogue file, a folder of such files, a pattern, or several.
        output: folder that holds datasets; this one is built in `output/name`.
        name: of the dataset; default: the name of the one file or folder.
        settings: of the recipe, as in docs/settings.md: `engine="noise", gap=0.5, gates={"max_wer": 0.3}`.

    Raises:
        BuildError: it failed or was refused.
        KeyboardInterrupt: it was interrupted; the same call continues.
    """
    import yaml

    from .dialogues.files.sources import source_list
    from .recipe import RecipeError, make_recipe

    try:
        make_recipe({"name": name or "dataset", "source": source_list(source)} | settings)
        text = yaml.safe_dump(settings, allow_unicode=True)
    except (RecipeError, yaml.YAMLError) as error:
        raise BuildError(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="moshi-assets-") as folder:
        recipe, summary = Path(folder) / "recipe.yaml", Path(folder) / "summary.json"
        recipe.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "moshi_assets", "build", *source_list(source), "--output", str(output)]
        command += ["--recipe", str(recipe), "--log-format", "json", *(["--name", name] if name else [])]
        with summary.open("wb") as said:
            code, last_error = _run(command, said)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise BuildError(last_error)
        return Dataset(json.loads(summary.read_text(encoding="utf-8"))["folder"])


def _run(command: list[str], said: IO[bytes]) -> tuple[int, str]:
    """Exit code of a build and its last error; its other messages go to the logger `moshi_assets.build`."""
    last_error = ""
    # In a session of its own it gets the Ctrl-C of a terminal or of a notebook from here, and once.
    process = subprocess.Popen(
        command, stdout=said, stderr=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            with suppress(ValueError):
                message = json.loads(line)
                level, event = message.pop("level"), message.pop("event")
                if level == "error":
                    last_error = event
                else:
                    logger.log(logging.getLevelNamesMapping()[level.upper()], "%s %s", event, message)
        return process.wait(), last_error
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()
        process.stderr.close()
