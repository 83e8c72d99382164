"""Links that lead out of a dataset folder: nothing is written or read through one, by any stage."""

import os
import shutil
from pathlib import Path

import pytest

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.export.run import export_dataset
from moshi_assets.export.shards import Limits
from moshi_assets.publish.report.write import write_report
from moshi_assets.stereo.index import read_index
from moshi_assets.stereo.recording import UnreadableRecording, read_channels
from moshi_assets.storage.links import OutsideLink, outside_links, refuse_links
from moshi_assets.storage.lock import dataset_lock
from tests.moshi_assets.support.pipeline import Pipeline, dialogue, failure, run, write_dialogues

PLACES = [
    "data_stereo",
    "data_stereo/talk-000.wav",
    "data_stereo/talk-000.json",
    "talks.jsonl",
    "recipe.yaml",
    "rejects.ndjson",
    "tasks",
    "tasks/voices.json",
    "mono",
    "mono/talks.000000",
    "quality",
    "stereo",
    "tmp_mono",
    "transcripts",
    ".progress",
    "README.md",
    "report.html",
]
NOISE = {"characters_per_second": 20.0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a finished dataset, `data/talks`, and what it was made from."""
    folder = tmp_path_factory.mktemp("finished")
    source = write_dialogues(folder / "talks.jsonl", map(dialogue, range(2)))
    Pipeline(folder / "data").build(source, noise=NOISE, keep_temp=True, keep_mono=True)
    (folder / "data" / "talks" / ".progress").mkdir(exist_ok=True)
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def plant(folder: Path, place: str) -> Path:
    """Move a part of the dataset out of it, leave a link in its place, and return where it lies now."""
    inside, outside = folder / "data" / "talks" / place, folder / "outside"
    outside.mkdir()
    moved = outside / Path(place).name
    inside.rename(moved)
    inside.symlink_to(moved)
    return outside


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Times and bytes of every file below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("place", PLACES)
def test_whoever_takes_the_dataset_is_refused_with_the_name_of_the_link(folder, place):
    before = state(plant(folder, place))
    dataset = folder / "data" / "talks"

    with pytest.raises(OutsideLink, match="leads out of the dataset folder") as refused, dataset_lock(dataset, "me"):
        raise AssertionError("the lock was given")

    assert f"{dataset / place} is a link" in str(refused.value)
    assert state(folder / "outside") == before


@pytest.mark.parametrize("place", PLACES)
def test_report_export_and_verify_read_nothing_through_a_link(folder, place):
    before = state(plant(folder, place))
    dataset = folder / "data" / "talks"

    for work in (
        lambda: write_report(Pipeline(folder / "data").store(), folder / "page.html"),
        lambda: export_dataset(dataset, folder / "export", "parquet", ["train"], Limits()),
    ):
        with pytest.raises(OSError, match="is a link that leads out"):
            work()
    (fault,) = dataset_faults(dataset)

    assert (fault.check, fault.where) == ("links", place)
    assert state(folder / "outside") == before
    assert not (folder / "page.html").exists() and not (folder / "export").exists()


@pytest.mark.parametrize("asset", ["synthesis_tasks", "mono_syntheses", "stereo_pairs", "transcripts", "manifest"])
@pytest.mark.parametrize("place", ["data_stereo", "mono"])
def test_no_asset_works_in_a_folder_with_a_link_out(folder, asset, place):
    before = state(plant(folder, place))
    pipeline = Pipeline(folder / "data")
    pipeline.instance.add_dynamic_partitions("datasets", ["talks"])
    pipeline.instance.add_dynamic_partitions("shards", ["talks.000000"])

    done = pipeline.materialize(asset, "talks" if asset in ("synthesis_tasks", "manifest") else "talks.000000")

    assert not done.success and "leads out of the dataset folder" in failure(done)
    assert state(folder / "outside") == before


@pytest.mark.parametrize("place", ["data_stereo", "build.log", ".lock"])
def test_the_command_says_which_link_is_in_the_way(folder, place):
    (folder / "data" / "talks" / place).parent.mkdir(exist_ok=True)
    if place == "build.log":
        (folder / "data" / "talks" / place).write_text("earlier")
    before = state(plant(folder, place))

    done = run("moshi-assets", "build", "talks.jsonl", "-o", "data", "--engine", "noise", cwd=folder)

    assert done.returncode == 1 and f"{place} is a link" in done.stderr and "Traceback" not in done.stderr
    assert state(folder / "outside") == before


def test_a_dataset_on_another_disk_is_linked_as_a_whole(folder):
    (folder / "data" / "talks").rename(folder / "elsewhere")
    (folder / "data" / "talks").symlink_to(folder / "elsewhere")

    refuse_links(folder / "data" / "talks")

    with dataset_lock(folder / "data" / "talks", "me"):
        pass


def test_a_link_to_another_place_inside_is_no_link_out(folder):
    dataset = folder / "data" / "talks"
    (dataset / "first.wav").symlink_to("data_stereo/talk-000.wav")

    assert list(outside_links(dataset)) == []


@pytest.mark.parametrize("target", ["../../../../etc", "/", "nowhere", "loop"])
def test_what_leads_up_or_nowhere_leads_out(folder, target):
    (folder / "data" / "talks" / "loop").symlink_to(target)

    assert [path.name for path in outside_links(folder / "data" / "talks")] == ["loop"]


def test_a_recording_that_its_index_puts_outside_is_not_read(folder):
    dataset = folder / "data" / "talks"
    (row, *_) = read_index(dataset / "stereo" / "talks.000000.index")
    shutil.copy(dataset / row.path, folder / "secret.wav")
    object.__setattr__(row, "path", "../../secret.wav")

    with pytest.raises(UnreadableRecording, match="lies outside the dataset"):
        read_channels(dataset, row)


def test_a_pipe_in_the_place_of_a_recording_blocks_nobody(folder):
    path = folder / "data" / "talks" / "data_stereo" / "talk-000.wav"
    path.unlink()
    os.mkfifo(path)

    found = [fault for fault in dataset_faults(folder / "data" / "talks") if fault.check == "format"]

    assert [(fault.where, fault.message) for fault in found] == [("data_stereo/talk-000.wav", "is no file")]
