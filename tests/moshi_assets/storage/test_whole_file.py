"""Files that are whole or absent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moshi_assets.storage.whole_file import remove_partials, temporary_name, whole_file, write_whole
from tests.moshi_assets.support.plain_dataset import full_disk


def test_the_file_appears_when_the_block_ends(tmp_path: Path):
    target = tmp_path / "a.txt"
    with whole_file(target) as partial:
        partial.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


def test_the_file_is_renamed_and_not_copied(tmp_path: Path):
    """A reader finds the earlier file or the new one, never something between."""
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("new")
        written = partial.stat().st_ino
    assert (tmp_path / "a.txt").stat().st_ino == written


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, stop: type[BaseException]):
    target = tmp_path / "a.txt"
    target.write_text("old")

    with pytest.raises(stop), whole_file(target) as partial:
        partial.write_text("half")
        raise stop

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_a_full_disk_leaves_the_earlier_file(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    with full_disk(1000), pytest.raises(OSError):
        write_whole(target, "x" * 5000)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path: Path):
    script = (
        "import os, pathlib, signal, sys\n"
        "from moshi_assets.storage.whole_file import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "a.txt"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.txt").exists()


def test_what_killed_writers_left_is_removed(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    left = [temporary_name(tmp_path / "a.wav"), temporary_name(tmp_path / "deep" / "b.arrow")]
    for path in [*left, tmp_path / "a.wav", tmp_path / "c.partial"]:
        path.write_text("x")

    assert remove_partials(tmp_path) == 2

    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.wav", "c.partial"]


@pytest.mark.parametrize("pattern", ["*.wav", "*.arrow", "*jsonl", "*.json"])
def test_no_glob_for_a_kind_finds_a_temporary_file(tmp_path: Path, pattern: str):
    for ending in (".wav", ".arrow", ".jsonl", ".json"):
        temporary_name(tmp_path / f"a{ending}").write_text("half")
    assert list(tmp_path.glob(pattern)) == []


def test_a_temporary_file_lies_beside_its_target(tmp_path: Path):
    """A rename is atomic only within one file system."""
    assert temporary_name(tmp_path / "a.txt").parent == tmp_path


def test_two_processes_have_different_temporary_files(tmp_path: Path):
    script = "import pathlib, moshi_assets.storage.whole_file as f; print(f.temporary_name(pathlib.Path('a.txt')).name)"
    names = {subprocess.check_output([sys.executable, "-c", script], text=True) for _ in range(2)}
    assert len(names) == 2


def test_text_is_written_as_utf8(tmp_path: Path):
    write_whole(tmp_path / "a.txt", "größer\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\n".encode()


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="absent"):
        write_whole(tmp_path / "absent" / "a.txt", "x")
    assert os.listdir(tmp_path) == []
