"""Shards in one pass: the same files as stage after stage, written once, and found again after an end at any moment."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.making import dialogue_desk
from moshi_assets.making.record import record_dialogues
from moshi_assets.making.shard_maker import _helpers_on_gpu
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.resume.finished import is_finished, unfinished_shards
from moshi_assets.storage.whole_file import remove_partials
from moshi_assets.synthesis.lane import UNWRITTEN_ROWS
from tests.moshi_assets.support.erratic import PACE, TRICKS, ErraticEngine, trick
from tests.moshi_assets.support.plain_dataset import Mute, PlainDataset, full_disk, record, records

LEAN = {"keep_mono": False, "transcripts": True}


def lean(folder: Path, lines: list[dict[str, Any]], **changes: Any) -> PlainDataset:
    dataset = PlainDataset(folder, lines, **(LEAN | changes))
    dataset.plan()
    return dataset


def files(dataset: PlainDataset) -> dict[str, bytes]:
    """Recordings, transcripts and tables of a dataset, and what its markers name."""
    folder = dataset.store.folder
    kinds = ("data_stereo/**/*.*", "stereo/*.index", "quality/*.quality")
    found = {str(path.relative_to(folder)): path.read_bytes() for kind in kinds for path in folder.glob(kind)}
    return found | {path.name: path.read_bytes().partition(b"\n")[2] for path in folder.glob("done/*.done")}


def recordings(dataset: PlainDataset) -> dict[str, bytes]:
    return {path: data for path, data in files(dataset).items() if path.startswith("data_stereo")}


def spoken(reports: list) -> int:
    return sum(report.speech["spoken"] for report in reports)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """Twelve dialogues, made stage after stage."""
    dataset = lean(tmp_path_factory.mktemp("truth"), records(12))
    dataset.speak()
    dataset.pair()
    dataset.transcribe()
    return dataset


@pytest.mark.parametrize("changes", [{}, {"worker_count": 2}, {"worker_count": 5}, {"samples_per_shard": 12}], ids=str)
def test_one_pass_makes_the_files_that_stage_after_stage_makes(tmp_path: Path, truth: PlainDataset, changes: dict):
    dataset = lean(tmp_path, records(12), **changes)
    reports = dataset.make()
    made = files(dataset)
    if "samples_per_shard" in changes:
        made, expected = (
            {path: data for path, data in f.items() if "data_stereo" in path} for f in (made, files(truth))
        )
        assert made == expected
    else:
        assert made == files(truth)
    assert all(report.finished and not report.faults for report in reports)
    assert spoken(reports) == 24


def test_nothing_of_the_work_is_left(tmp_path: Path):
    dataset = lean(tmp_path, records(12), worker_count=2)
    dataset.make()
    assert [path.name for path in (dataset.store.folder / "mono").iterdir() if path.is_dir()] == []
    assert unfinished_shards(dataset.store, dataset.recipe) == []


def test_a_second_pass_loads_no_engine_and_changes_nothing(tmp_path: Path):
    dataset = lean(tmp_path, records(12))
    dataset.make()
    before = files(dataset)

    def no_engine() -> NoiseEngine:
        raise AssertionError("nothing is to be spoken")

    dataset.engine = no_engine  # type: ignore[method-assign]
    assert spoken(dataset.make()) == 0
    assert files(dataset) == before


def test_recordings_appear_while_later_dialogues_are_spoken(tmp_path: Path):
    dataset = lean(tmp_path, records(100), samples_per_shard=100)
    seen = []

    class Watching(NoiseEngine):
        batch_size = 4

        def synthesize(self, tasks: list[SynthesisTask]) -> list[SynthesisResult]:
            seen.append(len(list(dataset.store.stereo_folder.glob("*.wav"))))
            return super().synthesize(tasks)

    dataset.make(Watching(NoiseOptions(characters_per_second=200)))
    assert len(seen) == 50 and seen[-1] >= 100 - UNWRITTEN_ROWS


def test_the_sound_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = lean(tmp_path, records(40), samples_per_shard=40)
    parts: list[int] = []

    def watch(function: Callable[..., Any]) -> Callable[..., Any]:
        def write(folder: Path, rows: list) -> Path:
            parts.append(sum(len(row.samples) for row in rows))
            return function(folder, rows)

        return write

    from moshi_assets.synthesis import writer

    monkeypatch.setattr(writer, "write_part", watch(writer.write_part))
    dataset.make()
    assert parts and sum(parts) == 0


# -- what fails


def test_a_dialogue_that_cannot_be_spoken_is_a_failure_and_the_others_are_recorded(tmp_path: Path):
    dataset = lean(tmp_path, [record(0), record(1, user_text="bad"), record(2)])
    (report,) = dataset.make(Mute())
    assert (report.stereo.recordings, report.stereo.rejected, report.finished) == (2, 1, True)
    assert sorted(path.stem for path in dataset.store.stereo_folder.glob("*.wav")) == ["talk_000", "talk_002"]


def test_what_fails_its_gates_is_spoken_again_and_recorded(tmp_path: Path):
    lines = [record(n, assistant_text=trick("runaway", 1 + n % 2)) for n in range(8)]
    dataset = lean(tmp_path, lines, gates=PACE, samples_per_shard=8)
    (report,) = dataset.make(ErraticEngine())
    assert (report.stereo.recordings, report.speech["retried"]) == (8, 12)
    assert report.quality["utterances_retried"] == 8


class Loud(NoiseEngine):
    """Clips everything."""

    def synthesize(self, tasks: list[SynthesisTask]) -> list[SynthesisResult]:
        results = super().synthesize(tasks)
        for result in results:
            result.audio = np.full(len(result.audio), 32767, np.int16)
        return results


def test_a_recording_with_a_fault_is_reported_and_its_shard_is_not_finished(tmp_path: Path):
    dataset = lean(tmp_path, records(1), gates={"enabled": False})
    (report,) = dataset.make(Loud(NoiseOptions()))
    assert {fault.check for fault in report.faults} == {"clipping"}
    assert not report.finished and not is_finished(dataset.store, dataset.recipe, "talks.000000")
    assert len(dataset.spoken()) == 2  # the sound is kept, to be looked at


# -- ends at any moment


PLACES = {
    "while assembling": "stereo.assembly:write_recording",
    "while aligning": "making.record:transcribe",
    "between recording and transcript": "making.record:write_transcript",
    "before the measures": "synthesis.writer:write_part",
    "before the piece": "making.dialogue_desk:write_piece",
    "before the table": "making.complete:close_shard",
    "before the index": "making.complete:build_pairs",
    "before the summary": "making.complete:build_transcripts",
    "before the marker": "making.complete:mark_finished",
}
KILLED = """
import importlib, json, os, signal, sys
from pathlib import Path
from tests.moshi_assets.support.plain_dataset import PlainDataset

folder, settings, lines, place, calls = sys.argv[1:]
module, name = place.split(":")
owner = importlib.import_module(f"moshi_assets.{module}")
function, left = getattr(owner, name), iter(range(int(calls)))

def kill(*args, **kwargs):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **kwargs)

setattr(owner, name, kill)
dataset = PlainDataset(Path(folder), json.loads(lines), **json.loads(settings))
dataset.plan()
dataset.make()
"""
"""A process that kills itself when it calls a function of the pass for the n-th time."""


@pytest.mark.slow
@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("place", PLACES)
def test_what_was_made_before_a_kill_is_found_again(tmp_path: Path, truth: PlainDataset, place: str, calls: int):
    dataset = PlainDataset(tmp_path, records(12), **LEAN)
    arguments = [str(tmp_path), json.dumps(dataset.settings), json.dumps(records(12)), PLACES[place], str(calls)]
    path = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=os.environ | {"PYTHONPATH": path}, check=False
    )
    assert done.returncode == -signal.SIGKILL

    remove_partials(dataset.store.folder)  # as the next build's parse does
    again = spoken(dataset.make())
    assert files(dataset) == files(truth)
    assert not list(dataset.store.folder.glob("mono/*/*"))
    if place in ("before the table", "before the index", "before the summary", "before the marker"):
        assert again <= 24 - 8 * (1 + calls)  # every shard that was spoken is found


@pytest.mark.parametrize("room", [3_000, 11_000, 30_000])
def test_a_full_disk_costs_nothing_that_was_made(tmp_path: Path, truth: PlainDataset, room: int):
    """No file can grow past the room: recordings are of 30 kB, transcripts and tables smaller."""
    dataset = lean(tmp_path, records(12))
    with full_disk(room), pytest.raises(OSError):
        dataset.make()
    assert not list(dataset.store.folder.rglob("*.partial"))
    dataset.make()
    assert files(dataset) == files(truth)


# -- what changes


@pytest.mark.parametrize(
    "change", [{"gap": 0.05}, {"layout": "overlapped"}, {"pack_seconds": 5}, {"timing": "natural"}], ids=str
)
def test_a_new_assembly_takes_its_sound_from_the_recordings(tmp_path: Path, change: dict[str, Any]):
    dataset = lean(tmp_path, records(9))
    dataset.make()
    dataset.settings |= change
    dataset.plan()
    assert len(unfinished_shards(dataset.store, dataset.recipe)) == 3
    assert spoken(dataset.make()) == 0

    fresh = lean(tmp_path, records(9), **change, name="fresh")
    fresh.make()
    ours, theirs = (
        {p.split("/")[-1]: d for p, d in files(each).items() if p.endswith("wav")} for each in (dataset, fresh)
    )
    dataset.publish()
    fresh.publish()
    ours = {path.name: path.read_bytes() for path in dataset.store.stereo_folder.glob("*.wav")}
    assert ours == theirs


@pytest.mark.parametrize("stages", [("speech",), ("speech", "stereo")], ids=str)
def test_stages_can_be_made_one_after_another(tmp_path: Path, truth: PlainDataset, stages):
    dataset = lean(tmp_path, records(12))
    first = dataset.make(stages=stages)
    assert spoken(first) == 24 and not any(report.finished for report in first)
    rest = tuple(stage for stage in ("speech", "stereo", "transcripts") if stage not in stages)
    assert all(report.finished for report in dataset.make(stages=rest))
    assert files(dataset) == files(truth)


def test_a_changed_turn_is_all_that_is_spoken(tmp_path: Path):
    dataset = lean(tmp_path, records(12))
    dataset.make()
    lines = records(12)
    lines[5]["user_text"] = "Another question?"
    dataset.write(lines)
    dataset.plan()
    assert unfinished_shards(dataset.store, dataset.recipe) == ["talks.000001"]
    assert spoken(dataset.make()) == 1

    fresh = lean(tmp_path, lines, name="fresh")
    fresh.make()
    assert recordings(dataset) == recordings(fresh)


def test_a_lost_recording_is_spoken_again_and_nothing_else(tmp_path: Path, truth: PlainDataset):
    dataset = lean(tmp_path, records(12))
    dataset.make()
    dataset.wav("talk_005").unlink()
    assert unfinished_shards(dataset.store, dataset.recipe) == ["talks.000001"]
    assert spoken(dataset.make()) == 2
    assert files(dataset) == files(truth)


@pytest.mark.parametrize("damaged", ["index", "quality", "transcripts", "wav", "tasks"])
def test_damage_is_mended(tmp_path: Path, truth: PlainDataset, damaged: str):
    dataset = lean(tmp_path, records(12))
    dataset.make()
    shard = "talks.000001"
    path = {
        "index": dataset.store.index_path(shard),
        "quality": dataset.store.quality_path(shard),
        "transcripts": dataset.store.transcripts_path(shard),
        "wav": dataset.wav("talk_005"),
        "tasks": dataset.store.tasks_folder / f"{shard}.tasks",
    }[damaged]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if damaged not in ("wav", "tasks"):  # of recordings only whether they are there is asked
        assert unfinished_shards(dataset.store, dataset.recipe) == [shard]
    if damaged == "tasks":
        dataset.plan()
    dataset.make()
    assert files(dataset) == files(truth)


def test_jobs_and_outcomes_cross_processes(tmp_path: Path):
    import pickle

    dataset = lean(tmp_path, records(2))
    crossed = []

    def work(function: Callable[[Any], Any], items: Any) -> Any:
        for item in items:
            result = pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(item)))
            crossed.append(pickle.loads(pickle.dumps(result)))
            yield crossed[-1]

    with pytest.MonkeyPatch.context() as patch:
        make = dialogue_desk.DialogueDesk.__init__
        patch.setattr(
            dialogue_desk.DialogueDesk, "__init__", lambda self, store, recipe, *_: make(self, store, recipe, work)
        )
        (report,) = dataset.make()
    assert report.finished and crossed and record_dialogues.__module__ == "moshi_assets.making.record"


def make_with_helpers(folder: str, settings: dict[str, Any], lines: list[dict[str, Any]], told: Any) -> None:
    """In a process of its own, as a step is: one pass with two helper processes."""
    dataset = PlainDataset(Path(folder), lines, **settings)
    dataset.plan()
    try:
        told.put([report.finished for report in dataset.make()])
    except Exception as error:
        told.put(f"{type(error).__name__}: {error}")


def in_a_step(dataset: PlainDataset, folder: Path, lines: list[dict[str, Any]], **settings: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=make_with_helpers, args=(str(folder), dataset.settings | settings, lines, told))
    process.start()
    outcome = told.get(timeout=120)
    process.join(60)
    return outcome


@pytest.mark.parametrize(
    ("cores", "lanes", "helpers"), [(16, 1, 4), (16, 4, 3), (2, 1, 1), (2, 2, 0), (2, 4, 0), (1, 1, 0)]
)
def test_lanes_on_a_gpu_share_the_cores(cores: int, lanes: int, helpers: int):
    assert _helpers_on_gpu(cores, lanes) == helpers


@pytest.mark.slow
def test_helper_processes_make_the_same_files(tmp_path: Path, truth: PlainDataset):
    dataset = lean(tmp_path, records(12))
    assert in_a_step(dataset, tmp_path, records(12), helper_processes=2) == [True] * 3
    assert files(dataset) == files(truth)


def die(job: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def make_with_a_helper_that_dies(folder: str, settings: dict[str, Any], lines: list[dict[str, Any]], told: Any) -> None:
    dialogue_desk.record_dialogues = die  # type: ignore[assignment]  # what the helpers are sent
    make_with_helpers(folder, settings, lines, told)


@pytest.mark.slow
def test_a_helper_process_that_is_killed_is_told_and_costs_nothing(tmp_path: Path, truth: PlainDataset):
    dataset = lean(tmp_path, records(12))
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    settings = dataset.settings | {"helper_processes": 1}
    process = context.Process(target=make_with_a_helper_that_dies, args=(str(tmp_path), settings, records(12), told))
    process.start()
    outcome = told.get(timeout=120)
    process.join(60)
    assert outcome.startswith("WorkerKilled: one of the 1 processes that shared the work was killed by SIGKILL")

    dataset.make()
    assert files(dataset) == files(truth)


WORDS = st.sampled_from(["yes", "and no", "that is so", "it rains on the hills again"])
TURNS = st.lists(
    st.one_of(WORDS, st.builds(trick, st.sampled_from(list(TRICKS)), st.integers(1, 4))), min_size=2, max_size=6
)


@given(
    talks=st.lists(TURNS, min_size=1, max_size=9),
    shard=st.integers(1, 5),
    lanes=st.integers(1, 3),
    batch=st.integers(1, 9),
)
@settings(max_examples=25, deadline=None)
def test_however_the_work_is_cut_every_dialogue_is_there_once_in_order(
    talks: list[list[str]], shard: int, lanes: int, batch: int
):
    lines = [
        {"id": f"t{n}", "turns": [{"role": ("user", "assistant")[k % 2], "text": t} for k, t in enumerate(turns)]}
        for n, turns in enumerate(talks)
    ]
    good = ["fine one", "fine too"]
    lines.append(
        {"id": "last", "turns": [{"role": r, "text": t} for r, t in zip(("user", "assistant"), good, strict=True)]}
    )
    with tempfile.TemporaryDirectory() as name:
        staged = PlainDataset(Path(name), lines, name="staged", gates=PACE, samples_per_shard=5, transcripts=True)
        staged.build(ErraticEngine(4))
        one = lean(Path(name), lines, gates=PACE, samples_per_shard=shard, worker_count=lanes)
        reports = one.make(ErraticEngine(batch))
        one.publish()
        assert [report.shard for report in reports] == one.store.shards()
        assert one.rows() == staged.rows()
        assert recordings(one) == recordings(staged)
