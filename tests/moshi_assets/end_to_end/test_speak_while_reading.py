"""A large new file: what is read is spoken while the rest is read. Real builds, really broken off."""

import gzip
import json
import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from tests.moshi_assets.support.pipeline import Running, dialogue, environment, eventually, run

COMMAND = ["build", "talks.jsonl.gz", "--output", "data", "--recipe", "recipe.yaml"]
DIALOGUES, UNREADABLE = 40, 100_000
"""Good lines, then as many that are none as take some seconds to reject."""


def write(folder: Path, unreadable: int, cut: int = 0, **noise: float) -> None:
    """Write a dialogue file of which the last bytes may be missing, and a recipe by which eight dialogues are spoken
    while the rest is read.
    """
    lines = [json.dumps(dialogue(number)) for number in range(DIALOGUES)] + [f"x{n}" for n in range(unreadable)]
    content = gzip.compress("\n".join(lines).encode(), 1)
    (folder / "talks.jsonl.gz").write_bytes(content[: len(content) - cut])
    recipe = {"engine": "noise", "samples_per_shard": 4, "worker_count": 2, "speak_after": 8, "noise": noise}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))


def runs(folder: Path) -> list[dg.RunRecord]:
    """Runs of the folder's history, in the order in which they began."""
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        return sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)


def test_speech_begins_while_the_file_is_read(tmp_path: Path):
    folder = tmp_path
    write(folder, UNREADABLE)
    done = run("moshi-assets", *COMMAND, "--log-format", "json", cwd=folder, env=environment(folder / "home"))
    assert done.returncode == 0, done.stderr

    names = [(record.dagster_run.job_name, record.dagster_run.status.value) for record in runs(folder)]
    jobs = ["parse_dataset", "build_shards", "build_shards", "publish_manifest"]
    assert names == [(job, "SUCCESS") for job in jobs]
    parse, first, rest, _ = runs(folder)
    assert first.start_time < parse.end_time <= rest.start_time
    summary = json.loads(done.stdout.splitlines()[-1])
    counts = {name: summary[name] for name in ("dialogues", "rejected", "recordings", "spoken", "reused", "shards")}
    assert counts == {
        "dialogues": DIALOGUES + UNREADABLE,
        "rejected": UNREADABLE,
        "recordings": DIALOGUES,
        "spoken": 2 * DIALOGUES,
        "reused": 0,
        "shards": 10,
    }
    verified = run("moshi-assets", "verify", "data/talks", cwd=folder)
    assert verified.returncode == 0, verified.stdout


def nothing(folder: Path, build: Running) -> None:
    """Its file ends too early, which is met while its first dialogues are spoken."""


def kill_what_reads(folder: Path, build: Running) -> None:
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        (parse,) = instance.get_runs(dg.RunsFilter(job_name="parse_dataset"))
        (begin, *_) = instance.all_logs(parse.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    os.kill(begin.dagster_event.pid, signal.SIGKILL)


def interrupt_the_command(folder: Path, build: Running) -> None:
    build.signal(signal.SIGINT)


def kill_the_command(folder: Path, build: Running) -> None:
    build.signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        (nothing, 1, "cut off or damaged"),
        (kill_what_reads, 1, "killed by SIGKILL"),
        (interrupt_the_command, 130, "interrupted"),
        (kill_the_command, -signal.SIGKILL, ""),
    ],
)
def test_a_build_that_is_broken_off_meanwhile_ends_whole_and_goes_on(tmp_path: Path, end, code: int, told: str):
    folder = tmp_path
    write(folder, 3 * UNREADABLE, cut=1000 if end is nothing else 0, seconds_per_audio_second=0.5)
    build = Running("moshi-assets", *COMMAND, cwd=folder, env=environment(folder / "home"))
    try:
        speaks = folder / "data/talks/.progress/lane-0.json"
        eventually(lambda: speaks.exists() or build.process.poll() is not None, 180)
        end(folder, build)
        assert build.wait(60) == code, build.output
        assert told in build.output and "Traceback" not in build.output, build.output
        eventually(lambda: not build.alive(), 20)
    finally:
        build.end()
    assert not (folder / "data/talks/talks.jsonl").exists()
    listed = run("moshi-assets", "verify", "data/talks", cwd=folder)
    assert listed.returncode == 1 and "has not been read to its end" in listed.stdout + listed.stderr

    write(folder, 0)
    again = run("moshi-assets", *COMMAND, "--log-format", "json", cwd=folder, env=environment(folder / "home"))
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout.splitlines()[-1])
    assert (summary["recordings"], summary["spoken"] + summary["reused"]) == (DIALOGUES, 2 * DIALOGUES)
    states = {record.dagster_run.status.value for record in runs(folder)}
    assert states <= {"SUCCESS", "FAILURE", "CANCELED"}
