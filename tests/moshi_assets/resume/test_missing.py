"""What is left to speak, and who speaks it."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.planning.task_table import dialogue_rows
from moshi_assets.resume.missing import missing_rows
from moshi_assets.synthesis.lane_work import deal, longest_first
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


@pytest.mark.parametrize("place", [0, 3, 4, 11, 12])
def test_an_inserted_line_is_all_that_is_spoken(tmp_path: Path, place: int):
    dataset = PlainDataset(tmp_path, records(12))
    dataset.build()
    dataset.write([*records(12)[:place], record(99), *records(12)[place:]])
    assert dataset.build() == 2


@pytest.mark.parametrize("count", [12, 13])
@pytest.mark.parametrize("place", [0, 3, 4, 11])
def test_nothing_is_spoken_after_a_line_is_deleted(tmp_path: Path, place: int, count: int):
    """With 13 dialogues the last shard goes away, and its dialogue moves into the one before."""
    dataset = PlainDataset(tmp_path, records(count))
    dataset.build()
    dataset.write([*records(count)[:place], *records(count)[place + 1 :]])
    assert dataset.build() == 0


def test_moved_dialogues_keep_their_sound(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(9))
    dataset.build()
    before = dataset.outputs()
    dataset.write([record(99), *records(9)])
    dataset.build()
    after = dataset.outputs()
    assert {path: after[path] for path in before if path.endswith(".wav")} == {
        path: content for path, content in before.items() if path.endswith(".wav")
    }


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


# -- dealing


SHARDS = st.lists(st.integers(0, 40), min_size=1, max_size=6).map(
    lambda sizes: [(f"talks.{n:06d}", np.arange(size, dtype=np.uint32)) for n, size in enumerate(sizes)]
)


@given(missing=SHARDS, lanes=st.integers(1, 8))
def test_every_row_is_dealt_once(missing: list[tuple[str, np.ndarray]], lanes: int):
    dealt = Counter(
        (shard, int(row)) for work in deal(missing, lanes) for shard in work.rows for row in work.rows[shard]
    )
    assert dealt == Counter((shard, int(row)) for shard, rows in missing for row in rows)


@given(missing=SHARDS, lanes=st.integers(1, 8))
def test_lanes_differ_by_one_row_at_most(missing: list[tuple[str, np.ndarray]], lanes: int):
    shares = [work.tasks for work in deal(missing, lanes)]
    shares += [0] * (lanes - len(shares))
    assert max(shares) - min(shares) <= 1


@given(missing=SHARDS, lanes=st.integers(1, 8))
def test_every_lane_walks_the_shards_in_order(missing: list[tuple[str, np.ndarray]], lanes: int):
    for work in deal(missing, lanes):
        assert list(work.rows) == sorted(work.rows)
        assert all(np.all(np.diff(rows.astype(int)) > 0) for rows in work.rows.values())


def test_a_lane_without_work_is_left_out():
    assert [work.lane for work in deal([("talks.000000", np.arange(2))], 5)] == [0, 1]
    assert deal([("talks.000000", np.arange(0))], 5) == []


def test_the_turns_of_a_dialogue_are_found_together(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    rows = list(dialogue_rows(dataset.store.tasks("talks.000000")))
    assert rows == [("talk_000", [0, 1]), ("talk_001", [2, 3]), ("talk_002", [4, 5])]


@pytest.mark.parametrize("lanes", [2, 3])
def test_lanes_get_like_amounts_of_text(tmp_path: Path, lanes: int):
    lines = [record(n, user_text="Why?", assistant_text="Because " + "it is so " * (n % 7)) for n in range(60)]
    dataset = PlainDataset(tmp_path, lines, samples_per_shard=20)
    dataset.plan()
    missing = [
        (shard, longest_first(dataset.store, shard, missing_rows(dataset.store, dataset.recipe, shard)))
        for shard in dataset.store.shards()
    ]
    amounts = [
        sum(
            len(dataset.store.tasks(shard)["text"][int(row)].as_py()) for shard in work.rows for row in work.rows[shard]
        )
        for work in deal(missing, lanes)
    ]
    assert max(amounts) < 1.05 * min(amounts)
