"""Shards side by side in processes: in order, no longer than their step, and with their errors."""

import json
import multiprocessing
import os
import signal
import time
from functools import partial

import pytest

from moshi_assets.processes.killed import WorkerKilled
from moshi_assets.processes.pools import usable_cores, workers
from moshi_assets.storage.dataset import DatasetError
from tests.moshi_assets.support.pipeline import Running, eventually, run

needs_cores = pytest.mark.skipif(usable_cores() < 2, reason="one core has one process")


def whoami(shard):
    time.sleep(0.02)  # or one of them does it all
    return shard, os.getpid(), signal.getsignal(signal.SIGINT)


def refuse(shard):
    raise DatasetError(f"{shard} is not spoken")


def leave_a_mark(folder, shard):
    time.sleep(0.05)
    (folder / shard).touch()


def stop_after_the_first(folder):
    with workers(200, 100_000) as crew:
        built = crew.map(partial(leave_a_mark, folder), [f"shard_{n}" for n in range(200)])
        for _ in built:
            raise KeyboardInterrupt


def die(shard):
    os.kill(os.getpid(), signal.SIGKILL)


def step(pipe, work, dialogues):
    """What a step of the stereo stage does, in a process of its own as every step."""
    try:
        with workers(12, dialogues) as crew:
            pipe.send((os.getpid(), crew.threads, list(crew.map(work, [f"shard_{n}" for n in range(12)]))))
    except (DatasetError, RuntimeError) as error:
        pipe.send(error)


def outcome(work, dialogues):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=step, args=(theirs, work, dialogues))
    process.start()
    try:
        assert ours.poll(60)
        return ours.recv()
    finally:
        process.join()


@needs_cores
def test_much_work_is_done_by_a_process_for_every_core():
    parent, threads, done = outcome(whoami, 100_000)
    assert [shard for shard, _, _ in done] == [f"shard_{n}" for n in range(12)]
    processes = {process for _, process, _ in done}
    assert parent not in processes
    assert 2 <= len(processes) <= usable_cores()
    assert threads == usable_cores() // min(usable_cores(), 12)
    assert {handler for _, _, handler in done} == {signal.SIG_IGN}  # Ctrl-C is the step's


def test_little_work_is_done_here():
    parent, threads, done = outcome(whoami, 100)
    assert {process for _, process, _ in done} == {parent}
    assert threads == usable_cores()


def test_a_program_without_steps_of_their_own_starts_no_processes():
    with workers(12, 100_000) as crew:
        assert {process for _, process, _ in crew.map(whoami, ["a", "b"])} == {os.getpid()}


def test_an_error_comes_back_as_it_is():
    error = outcome(refuse, 100_000)
    assert isinstance(error, DatasetError)
    assert str(error) == "shard_0 is not spoken"


@needs_cores
def test_a_step_that_is_interrupted_begins_no_further_shard(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=stop_after_the_first, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 1
    assert 1 <= len(os.listdir(tmp_path)) < 100


@needs_cores
def test_a_process_that_is_killed_is_an_error_that_says_how_to_go_on():
    error = outcome(die, 100_000)
    assert type(error) is WorkerKilled
    assert "one of the" in str(error) and "was killed by SIGKILL; it held" in str(error)
    assert "run the same command again" in str(error)


@needs_cores
def test_a_build_that_is_killed_while_it_pairs_leaves_no_process_and_is_finished_by_the_next(tmp_path):
    source, recipe, data = tmp_path / "few.jsonl", tmp_path / "recipe.yaml", tmp_path / "data"
    lines = [{"user_text": f"Is it {n}?", "assistant_text": "Yes, it is."} for n in range(2_100)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe.write_text("engine: noise\ntranscripts: false\ngates: {enabled: false, measured: false}\n")
    command = ("build", source, "--output", data, "--recipe", recipe)
    build = Running("moshi-assets", *command, cwd=tmp_path)
    try:
        recordings = data / "few" / "data_stereo"
        eventually(lambda: recordings.is_dir() and len(os.listdir(recordings)) > 200, 120, 0.02)
        build.signal(signal.SIGKILL)
        eventually(lambda: not build.alive(), 10)
    finally:
        build.end()
    assert len(os.listdir(recordings)) < len(lines)
    again = run("moshi-assets", *command, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert run("moshi-assets", "verify", data / "few", cwd=tmp_path).stdout.strip().endswith("no faults")
