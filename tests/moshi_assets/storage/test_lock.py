"""One builder at a time in a dataset folder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moshi_assets.storage.lock import DatasetBusy, dataset_lock

HOLD = """
import pathlib, sys, time
from moshi_assets.storage.lock import dataset_lock
with dataset_lock(pathlib.Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""
COUNT = """
import pathlib, sys
from moshi_assets.storage.lock import dataset_lock
folder, owner = pathlib.Path(sys.argv[1]), sys.argv[2]
for _ in range(15):
    with dataset_lock(folder, owner, patience=60):
        number = int((folder / "count").read_text())
        (folder / "count").write_text(str(number + 1))
"""
COME_AND_GO = """
import pathlib, sys
from moshi_assets.storage.lock import dataset_lock
folder, owner = pathlib.Path(sys.argv[1]), sys.argv[2]
for _ in range(100):
    with dataset_lock(folder, owner, patience=60):
        (folder / "inside").touch(exist_ok=False)  # fails where another owner is inside
        (folder / "inside").unlink()
"""


def hold(folder: Path, owner: str, seconds: float = 60) -> subprocess.Popen:
    """Another process that holds the lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, owner, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    return holder


def test_a_second_build_is_refused(tmp_path: Path):
    with dataset_lock(tmp_path, "first"):
        with pytest.raises(DatasetBusy), dataset_lock(tmp_path, "second", patience=0.1):
            pass


def test_the_refusal_names_folder_and_holder(tmp_path: Path):
    with dataset_lock(tmp_path, "run-4711"):
        with pytest.raises(DatasetBusy) as refusal, dataset_lock(tmp_path, "second", patience=0):
            pass
    assert all(word in str(refusal.value) for word in (str(tmp_path), "run-4711", f"pid {os.getpid()}"))


def test_processes_of_one_build_share_it(tmp_path: Path):
    holder = hold(tmp_path, "same")
    try:
        with dataset_lock(tmp_path, "same", patience=0):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_killed_holder_frees_it(tmp_path: Path):
    holder = hold(tmp_path, "killed")
    holder.kill()
    holder.wait()
    with dataset_lock(tmp_path, "next", patience=0):
        pass


def test_it_is_held_until_the_last_process_of_a_build_ends(tmp_path: Path):
    holder = hold(tmp_path, "same")
    try:
        with dataset_lock(tmp_path, "same"):
            pass
        with pytest.raises(DatasetBusy), dataset_lock(tmp_path, "other", patience=0):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_build_that_ends_within_the_patience_is_waited_for(tmp_path: Path):
    holder = hold(tmp_path, "first", seconds=0.5)
    with dataset_lock(tmp_path, "second", patience=30):
        assert holder.wait(timeout=10) == 0


def test_an_exception_frees_it(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), dataset_lock(tmp_path, "first"):
        raise ZeroDivisionError
    with dataset_lock(tmp_path, "second", patience=0):
        pass


def test_the_wait_ends_with_the_patience(tmp_path: Path):
    with dataset_lock(tmp_path, "first"):
        begin = time.monotonic()
        with pytest.raises(DatasetBusy), dataset_lock(tmp_path, "second", patience=0.3):
            pass
        assert time.monotonic() - begin >= 0.3


def test_a_folder_that_is_missing_is_made(tmp_path: Path):
    with dataset_lock(tmp_path / "new" / "dataset", "first"):
        assert (tmp_path / "new" / "dataset").is_dir()


def test_a_folder_in_which_nothing_was_made_goes_away_with_the_lock(tmp_path: Path):
    with dataset_lock(tmp_path / "dataset", "first"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_something_was_made_stays(tmp_path: Path):
    with dataset_lock(tmp_path, "first"):
        (tmp_path / "made").touch()
    assert (tmp_path / "made").exists()


def test_a_folder_that_another_process_of_the_build_is_in_stays(tmp_path: Path):
    holder = hold(tmp_path, "same")
    try:
        with dataset_lock(tmp_path, "same"):
            pass
        assert (tmp_path / ".lock").exists()
    finally:
        holder.kill()
        holder.wait()


def test_no_two_owners_are_inside_a_folder_that_comes_and_goes(tmp_path: Path):
    workers = [
        subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(tmp_path / "dataset"), f"owner-{n}"]) for n in range(3)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]


def test_no_two_owners_are_inside_together(tmp_path: Path):
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    workers = [subprocess.Popen([*command, f"owner-{n}"]) for n in range(3)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "45"
