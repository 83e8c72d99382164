"""What lies beside the recordings is checked too: `verify` names what is lost or damaged, and a build mends it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.publish.card.seal import MARK
from moshi_assets.storage.checked_table import read_table, write_table
from moshi_assets.storage.dataset import VOICES_FILE
from tests.moshi_assets.support.pipeline import flip_byte
from tests.moshi_assets.support.plain_dataset import PlainDataset, records

NOISE = {"characters_per_second": 20.0}
LINES = [*records(6), "broken"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    dataset = PlainDataset(tmp_path_factory.mktemp("finished"), LINES, transcripts=True, noise=NOISE)
    dataset.build()
    return dataset


@pytest.fixture
def copy(finished: PlainDataset, tmp_path: Path) -> PlainDataset:
    """A copy of the finished dataset that a test may damage."""
    shutil.copytree(finished.store.folder, tmp_path / "data" / "talks")
    return PlainDataset(tmp_path, LINES, transcripts=True, noise=NOISE)


def faults(dataset: PlainDataset) -> list[str]:
    return [str(fault) for fault in dataset_faults(dataset.store.folder)]


FILES: dict[str, Callable[[PlainDataset], Path]] = {
    "quality/talks.000001.quality": lambda d: d.store.quality_path("talks.000001"),
    "transcripts/talks.000001.json": lambda d: d.store.transcripts_path("talks.000001"),
    "tasks/voices.json": lambda d: d.store.tasks_folder / VOICES_FILE,
    "README.md": lambda d: d.store.card_path,
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def undecodable(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"a", b"\xff").replace(b"o", b"\xff"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [Path.unlink, cut, lambda path: path.write_bytes(b""), undecodable])
def test_what_is_lost_or_damaged_is_named_once(copy, name, damage):
    damage(FILES[name](copy))

    (fault,) = faults(copy)
    assert fault.startswith(f"{name}: ")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [Path.unlink, cut, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("keep_mono", [True, False])
def test_a_build_mends_it(copy, name, damage, keep_mono):
    copy.settings["keep_mono"] = keep_mono
    copy.build()
    damage(FILES[name](copy))

    copy.build()

    assert faults(copy) == []


def test_a_flipped_byte_of_a_quality_table_is_found(copy):
    flip_byte(copy.store.quality_path("talks.000000"), -100)

    assert faults(copy) == ["quality/talks.000000.quality: is damaged (checksum): build the dataset again"]


def test_the_quality_table_of_another_shard_is_found(copy):
    write_table(copy.store.quality_path("talks.000000"), read_table(copy.store.quality_path("talks.000001")))

    assert ["is not of the shard's tasks" in fault for fault in faults(copy)] == [True]


@pytest.mark.parametrize("field", ["key", "recordings", "words", "assistant_words", "shared_slots", "turns_by_method"])
def test_a_summary_that_tells_something_else_than_the_transcripts_is_found(copy, field):
    path = copy.store.transcripts_path("talks.000000")
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: {} if field == "turns_by_method" else 7}))

    assert ["disagrees with the transcripts" in fault for fault in faults(copy)] == [True]


def test_a_summary_of_another_form_is_damaged(copy):
    path = copy.store.transcripts_path("talks.000000")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"turns_by_method": 7}))

    assert ["is damaged (no summary of transcripts" in fault for fault in faults(copy)] == [True]


def test_a_voice_that_is_not_in_the_table_is_named(copy):
    (copy.store.tasks_folder / VOICES_FILE).write_text("{}")

    (fault,) = faults(copy)
    assert "tasks/voices.json: lacks 2 voices ('" in fault


def test_one_changed_letter_of_the_card_is_found(copy):
    text = copy.store.card_path.read_text()
    copy.store.card_path.write_text(text.replace("synthetic", "Synthetic", 1))

    (fault,) = faults(copy)
    assert "is not as it was written" in fault and "to keep a text of your own" in fault


@pytest.mark.parametrize("edit", [lambda text: "# Mine\n", lambda text: text.replace(MARK, "")[:300]])
def test_a_card_of_somebody_s_own_is_no_damage_and_is_kept(copy, edit):
    own = edit(copy.store.card_path.read_text())
    copy.store.card_path.write_text(own)
    assert faults(copy) == []

    copy.build()

    assert copy.store.card_path.read_text() == own


def test_a_dataset_without_transcripts_needs_no_summary(tmp_path):
    dataset = PlainDataset(tmp_path, records(2), transcripts=False)
    dataset.build()

    assert faults(dataset) == []
