"""Paths of a dataset's files, and access to the small ones. Files are the only state.

<data root>/<dataset>/
    recipe.yaml                  settings of the dataset
    rejects.ndjson               every record that is not in the dataset, and why
    tasks/<shard>.tasks          synthesis tasks; tasks/summary.json counts them, tasks/voices.json names their voices
    mono/<shard>/*.arrow         spoken tasks of a shard in work (see synthesis/parts.py)
    mono/<shard>/*.piece         what the recordings of a shard in work hold
    data_stereo/.../<id>.wav     the recordings
    quality/<shard>.quality      what was measured of every utterance, which attempt was chosen, why one was rejected
    stereo/<shard>.index         what each recording holds, for checks and the manifest
    data_stereo/.../<id>.json    their transcripts
    mono/<shard>.speed.json      how fast it was spoken
    transcripts/<shard>.json     what the transcripts of a shard were made from
    done/<shard>.done            written last: the shard is finished (see resume/finished.py)
    report.html                  the report: one page that opens by itself (see report/)
    <dataset>.jsonl              the manifest; nothing else may end in "jsonl": the loader reads every such file
    <dataset>.eval.ndjson        the manifest of the dialogues kept for evaluation, where there are any
    README.md                    the dataset card
    standard_input               what was piped into the build, where it was
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from ..dialogues.dialogue import Reject, reject_line
from ..names import check_dataset_name, shard_key, split_shard_key
from ..recipe import Recipe, load_recipe
from .checked_table import DamagedTable, read_table, table_digest
from .parse_summary import ParseSummary, first_fault, read_parse_summary
from .whole_file import whole_file, write_whole

TASKS_FORMAT = {"format": "2"}
"""Format number in the metadata of the task schema. 2: spoken beside written text."""
SUMMARY_FILE = "summary.json"
"""File in the tasks folder with the outcome of the parse; a dataset with it has its tasks."""
VOICES_FILE = "voices.json"
"""File in the tasks folder with the content fingerprint of each voice, by the name that the engine takes."""

VOICE_TRAITS_FILE = "voice_traits.json"
"""File in the tasks folder with gender, accent and age of the voices, if known."""

_TEXTS = TypeAdapter(dict[str, str])
_TRAITS = TypeAdapter(dict[str, dict[str, str]])
_REJECT = TypeAdapter(Reject)
_Content = TypeVar("_Content")


def tasks_path(folder: Path, shard: str) -> Path:
    """File of a shard's tasks in a tasks folder."""
    return folder / f"{shard}.tasks"


class DatasetError(RuntimeError):
    """A dataset folder lacks what a stage needs; the message names it and what to do."""


class DatasetStore:
    """Paths and small files of one dataset."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = check_dataset_name(name)
        self.folder = root / name

    @property
    def recipe_path(self) -> Path:
        return self.folder / "recipe.yaml"

    @property
    def tasks_folder(self) -> Path:
        return self.folder / "tasks"

    @property
    def summary_path(self) -> Path:
        return self.tasks_folder / SUMMARY_FILE

    @property
    def rejects_path(self) -> Path:
        return self.folder / "rejects.ndjson"

    @property
    def card_path(self) -> Path:
        return self.folder / "README.md"

    @property
    def manifest_path(self) -> Path:
        return self.folder / f"{self.name}.jsonl"

    @property
    def eval_manifest_path(self) -> Path:
        """The evaluation manifest, named so that a trainer that is given the folder does not train on it."""
        return self.folder / f"{self.name}.eval.ndjson"

    @property
    def report_path(self) -> Path:
        return self.folder / "report.html"

    @property
    def stereo_folder(self) -> Path:
        return self.folder / "data_stereo"

    @property
    def temp_folder(self) -> Path:
        return self.folder / "tmp_mono"

    @property
    def progress_folder(self) -> Path:
        return self.folder / ".progress"

    def mono_folder(self, shard: str) -> Path:
        return self.folder / "mono" / shard

    def failures_path(self, shard: str) -> Path:
        """Tasks of a shard that the engine could not speak, as JSON."""
        return self.folder / "mono" / f"{shard}.failures.json"

    def quality_path(self, shard: str) -> Path:
        """Measures of the shard's utterances."""
        return self.folder / "quality" / f"{shard}.quality"

    def speed_path(self, shard: str) -> Path:
        """Speed of a shard's synthesis, as JSON."""
        return self.folder / "mono" / f"{shard}.speed.json"

    def index_path(self, shard: str) -> Path:
        """Content of a shard's recordings."""
        return self.folder / "stereo" / f"{shard}.index"

    def transcripts_path(self, shard: str) -> Path:
        """Summary of a shard's transcripts, as JSON."""
        return self.folder / "transcripts" / f"{shard}.json"

    def done_path(self, shard: str) -> Path:
        """Marker of a finished shard."""
        return self.folder / "done" / f"{shard}.done"

    def exists(self) -> bool:
        """True once the dataset has been parsed."""
        return self.summary_path.is_file()

    def check_complete(self) -> None:
        """Refuse a dataset of which only the first shards are there.

        Raises:
            DatasetError: the parse of the dialogue file goes on, or was broken off.
        """
        if not self.summary().complete:
            raise DatasetError(
                f"the dialogue file of {self.name!r} has not been read to its end: build it again, or materialize "
                f"synthesis_tasks for it"
            )

    def is_complete(self) -> bool:
        """True once the dataset has been parsed to the end of its file; a large new one is there before that."""
        try:
            return self.summary().complete
        except DatasetError:
            return False

    def recipe(self) -> Recipe:
        """The recipe stored with the dataset.

        Raises:
            DatasetError: no such dataset under this data root.
        """
        if not self.recipe_path.is_file():
            raise DatasetError(
                f"there is no dataset {self.name!r} in {self.root}: materialize synthesis_tasks for it first, or point "
                f"MOSHI_ASSETS_DATA at the data root that holds it"
            )
        return load_recipe(self.recipe_path)

    def summary(self) -> ParseSummary:
        """Figures of the last parse, and what its tasks were made from.

        Raises:
            DatasetError: there is none, or it is damaged.
        """
        try:
            return read_parse_summary(self.summary_path)
        except FileNotFoundError:
            why = "is not there"
        except (OSError, ValueError) as error:
            why = f"is damaged: {error}"
        raise DatasetError(
            f"dataset {self.name!r} has no parsed tasks ({self.summary_path} {why}): materialize synthesis_tasks first"
        )

    def voice_fingerprints(self) -> dict[str, str]:
        """Identity by content of each voice, by its name in the tasks.

        Raises:
            DatasetError: there is no readable voices.json.
        """
        return self._read_tasks_file(VOICES_FILE, _TEXTS)

    def voice_traits(self) -> dict[str, dict[str, str]]:
        """Gender, accent and age of voices, by their name in the tasks; empty if nothing is known.

        Raises:
            DatasetError: voice_traits.json is there and cannot be read.
        """
        if not (self.tasks_folder / VOICE_TRAITS_FILE).exists():
            return {}
        return self._read_tasks_file(VOICE_TRAITS_FILE, _TRAITS)

    def _read_tasks_file(self, name: str, kind: TypeAdapter[_Content]) -> _Content:
        """Content of a file that the parse wrote beside the tasks."""
        path = self.tasks_folder / name
        try:
            return kind.validate_json(path.read_bytes(), strict=True)
        except (OSError, ValueError) as error:
            why = first_fault(error) if isinstance(error, ValidationError) else error
            raise DatasetError(
                f"{path} cannot be read ({why}): materialize synthesis_tasks for {self.name!r} again"
            ) from None

    def shards(self) -> list[str]:
        """Shard keys of the dataset, in order."""
        return [shard_key(self.name, index) for index in range(self.summary().shards)]

    def tasks_fingerprint(self) -> bytes:
        """Digest of every setting and every task.

        Raises:
            DatasetError: not parsed.
            OSError: a shard's tasks cannot be read.
        """
        digest = hashlib.blake2b(self.recipe().fingerprint.encode(), digest_size=16)
        for shard in self.shards():
            digest.update(table_digest(tasks_path(self.tasks_folder, shard)))
        return digest.digest()

    def tasks(self, shard: str) -> pa.Table:
        """Tasks of a shard (TASK_SCHEMA).

        Raises:
            DatasetError: the shard does not exist (any more).
        """
        try:
            tasks = read_table(tasks_path(self.tasks_folder, shard))
            if (tasks.schema.metadata or {}).get(b"format") != TASKS_FORMAT["format"].encode():
                raise DamagedTable("they were planned by another version of moshi-assets")
            return tasks
        except (OSError, DamagedTable) as error:
            raise DatasetError(
                f"shard {shard!r} has no readable tasks ({error}): materialize synthesis_tasks for "
                f"{self.name!r} again; shards past the dataset's end go away with it"
            ) from None

    def failures(self, shard: str) -> dict[str, str]:
        """Reasons, by dialogue id, why the engine could not speak a dialogue of this shard."""
        try:
            return _TEXTS.validate_json(self.failures_path(shard).read_bytes(), strict=True)
        except (FileNotFoundError, ValueError):  # damaged: the stereo stage then asks for mono_syntheses
            return {}

    def write_failures(self, shard: str, reasons: dict[str, str]) -> None:
        """Replace the shard's failures; none removes the file."""
        if reasons:
            write_whole(self.failures_path(shard), json.dumps(reasons, ensure_ascii=False, indent=1))
        else:
            self.failures_path(shard).unlink(missing_ok=True)

    def rejects(self) -> Iterator[Reject]:
        """Rejected records, parse rejects first.

        Raises:
            DatasetError: the file is damaged.
        """
        if self.rejects_path.is_file():
            with open(self.rejects_path, "rb") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        yield _REJECT.validate_json(line)
                    except ValidationError as error:
                        raise DatasetError(
                            f"{self.rejects_path}:{number} is not a reject ({first_fault(error)}): materialize "
                            f"synthesis_tasks for {self.name!r} again"
                        ) from None

    def replace_late_rejects(self, late: Iterable[Reject]) -> int:
        """Keep the parse rejects and replace those of later stages; return the number of all rejects."""
        count = 0
        with whole_file(self.rejects_path, durable=True) as partial, open(partial, "w", encoding="utf-8") as out:
            for reject in (*(r for r in self.rejects() if r.stage == "parse"), *late):
                out.write(reject_line(reject))
                count += 1
        return count

    def remove_stale_shards(self) -> list[str]:
        """Remove the files of shards past the dataset's end; return their keys."""
        wanted = set(self.shards())
        stale = set()
        for path in [
            *self.folder.glob("mono/*"),
            *self.folder.glob("quality/*.quality"),
            *self.folder.glob("stereo/*.index"),
            *self.folder.glob("transcripts/*.json"),
            *self.folder.glob("done/*.done"),
        ]:
            key = path.name
            for suffix in (".quality", ".index", ".failures.json", ".speed.json", ".json", ".done"):
                key = key.removesuffix(suffix)
            try:
                split_shard_key(key)
            except ValueError:
                continue
            if key not in wanted:
                stale.add(key)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return sorted(stale)


def datasets_in(root: Path) -> list[DatasetStore]:
    """Datasets below a data root whose dialogue file was read to its end, by name."""
    stores = []
    for recipe in sorted(root.glob("*/recipe.yaml")):
        try:
            store = DatasetStore(root, recipe.parent.name)
        except ValueError:
            continue
        if store.is_complete():
            stores.append(store)
    return stores
