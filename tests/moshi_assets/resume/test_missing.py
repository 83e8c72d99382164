"""What is left to speak, and who speaks it."""

from pathlib import Path
from typing import Any

import pytest

from moshi_assets.planning.task_table import dialogue_rows
from moshi_assets.resume.missing import missing_rows
from moshi_assets.synthesis.quality_table import read_quality
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records

# -- only what is missing or changed is spoken


def test_a_new_dataset_misses_every_task(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(5))
    dataset.plan()
    assert [missing_rows(dataset.store, dataset.recipe, shard).tolist() for shard in dataset.store.shards()] == [
        list(range(8)),
        [0, 1],
    ]


def test_a_rebuild_with_nothing_changed_speaks_nothing(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(5))
    assert [dataset.build(), dataset.build()] == [10, 0]


@pytest.mark.parametrize(
    ("change", "spoken"),
    [
        ({"user_text": "Another question?"}, 1),
        ({"user_text": "Another question?", "assistant_text": "Another answer."}, 2),
        ({"assistant_voice": "low"}, 1),
        ({"id": "renamed"}, 2),
        ({"mood": "calm"}, 0),
    ],
)
def test_exactly_the_changed_turns_of_an_edited_line_are_spoken(tmp_path: Path, change: dict[str, Any], spoken: int):
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    lines = records(9)
    lines[5] |= change
    dataset.write(lines)
    assert dataset.build() == spoken


@pytest.mark.parametrize("keep_mono", [True, False])
@pytest.mark.parametrize("place", [0, 3, 4, 11, 12])
def test_an_inserted_line_is_all_that_is_spoken(tmp_path: Path, place: int, keep_mono: bool):
    dataset = PlainDataset(tmp_path, records(12), keep_mono=keep_mono)
    dataset.build()
    dataset.write([*records(12)[:place], record(99), *records(12)[place:]])
    assert dataset.build() == 2


@pytest.mark.parametrize("keep_mono", [True, False])
@pytest.mark.parametrize("count", [12, 13])
@pytest.mark.parametrize("place", [0, 3, 4, 11])
def test_nothing_is_spoken_after_a_line_is_deleted(tmp_path: Path, place: int, count: int, keep_mono: bool):
    """With 13 dialogues the last shard goes away, and its dialogue moves into the one before."""
    dataset = PlainDataset(tmp_path, records(count), keep_mono=keep_mono)
    dataset.build()
    dataset.write([*records(count)[:place], *records(count)[place + 1 :]])
    assert dataset.build() == 0


@pytest.mark.parametrize("keep_mono", [True, False])
def test_moved_dialogues_keep_their_sound_and_its_measures(tmp_path: Path, keep_mono: bool):
    dataset = PlainDataset(tmp_path, records(9), keep_mono=keep_mono)
    dataset.build()
    measures = {row["content_key"]: row for shard in dataset.store.shards() for row in quality(dataset, shard)}
    before = dataset.outputs()
    dataset.write([record(99), *records(9)])
    dataset.build()
    after = dataset.outputs()
    assert {path: after[path] for path in before if path.endswith(".wav")} == {
        path: content for path, content in before.items() if path.endswith(".wav")
    }
    now = {row["content_key"]: row for shard in dataset.store.shards() for row in quality(dataset, shard)}
    assert len(measures) == 18 and {key: now[key] for key in measures} == measures


def quality(dataset: PlainDataset, shard: str) -> list[dict[str, Any]]:
    return read_quality(dataset.store, shard).to_pylist()


def test_a_damaged_part_is_spoken_again_and_nothing_else(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    before = dataset.spoken()
    (part,) = dataset.store.mono_folder("talks.000001").glob("*.arrow")
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)

    assert dataset.build() == 8
    assert dataset.spoken() == before


def test_a_damaged_part_is_removed(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    (part,) = dataset.store.mono_folder("talks.000000").glob("*.arrow")
    part.write_bytes(b"x")
    missing_rows(dataset.store, dataset.recipe, "talks.000000")
    assert not part.exists()


def test_a_lost_part_is_spoken_again(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    (part,) = dataset.store.mono_folder("talks.000002").glob("*.arrow")
    part.unlink()
    assert dataset.build() == 2


def test_rows_are_found_whatever_part_they_lie_in(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(4))
    dataset.build()
    (part,) = dataset.store.mono_folder("talks.000000").glob("*.arrow")
    part.rename(part.with_name("ffffffffffff-" + part.name.rpartition("-")[2]))
    assert dataset.build() == 0


def test_a_change_of_the_seed_speaks_everything(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(5))
    dataset.build()
    dataset.settings["seed"] = 1
    assert dataset.build() == 10


@pytest.mark.parametrize("setting", [{"gap": 0.1}, {"layout": "overlapped"}, {"sample_rate": 16000}])
def test_a_change_of_the_assembly_speaks_nothing(tmp_path: Path, setting: dict[str, Any]):
    dataset = PlainDataset(tmp_path, records(5))
    dataset.build()
    dataset.settings |= setting
    assert dataset.build() == 0


# -- parts that nothing wants any more


def test_parts_of_replaced_turns_are_removed(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(4))
    dataset.build()
    dataset.write([record(n, user_text=f"New question {n}?", assistant_text=f"New answer {n}.") for n in range(4)])
    dataset.build()
    assert dataset.spoken().keys() == {row["content_key"] for row in dataset.tasks()}


def test_a_part_with_one_wanted_row_is_kept(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(4))
    dataset.build()
    dataset.write([record(0), *(record(n, user_text="New?", assistant_text="New.") for n in range(1, 4))])
    dataset.build()
    assert len(dataset.spoken()) == 8 + 6


def test_nothing_of_a_removed_shard_is_left(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    dataset.write(records(4))
    dataset.build()
    left = {path.name for path in dataset.store.folder.rglob("*") if "00000" in path.name}
    assert left and all(name.startswith("talks.000000") for name in left)


# -- order


def test_the_turns_of_a_dialogue_are_found_together(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    rows = list(dialogue_rows(dataset.store.tasks("talks.000000")))
    assert rows == [("talk_000", [0, 1]), ("talk_001", [2, 3]), ("talk_002", [4, 5])]
