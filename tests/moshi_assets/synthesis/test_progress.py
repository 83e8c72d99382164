"""Progress that crosses processes."""

import threading
from pathlib import Path

from moshi_assets.synthesis.progress import ProgressFile, clear_progress, read_progress


def test_the_progress_of_all_lanes_is_read_by_lane(tmp_path: Path):
    for lane in (1, 0):
        file = ProgressFile(tmp_path / "progress", lane, total=10 + lane)
        file.state.done = lane
        file.update(force=True)
    assert [(s.lane, s.done, s.total) for s in read_progress(tmp_path / "progress")] == [(0, 0, 10), (1, 1, 11)]


def test_before_the_first_update_there_is_nothing_to_read(tmp_path: Path):
    assert read_progress(tmp_path / "absent") == []


def test_updates_in_quick_succession_are_written_once(tmp_path: Path):
    file = ProgressFile(tmp_path, 0, total=100)
    for done in range(5):
        file.state.done = done
        file.update()
    assert [state.done for state in read_progress(tmp_path)] == [0]


def test_a_forced_update_is_written_at_once(tmp_path: Path):
    file = ProgressFile(tmp_path, 0, total=100)
    file.update()
    file.state.done = 100
    file.update(force=True)
    assert [state.done for state in read_progress(tmp_path)] == [100]


def test_a_damaged_file_is_passed_over(tmp_path: Path):
    ProgressFile(tmp_path, 0, total=1).update(force=True)
    (tmp_path / "lane-1.json").write_text('{"lane": 1, "tot')
    (tmp_path / "lane-2.json").write_text('{"unknown": 1}')
    assert [state.lane for state in read_progress(tmp_path)] == [0]


def test_a_reader_never_sees_half_a_file(tmp_path: Path):
    file = ProgressFile(tmp_path, 0, total=10**9)
    file.update(force=True)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            file.state.done += 1
            file.update(force=True)

    writer = threading.Thread(target=write)
    writer.start()
    seen = [len(read_progress(tmp_path)) for _ in range(500)]
    stop.set()
    writer.join()
    assert seen == [1] * 500


def test_earlier_runs_are_forgotten(tmp_path: Path):
    ProgressFile(tmp_path, 0, total=1).update(force=True)
    clear_progress(tmp_path)
    assert list(tmp_path.iterdir()) == []
