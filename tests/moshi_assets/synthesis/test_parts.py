"""Parts: spoken tasks on disk."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.quality.measures import Measures
from moshi_assets.synthesis.parts import SpokenShard, SpokenTask, open_part, write_part
from tests.moshi_assets.support.plain_dataset import full_disk

SECONDS = st.floats(0, 1000, width=32)
ROWS = st.lists(
    st.builds(
        SpokenTask,
        st.binary(min_size=16, max_size=16),
        st.sampled_from([8000, 22050, 24000]),
        st.floats(0, 1000, width=32),
        st.lists(st.integers(-32768, 32767), min_size=1, max_size=50).map(lambda values: np.asarray(values, np.int16)),
        st.none() | st.lists(st.tuples(SECONDS, SECONDS), max_size=5).map(lambda times: np.reshape(times, (-1, 2))),
        st.integers(0, 20),
        st.none() | st.text(max_size=20),
        st.none() | st.builds(Measures, *[SECONDS] * 8, st.integers(0, 9999), SECONDS, *[st.none() | SECONDS] * 3),
        st.text(max_size=20),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row.content_key,
)


def spoken(number: int, samples: int = 100) -> SpokenTask:
    """A row whose key and samples follow from its number."""
    rng = np.random.default_rng(number)
    return SpokenTask(bytes([number]) * 16, 24000, 0.5, rng.integers(-9999, 9999, samples).astype(np.int16))


def plain(row: SpokenTask) -> tuple:
    times = None if row.word_times is None else row.word_times.tolist()
    sound = row.samples.dtype, row.samples.tolist(), times
    return row.content_key, row.sample_rate, row.wall_seconds, *sound, *row[5:]


@given(rows=ROWS)
def test_rows_come_back_bit_for_bit(rows: list[SpokenTask], tmp_path_factory: pytest.TempPathFactory):
    part = open_part(write_part(tmp_path_factory.mktemp("part"), rows))
    assert part is not None
    assert [plain(part.row(number)) for number in range(len(rows))] == [plain(row) for row in rows]


@given(position=st.integers(0), flip=st.integers(1, 255))
def test_a_change_of_any_byte_is_found(position: int, flip: int, tmp_path_factory: pytest.TempPathFactory):
    path = write_part(tmp_path_factory.mktemp("part"), [spoken(1), spoken(2)])
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= flip
    path.write_bytes(content)
    assert open_part(path) is None


@given(length=st.integers(0))
def test_a_truncation_anywhere_is_found(length: int, tmp_path_factory: pytest.TempPathFactory):
    path = write_part(tmp_path_factory.mktemp("part"), [spoken(1)])
    content = path.read_bytes()
    path.write_bytes(content[: length % len(content)])
    assert open_part(path) is None


def test_an_appended_byte_is_found(tmp_path: Path):
    path = write_part(tmp_path, [spoken(1)])
    path.write_bytes(path.read_bytes() + b"\0")
    assert open_part(path) is None


def test_a_part_under_a_name_without_checksum_is_not_believed(tmp_path: Path):
    path = write_part(tmp_path, [spoken(1)])
    assert open_part(path.rename(tmp_path / "part.arrow")) is None


def test_a_part_that_is_gone_is_damaged(tmp_path: Path):
    assert open_part(tmp_path / "000000000000-0000000000000000.arrow") is None


def test_the_same_rows_give_the_same_file(tmp_path: Path):
    first = write_part(tmp_path, [spoken(1), spoken(2)])
    content = first.read_bytes()
    assert write_part(tmp_path, [spoken(1), spoken(2)]) == first
    assert first.read_bytes() == content


def test_nothing_but_the_part_is_left_in_the_folder(tmp_path: Path):
    path = write_part(tmp_path, [spoken(1)])
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_and_leaves_no_part(tmp_path: Path):
    intact = write_part(tmp_path, [spoken(1)])
    with full_disk(50_000), pytest.raises(OSError):
        write_part(tmp_path, [spoken(2, samples=100_000)])
    assert list(tmp_path.iterdir()) == [intact]


def test_samples_are_a_view_of_the_mapped_file(tmp_path: Path):
    part = open_part(write_part(tmp_path, [spoken(1, samples=10_000)]))
    assert part is not None
    samples = part.row(0).samples
    assert not samples.flags.owndata and not samples.flags.writeable


def test_a_shard_finds_rows_in_any_part(tmp_path: Path):
    write_part(tmp_path, [spoken(1), spoken(2)])
    write_part(tmp_path, [spoken(3)])
    shard = SpokenShard([tmp_path])
    assert [plain(shard[bytes([n]) * 16]) for n in (3, 1, 2)] == [plain(spoken(n)) for n in (3, 1, 2)]
    assert bytes([4]) * 16 not in shard


def test_a_shard_lists_damaged_parts_and_keeps_the_rows_of_the_others(tmp_path: Path):
    write_part(tmp_path, [spoken(1)])
    damaged = write_part(tmp_path, [spoken(2)])
    damaged.write_bytes(b"")
    shard = SpokenShard([tmp_path])
    assert shard.damaged == [damaged]
    assert spoken(1).content_key in shard and spoken(2).content_key not in shard


def test_a_shard_over_folders_that_do_not_exist_holds_nothing(tmp_path: Path):
    assert SpokenShard([tmp_path / "absent"]).parts == []


def test_a_half_written_part_is_no_part(tmp_path: Path):
    path = write_part(tmp_path, [spoken(1)])
    path.rename(tmp_path / f".{path.name}.4711.partial")
    shard = SpokenShard([tmp_path])
    assert (shard.parts, shard.damaged) == ([], [])
