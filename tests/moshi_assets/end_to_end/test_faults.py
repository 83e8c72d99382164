"""Builds that are killed, interrupted, starved and damaged; the same command must finish each of them."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import soundfile as sf
import yaml

from moshi_assets.stereo.index import read_index
from moshi_assets.synthesis.lane import UNWRITTEN_ROWS
from moshi_assets.synthesis.parts import open_part
from tests.moshi_assets.support.pipeline import (
    BIN,
    Pipeline,
    Probe,
    Running,
    dialogue,
    digests,
    environment,
    eventually,
    flip_byte,
    run,
    write_dialogues,
)

COMMAND = ["build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml"]
LANES = 2
DIALOGUES = 500
NOISE = {"characters_per_second": 60}
SLOW = {"seconds_per_audio_second": 0.045}
"""About 25 s of work for two lanes: enough to be cut off five times, a few seconds after each start."""
FASTER = {"seconds_per_audio_second": 0.02}


@dataclass
class Cut:
    """One build that was cut off."""

    code: int
    output: str
    left: list[int]
    """Its processes that still ran some seconds later."""
    kept: int
    """Utterances on disk afterwards, in parts or in recordings."""
    lost: int
    """Utterances that an engine was asked for and that are not on disk."""
    missing: int
    """Utterances that are not on disk."""
    broken: list[str]
    """Files under final names that are not whole."""


@dataclass
class Story:
    """One dataset, cut off again and again, then finished."""

    folder: Path
    probe: Probe
    cuts: dict[str, Cut] = field(default_factory=dict)
    finish: subprocess.CompletedProcess[str] = field(init=False)

    @property
    def dataset(self) -> Path:
        return self.folder / "data" / "talks"

    def parts(self) -> list[Path]:
        return list(self.dataset.glob("mono/*/[!.]*.arrow"))

    def recordings(self) -> list[Path]:
        return list(self.dataset.glob("data_stereo/[!.]*.wav"))

    def kept(self) -> set[str]:
        """Content keys of the utterances that a part or a named recording holds."""
        parts = [part for path in self.parts() if (part := open_part(path))]
        keys = {key for part in parts for key, audible in zip(part.keys, part.audible(), strict=True) if audible}
        for index in [*self.dataset.glob("stereo/[!.]*.index"), *self.dataset.glob("mono/*/[!.]*.piece")]:
            keys |= {turn.content_key for recording in read_index(index) for turn in recording.turns}
        return {key.hex() for key in keys}

    def broken(self) -> list[str]:
        """Parts and recordings under final names that cannot be read."""
        faulty = [str(path) for path in self.parts() if open_part(path) is None]
        for path in self.recordings():
            with sf.SoundFile(path) as recording:
                if len(recording.read()) != recording.frames:
                    faulty.append(str(path))
        return faulty

    def cut(self, name: str, env: dict[str, str]) -> None:
        """Start the build, and once it speaks, do to it what `name` says."""
        before = len(self.recordings())
        build = Running("moshi-assets", *COMMAND, cwd=self.folder, env=env)
        try:
            lanes = set(self.probe.notes())
            eventually(lambda: len(self.recordings()) > before or build.process.poll() is not None, 180)
            assert build.process.poll() is None, build.output
            time.sleep(DELAYS[name])
            match name:
                case "interrupt":
                    build.signal(signal.SIGINT, group=True)
                case "terminate":
                    build.signal(signal.SIGTERM)
                case "kill a lane":
                    os.kill(min(set(self.probe.notes()) - lanes), signal.SIGKILL)
                case "kill all":
                    build.signal(signal.SIGKILL, group=True)
                case "kill the command":
                    build.signal(signal.SIGKILL)
            code = build.wait(180)
            deadline = time.monotonic() + 15
            while (left := build.alive()) and time.monotonic() < deadline:
                time.sleep(0.1)
            kept = self.kept()
            lost = len(set(self.probe.spoken()) - kept)
            missing = 2 * DIALOGUES - len(kept)
            self.cuts[name] = Cut(code, build.output, left, len(kept), lost, missing, self.broken())
        finally:
            build.end()


DELAYS = {"interrupt": 0.4, "terminate": 0.9, "kill all": 0.1, "kill the command": 0.7, "kill a lane": 0.0}
"""Seconds that a build goes on after its first new part, until it is cut off."""
CUTS = tuple(DELAYS)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("faults")
    story = Story(folder, Probe(folder / "probe"))
    write_dialogues(story.folder / "talks.jsonl", [dialogue(number) for number in range(DIALOGUES)])
    recipe = {"engine": "noise", "samples_per_shard": 150, "worker_count": LANES, "noise": NOISE | SLOW}
    (story.folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    env = environment(**story.probe.variables)
    for name in CUTS:
        if name == "kill a lane":  # the other lane goes on to the end of its share; the cost is not in the sound
            (story.folder / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"noise": NOISE | FASTER}))
        story.cut(name, env)
    flip_byte(story.recordings()[0])
    (story.folder / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"noise": NOISE}))
    story.finish = run("moshi-assets", *COMMAND, cwd=story.folder, env=env)
    return story


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the same dataset, built in this process by one lane in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    source = write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(DIALOGUES)])
    return digests(Pipeline(folder / "data").build(source, noise=NOISE).folder)


def test_the_same_command_finishes_a_dataset_that_was_cut_off(story):
    assert story.finish.returncode == 0, story.finish.stderr


def test_a_dataset_that_was_cut_off_has_the_bytes_of_an_uninterrupted_one(story, uninterrupted):
    assert digests(story.dataset) == uninterrupted


def test_nothing_temporary_is_left(story):
    assert list(story.dataset.rglob("*.partial")) == []


@pytest.mark.parametrize("name", CUTS)
def test_no_file_under_a_final_name_is_half_written(story, name):
    assert story.cuts[name].broken == []


@pytest.mark.parametrize("name", CUTS)
def test_no_process_is_left_some_seconds_later(story, name):
    assert story.cuts[name].left == []


@pytest.mark.parametrize("name", ["interrupt", "terminate"])
def test_a_signal_ends_the_build_with_130_and_most_of_its_work_undone(story, name):
    assert story.cuts[name].code == 130, story.cuts[name].output
    assert story.cuts[name].missing > DIALOGUES


@pytest.mark.parametrize("name", ["interrupt", "terminate"])
def test_a_signal_is_answered_with_how_to_continue(story, name):
    assert story.cuts[name].output.endswith("interrupted: run the same command again to continue\n")


def test_a_killed_lane_fails_the_build_with_1_and_says_so(story):
    assert story.cuts["kill a lane"].code == 1
    assert "speak failed: lane " in story.cuts["kill a lane"].output


def test_a_killed_lane_is_told_with_its_signal_its_memory_and_what_to_do(story):
    told = story.cuts["kill a lane"].output

    assert re.search(r"lane \d was killed by SIGKILL; it held [\d,]+ MiB of memory \(at most [\d,]+\)", told), told
    assert "What was spoken is kept: run the same command again" in told
    assert re.search(r"\nto go on: moshi-assets build talks\.jsonl .*--output data", told), told
    assert "Traceback" not in told and "ChildProcessCrash" not in told


def test_each_build_went_on_where_the_last_one_stopped(story):
    kept = [story.cuts[name].kept for name in CUTS]

    assert kept == sorted(set(kept))


@pytest.mark.parametrize("name", CUTS)
def test_each_cut_loses_at_most_one_part_per_lane(story, name):
    assert story.cuts[name].lost <= LANES * UNWRITTEN_ROWS


# -- disks


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Forty dialogues with a recipe that speaks them at once."""
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(40)])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"engine": "noise"}))
    return tmp_path


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB, half of what the recordings need."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_an_error_that_says_so_and_keeps_what_was_there(talks, full_disk):
    (talks / "data").symlink_to(full_disk)
    Pipeline(full_disk).build(talks / "talks.jsonl", max_samples=4)
    before = digests(full_disk / "talks")

    done = run("moshi-assets", *COMMAND, cwd=talks, env=environment(talks / "home"))

    assert done.returncode == 1
    assert re.search(r"no room to write in .*\d\.\d MB free, and the whole dataset takes about \d", done.stderr), (
        done.stderr
    )
    assert "run the same command again" in done.stderr
    assert digests(full_disk / "talks").items() >= before.items()


@pytest.mark.parametrize("room", [0, 200_000, 1_500_000], ids=["no room", "room for a start", "room for a database"])
def test_a_full_disk_with_the_history_on_it_is_told_in_one_sentence(talks, full_disk, room):
    (talks / "data").symlink_to(full_disk)
    with open(full_disk / "ballast", "wb") as ballast:
        ballast.write(bytes(shutil.disk_usage(full_disk).free - room))

    done = run("moshi-assets", *COMMAND, cwd=talks)

    assert done.returncode == 1
    assert "no room to write in" in done.stderr and "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr and "sqlalchemy" not in done.stderr


def test_a_folder_that_cannot_be_written_is_named(talks):
    locked = talks / "data"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):  # root may write anywhere, but not below a file
        locked.rmdir()
        locked.touch()

    done = run("moshi-assets", *COMMAND, cwd=talks)

    assert done.returncode in (1, 2)
    assert "data" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root has the full disk instead")
def test_a_file_size_limit_is_an_error_that_says_so(talks):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    done = subprocess.run(
        [BIN / "moshi-assets", *COMMAND],
        cwd=talks,
        env=environment(talks / "home"),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "a quota or a limit of the system is reached" in done.stderr
