"""The manifest: what moshi-finetune reads."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import SPLITS
from moshi_assets.publish.manifest import manifest_row
from moshi_assets.resume.finished import is_finished, manifest_is_current, unfinished_shards
from moshi_assets.storage.dataset import DatasetError
from tests.moshi_assets.support.plain_dataset import Mute, PlainDataset, full_disk, record, records


@pytest.fixture
def built(tmp_path: Path) -> PlainDataset:
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    return dataset


def test_rows_are_in_input_order(tmp_path: Path):
    lines = [record(number) for number in (5, 1, 8, 3, 2, 9, 0)]
    dataset = PlainDataset(tmp_path, lines, samples_per_shard=3, worker_count=2)
    dataset.build()
    assert [row["path"] for row in dataset.rows()] == [f"data_stereo/talk_{n:03d}.wav" for n in (5, 1, 8, 3, 2, 9, 0)]


def test_a_row_holds_path_and_duration_and_nothing_else(built: PlainDataset):
    assert all(list(row) == ["path", "duration"] for row in built.rows())


def test_durations_are_those_of_the_samples(built: PlainDataset):
    for row in built.rows():
        info = sf.info(built.store.folder / row["path"])
        assert row["duration"] == info.frames / info.samplerate


@given(path=st.text(), duration=st.floats(0, 1e6))
def test_a_row_is_one_line_of_json(path: str, duration: float):
    row = manifest_row(path, duration)
    assert row.count("\n") == 1 and row.endswith("\n")
    assert json.loads(row) == {"path": path, "duration": duration}


def test_a_rebuild_gives_the_same_bytes(built: PlainDataset):
    before = built.outputs()
    built.build()
    assert built.outputs() == before


@pytest.mark.parametrize("buffer_size", [1, 2, 9, 10, 1000])
def test_the_buffer_changes_no_byte(built: PlainDataset, buffer_size: int):
    before = built.store.manifest_path.read_bytes()
    built.settings["buffer_size"] = buffer_size
    built.publish()
    assert built.store.manifest_path.read_bytes() == before


@pytest.mark.parametrize("settings", [{"worker_count": 3}, {"samples_per_shard": 2}, {"keep_mono": False}], ids=str)
def test_the_way_it_was_built_changes_no_byte(tmp_path: Path, built: PlainDataset, settings: dict[str, Any]):
    other = PlainDataset(tmp_path, records(9), name="other", **settings)
    other.build()
    assert other.store.manifest_path.read_bytes() == built.store.manifest_path.read_bytes()


def test_unspeakable_dialogues_are_left_out_and_rejected(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), "broken", record(1, user_text="bad"), record(2)])
    dataset.build(Mute())
    assert [row["path"][-7:-4] for row in dataset.rows()] == ["000", "002"]
    assert [(reject.line, reject.stage) for reject in dataset.store.rejects()] == [(2, "parse"), (3, "synthesis")]


def test_a_dialogue_that_was_not_spoken_is_rejected_with_its_texts(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), record(1, user_text="bad luck?", assistant_text="Never mind.")])
    dataset.build(Mute())
    (reject,) = dataset.store.rejects()
    assert "bad luck?" in reject.excerpt and "Never mind." in reject.excerpt


def test_a_dataset_of_which_nothing_was_spoken_is_an_error_and_has_no_manifest(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0, user_text="bad")])
    with pytest.raises(DatasetError, match=r"no dialogue of 'talks' could be spoken.*rejects\.ndjson"):
        dataset.build(Mute())
    assert not dataset.store.manifest_path.exists()


# -- the split: what is kept for evaluation is never trained on

EVALUATION = ("talk_001", "talk_004", "talk_008")


def stems(rows: list[dict[str, Any]]) -> list[str]:
    return [Path(row["path"]).stem for row in rows]


@pytest.fixture
def split(tmp_path: Path) -> PlainDataset:
    """Nine dialogues, three of them for evaluation."""
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build(evaluation=EVALUATION)
    return dataset


def test_each_recording_is_in_the_manifest_of_its_split_in_input_order(split: PlainDataset):
    assert stems(split.rows(evaluation=True)) == list(EVALUATION)
    assert stems(split.rows()) == [f"talk_{n:03d}" for n in (0, 2, 3, 5, 6, 7)]


def test_the_figures_count_both_manifests(split: PlainDataset):
    figures = split.publish()
    seconds = [sum(row["duration"] for row in split.rows(evaluation)) for evaluation in (False, True)]
    assert (figures.rows, figures.eval_rows) == (9, 3)
    assert [figures.dataset.splits[split].seconds for split in SPLITS] == pytest.approx(seconds)


def test_a_trainer_that_is_given_the_folder_finds_the_training_manifest_alone(split: PlainDataset):
    assert list(split.store.folder.rglob("*jsonl")) == [split.store.manifest_path]


def test_without_evaluation_there_is_no_second_manifest(built: PlainDataset):
    assert not built.store.eval_manifest_path.exists()


def test_a_stale_evaluation_manifest_is_removed(split: PlainDataset):
    split.build()
    assert not split.store.eval_manifest_path.exists() and len(split.rows()) == 9


def test_recordings_for_evaluation_are_no_strays(split: PlainDataset):
    split.wav("stray").write_bytes(b"x")
    assert split.publish().removed_files == 1
    assert all((split.store.folder / row["path"]).is_file() for row in split.rows(evaluation=True))


def test_nothing_left_to_train_on_is_refused(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    with pytest.raises(DatasetError, match=r"all 2 recordings of 'talks' are kept for evaluation.*eval_fraction"):
        dataset.build(evaluation=["talk_000", "talk_001"])
    assert not dataset.store.manifest_path.exists() and not dataset.store.eval_manifest_path.exists()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("calls", range(6))
@pytest.mark.parametrize("later", [("talk_002",), ()], ids=["other-evaluation", "no-evaluation"])
def test_whenever_publishing_dies_no_dialogue_is_in_both(
    split: PlainDataset, monkeypatch: pytest.MonkeyPatch, calls: int, later: tuple[str, ...]
):
    split.keep_for_evaluation(*later)
    split.pair()
    left = [calls]

    def dying(function: Any) -> Any:
        def call(*args: Any, **settings: Any) -> Any:
            if ".partial" not in str(args[-1]):  # renames onto, and removals of, published files
                if not left[0]:
                    raise Killed
                left[0] -= 1
            return function(*args, **settings)

        return call

    with monkeypatch.context() as patch:
        patch.setattr("moshi_assets.publish.manifest.os.replace", dying(os.replace))
        patch.setattr(Path, "unlink", dying(Path.unlink))
        with suppress(Killed):
            split.publish()

    held = [stems(split.rows(evaluation)) if path.exists() else [] for evaluation, path in both(split)]
    assert not set(held[0]) & set(held[1])
    complete = sorted(held[1]) == sorted(later) and sorted(held[0] + held[1]) == [f"talk_{n:03d}" for n in range(9)]
    assert complete or not manifest_is_current(split.store, split.store.recipe())

    split.publish()
    assert stems(split.rows()) == [f"talk_{n:03d}" for n in range(9) if f"talk_{n:03d}" not in later]


def both(dataset: PlainDataset) -> list[tuple[bool, Path]]:
    return [(False, dataset.store.manifest_path), (True, dataset.store.eval_manifest_path)]


# -- files that no longer belong to the dataset


def test_recordings_of_deleted_lines_are_removed(built: PlainDataset):
    built.write(records(9)[2:])
    built.build()
    assert sorted(path.stem for path in built.store.stereo_folder.iterdir()) == [f"talk_{n:03d}" for n in range(2, 9)]


def test_strays_among_the_recordings_are_removed(built: PlainDataset):
    strays = [built.wav("stray"), built.store.stereo_folder / "deep" / "talk_000.wav"]
    strays[1].parent.mkdir()
    for stray in strays:
        stray.write_bytes(b"x")
    before = built.outputs().keys() - {str(stray.relative_to(built.store.folder)) for stray in strays}

    assert built.publish().removed_files == 2

    assert built.outputs().keys() == before and not strays[1].parent.exists()


def test_nothing_outside_the_recordings_is_removed(built: PlainDataset):
    note = built.store.folder / "note.txt"
    note.write_text("mine")
    built.wav("stray").write_bytes(b"x")
    built.publish()
    assert note.exists()


# -- a manifest over unfinished or faulty shards is refused


def test_missing_shards_are_named(built: PlainDataset):
    built.store.index_path("talks.000001").unlink()
    with pytest.raises(DatasetError, match=r"1 of 3 shards have no stereo pairs \(talks\.000001 to talks\.000001\)"):
        built.publish()


def test_a_damaged_index_is_named(built: PlainDataset):
    built.store.index_path("talks.000001").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"talks\.000001.* is damaged"):
        built.publish()


@pytest.mark.parametrize("change", [{"user_text": "Another question?"}, {"id": "renamed"}], ids=["text", "id"])
def test_recordings_of_earlier_tasks_are_not_published(built: PlainDataset, change: dict[str, str]):
    lines = records(9)
    lines[5] |= change
    built.write(lines)
    built.plan()
    with pytest.raises(DatasetError, match=r"talks\.000001 are not those of its tasks"):
        built.publish()


def test_recordings_of_an_earlier_assembly_are_not_published(built: PlainDataset):
    built.settings["gap"] = 1.0
    built.plan()
    with pytest.raises(DatasetError, match=r"talks\.000000 are not those of its tasks"):
        built.publish()


def test_a_refused_manifest_leaves_the_earlier_one(built: PlainDataset):
    before = built.store.manifest_path.read_bytes()
    built.store.index_path("talks.000002").unlink()
    with pytest.raises(DatasetError):
        built.publish()
    assert built.store.manifest_path.read_bytes() == before


def test_a_full_disk_leaves_the_earlier_manifest(built: PlainDataset):
    before = built.outputs()
    with full_disk(100), pytest.raises(OSError):
        built.publish()
    assert built.outputs() == before


# -- judging from the files what is finished


def test_a_finished_dataset_has_no_unfinished_shard(built: PlainDataset):
    assert unfinished_shards(built.store, built.store.recipe()) == []


@pytest.mark.parametrize(
    "undo",
    [
        lambda dataset: dataset.store.index_path("talks.000001").unlink(),
        lambda dataset: dataset.store.index_path("talks.000001").write_bytes(b"x"),
        lambda dataset: dataset.wav("talk_005").unlink(),
    ],
    ids=["no-index", "damaged-index", "no-wav"],
)
def test_a_shard_that_lost_something_is_unfinished(built: PlainDataset, undo: Any):
    undo(built)
    assert unfinished_shards(built.store, built.store.recipe()) == ["talks.000001"]


def test_a_shard_with_an_edited_line_is_unfinished(built: PlainDataset):
    lines = records(9)
    lines[5]["user_text"] = "Another question?"
    built.write(lines)
    built.plan()
    assert unfinished_shards(built.store, built.store.recipe()) == ["talks.000001"]


def test_a_recorded_failure_is_finished(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), record(1, user_text="bad")])
    dataset.build(Mute())
    assert is_finished(dataset.store, dataset.store.recipe(), "talks.000000")


def test_the_manifest_is_current_until_a_shard_is_paired_again(built: PlainDataset):
    assert manifest_is_current(built.store, built.store.recipe())
    built.pair()
    assert not manifest_is_current(built.store, built.store.recipe())


def test_the_manifest_is_not_current_after_a_parse(built: PlainDataset):
    built.plan()
    assert not manifest_is_current(built.store, built.store.recipe())
