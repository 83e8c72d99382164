"""`moshi-assets` as its users run it: a subprocess, its output and its exit code."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml

from moshi_assets.cli.build import _recipe as recipe_of
from moshi_assets.cli.build import build as build_command
from moshi_assets.recipe import Recipe
from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.pipeline import (
    BIN,
    Pipeline,
    Running,
    dialogue,
    digests,
    environment,
    eventually,
    flip_byte,
    run,
    write_dialogues,
)

OPTIONS = [
    "--name",
    "--engine",
    "--user-voice",
    "--assistant-voice",
    "--eval-user-voice",
    "--eval-assistant-voice",
    "--eval-fraction",
    "--eval-count",
    "--worker-count",
    "--max-samples",
    "--samples-per-shard",
    "--planner-buffer",
    "--buffer-size",
    "--layout",
    "--gap",
    "--sample-rate",
    "--shard-dirs",
    "--seed",
    "--keep-temp",
    "--keep-mono",
    "--no-keep-mono",
    "--legacy-io",
    "--strict",
    "--device",
    "--cfg-path",
    "--model-dir",
    "--use-fp16",
    "--use-cuda-kernel",
    "--use-deepspeed",
    "--use-accel",
    "--use-torch-compile",
    "--deterministic",
    "--log-level",
    "--log-format",
    "--progress",
    "--no-progress",
    "--recipe",
    "--output",
]
NEEDS_DEFAULT = {
    "--engine": "builtin",
    "--worker-count": "1",
    "--planner-buffer": "64",
    "--buffer-size": "64",
    "--layout": "sequential",
    "--gap": "0.3",
    "--sample-rate": "24000",
    "--seed": "0",
    "--keep-temp": "off",
    "--keep-mono": "off",
    "--log-level": "info",
    "--log-format": "text",
}


class Done(NamedTuple):
    """A finished build."""

    process: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def spoken(self) -> int:
        match = re.search(r"(\d+) spoken", self.process.stdout)
        assert match, self.process.stderr
        return int(match[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight good dialogues, three bad lines and a recipe."""
    folder = tmp_path_factory.mktemp("cli")
    records = [dialogue(number) for number in range(8)]
    write_dialogues(
        folder / "talks.jsonl",
        [*records[:3], "{broken", *records[3:], dialogue(0), dialogue(9, user_text=" ")],
    )
    recipe = {"engine": "noise", "gap": 0.5, "samples_per_shard": 3, "noise": {"seconds_per_call": 0.5}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def build(folder: Path, *arguments: str) -> Done:
    """The command that all tests here repeat."""
    command = ["build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml", "--gap", "0.25", *arguments]
    return Done(run("moshi-assets", *command, cwd=folder), folder / "data" / "talks")


@pytest.fixture(scope="module")
def first(folder: Path) -> Done:
    """The first build, on two lanes."""
    return build(folder, "--worker-count", "2")


@pytest.fixture(scope="module")
def before(first: Done) -> dict[str, tuple[int, bytes]]:
    """Times and bytes of what the first build wrote."""
    files = [*first.folder.glob("*.jsonl"), *first.folder.glob("data_stereo/*.wav")]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def again(folder: Path, before: dict) -> Done:
    """The same dataset once more, now strict."""
    return build(folder, "--strict")


@pytest.fixture(scope="module")
def edited(folder: Path, again: Done) -> tuple[Done, str]:
    """Once more on a terminal, after an edit of both turns of one line; what the terminal showed."""
    text = (folder / "talks.jsonl").read_text()
    (folder / "talks.jsonl").write_text(text.replace("number 5", "number fifty"))
    shown, slave = pty.openpty()
    command = [BIN / "moshi-assets", "build", "talks.jsonl", "-o", "data", "--recipe", "recipe.yaml", "--gap", "0.25"]
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        assert process.stdout
        terminal = _read_terminal(shown)
        output = process.stdout.read().decode()
    finished = subprocess.CompletedProcess(command, process.returncode, output, terminal)
    return Done(finished, again.folder), terminal


def _read_terminal(descriptor: int) -> str:
    pieces = []
    try:
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    except OSError:
        pass  # how Linux reports the end of a terminal
    os.close(descriptor)
    return b"".join(pieces).decode(errors="replace")


# -- help and usage


@pytest.fixture(scope="module")
def help_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run("moshi-assets", "build", "--help", cwd=tmp_path_factory.mktemp("help")).stdout


def _paragraph(text: str, option: str) -> str:
    """Help of one option, on one line."""
    match = re.search(rf"\n  (?:-\w, )?{option}\b.*?(?=\n  -|\Z)", text, re.DOTALL)
    return " ".join(match[0].split()) if match else ""


@pytest.mark.parametrize("option", OPTIONS)
def test_help_lists_every_option(help_text, option):
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text)


@pytest.mark.parametrize(("option", "default"), NEEDS_DEFAULT.items())
def test_help_says_the_default(help_text, option, default):
    assert f"[default: {default}]" in _paragraph(help_text, option)


@pytest.mark.parametrize("option", ["--samples-per-shard", "--shard-dirs"])
def test_help_says_what_decides_where_an_option_is_left_out(help_text, option):
    assert "default: as the dataset has it, in a new one" in _paragraph(help_text, option)


@pytest.mark.parametrize(
    ("option", "unit"), [("--gap", "seconds"), ("--sample-rate", "Hz"), ("--samples-per-shard", "Dialogues")]
)
def test_help_says_the_unit(help_text, option, unit):
    assert unit in _paragraph(help_text, option)


@pytest.fixture
def one_talk(tmp_path: Path) -> Path:
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)])
    (tmp_path / "typo.yaml").write_text("engine: noise\nlayuot: overlapped\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["missing.jsonl", "--output", "data"], "missing.jsonl"),
        (["talks.jsonl"], "--output"),
        (["talks.jsonl", "--output", "data", "--recipe", "typo.yaml"], "layuot"),
        (["talks.jsonl", "--output", "data", "--recipe", "missing.yaml"], "missing.yaml"),
        (["talks.jsonl", "--output", "data", "--engine", "festival"], "festival"),
        (["talks.jsonl", "--output", "data", "--download"], "engine 'builtin' has none"),
        (["talks.jsonl", "--output", "data", "--worker-count", "0"], "worker_count"),
        (["talks.jsonl", "--output", "data", "--sample-rate", "fast"], "sample_rate"),
        (["talks.jsonl", "--output", "data", "--name", "../up"], "../up"),
        (["talks.jsonl", "--output", "data", "--legacy-io", "--layout", "sequential"], "layout"),
        (["talks.jsonl", "--output", "data", "--lanes", "2"], "--lanes"),
    ],
)
def test_wrong_usage_is_named_and_exits_with_2(one_talk, arguments, named):
    done = run("moshi-assets", "build", *arguments, cwd=one_talk)

    assert done.returncode == 2
    assert named in done.stderr
    assert not (one_talk / "data").exists()


# -- the first build


def test_a_build_exits_with_0(first):
    assert first.process.returncode == 0, first.process.stderr


def test_a_build_finds_the_dataset_whole(first):
    checked = run("moshi-assets", "verify", first.folder, cwd=first.folder)

    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, f"{first.folder}: no faults")


def test_lanes_that_need_no_gpu_warn_of_nothing(first):
    warnings = [line for line in first.process.stderr.splitlines() if " warning " in line]

    assert [line for line in warnings if "lane" in line or "GPU" in line] == []


def test_the_summary_counts(first):
    summary = first.process.stdout

    assert "11 read, 8 recorded, 3 rejected" in summary
    assert "16: 16 spoken, 0 reused, 0 failed" in summary
    assert "8 recordings in 3 shard(s)" in summary


def test_the_summary_tells_the_remedy_for_recordings_much_shorter_than_the_training_window(first):
    (window,) = [line for line in first.process.stdout.splitlines() if line.startswith("window ")]

    assert "of windows of 100 s" in window and "--pack-seconds 100" in window


def test_the_summary_names_the_manifest_and_the_rejects(first):
    told = {line.split()[0]: line for line in first.process.stdout.splitlines()}

    assert told["manifest"].split()[-1] == str(first.folder / "talks.jsonl")
    assert str(first.folder / "rejects.ndjson") in told["rejects"]
    assert all(kind in told["rejects"] for kind in ("1 x not JSON", "1 x duplicate id …", "1 x user_text is empty"))


def test_flags_override_the_recipe_file(first):
    recipe = yaml.safe_load((first.folder / "recipe.yaml").read_text())

    assert (recipe["gap"], recipe["samples_per_shard"], recipe["worker_count"]) == (0.25, 3, 2)


def test_nothing_but_the_manifest_ends_in_jsonl(first):
    assert [path.name for path in first.folder.rglob("*jsonl")] == ["talks.jsonl"]


def test_dagster_s_own_lines_go_to_a_log_file(first):
    assert "dagster" in (first.folder / "build.log").read_text()


def test_the_instance_lies_beside_the_dataset(first):
    assert (first.folder.parent / ".dagster" / "history").is_dir()


# -- later builds


def test_a_rebuild_speaks_nothing(again):
    assert again.spoken == 0


def test_a_rebuild_writes_no_recording_and_the_same_manifest(again, before):
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in again.folder.glob("data_stereo/*.wav")}

    assert after == {name: state for name, state in before.items() if name.endswith(".wav")}
    assert (again.folder / "talks.jsonl").read_bytes() == before["talks.jsonl"][1]


def test_strict_turns_rejects_into_exit_code_1_after_building_the_rest(again):
    assert again.process.returncode == 1
    assert "8 recorded, 3 rejected" in again.process.stdout


def test_an_edited_line_speaks_exactly_its_turns(edited):
    assert edited[0].spoken == 2


def test_an_edited_line_leaves_other_recordings_alone(edited, before):
    touched = {
        path.name
        for path in edited[0].folder.glob("data_stereo/*.wav")
        if path.stat().st_mtime_ns != before[path.name][0]
    }

    assert touched == {"talk-005.wav"}


def test_a_terminal_shows_a_bar_and_nothing_of_dagster(edited):
    assert "speak" in edited[1] and "━" in edited[1]
    assert "dagster" not in edited[1]


# -- a longer build, and a second one at the same time


def test_with_json_logs_every_line_of_both_streams_is_an_object(contested):
    events = [json.loads(line) for line in contested.first.stdout.splitlines()]

    assert all(event.keys() >= {"time", "level", "event"} for event in events)
    assert {"parse", "speak", "manifest", "summary"} <= {event["event"] for event in events}


def test_progress_lines_carry_the_figures(contested):
    events = [json.loads(line) for line in contested.first.stdout.splitlines()]

    figures = next(event for event in events if "done" in event)
    assert figures.keys() >= {
        "done",
        "total",
        "tasks_per_second",
        "x_realtime",
        "queue_depth",
        "latency_seconds",
        "eta_seconds",
    }


def test_the_json_summary_holds_numbers_and_paths(contested):
    (summary,) = [s for s in map(json.loads, contested.first.stdout.splitlines()) if s["event"] == "summary"]

    counts = {name: summary[name] for name in ("dialogues", "recorded", "rejected", "tasks", "spoken", "shards")}
    assert counts == {"dialogues": 16, "recorded": 16, "rejected": 0, "tasks": 32, "spoken": 32, "shards": 8}
    assert summary["audio_seconds"] > 30 and summary["stages"].keys() == {"parse", "speak", "manifest"}
    assert Path(summary["manifest"]).name == "talks.jsonl" and Path(summary["manifest"]).is_file()
    assert summary["eval_manifest"] is None and summary["reject_reasons"] == {}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["missing.jsonl", "--output", "data"], 2, "missing.jsonl"),
        (["talks.jsonl", "--output", "data", "--lanes", "2"], 2, "--lanes"),
        (["talks.jsonl", "--output", "data", "--engine", "festival"], 2, "festival"),
        (["bad.jsonl", "--output", "data", "--engine", "noise"], 1, "no usable dialogue"),
    ],
)
def test_errors_are_json_where_the_log_is(one_talk, arguments, code, told):
    write_dialogues(one_talk / "bad.jsonl", ["{broken"])

    done = run("moshi-assets", "build", *arguments, "--log-format", "json", cwd=one_talk)

    *_, last = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert (done.returncode, last["level"], last["exit_code"]) == (code, "error", code)
    assert told in last["event"]


def test_a_second_build_is_refused_with_the_reason(contested):
    assert contested.second.returncode == 1
    assert "is being built by another process" in json.loads(contested.second.stderr.splitlines()[-1])["event"]


def test_a_refused_build_does_not_disturb_the_first(contested):
    assert contested.first.returncode == 0


# -- what cannot be built


def test_a_file_without_a_good_line_exits_with_1_and_says_why(tmp_path):
    write_dialogues(tmp_path / "bad.jsonl", ["{broken", dialogue(1, assistant_text="")])

    done = run("moshi-assets", "build", "bad.jsonl", "--output", "data", "--engine", "noise", cwd=tmp_path)

    assert done.returncode == 1
    assert "2 of 2 lines were rejected, the first because: line 1, not JSON" in done.stderr
    assert "build.log" not in done.stderr and not (tmp_path / "data" / "bad").exists()


def test_what_cannot_be_built_anew_leaves_the_dataset_and_its_log(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "data" / "talks")
    before = digests(tmp_path / "data" / "talks")
    write_dialogues(tmp_path / "talks.jsonl", ["{broken"])

    done = run("moshi-assets", "build", "talks.jsonl", "--output", "data", "--engine", "noise", cwd=tmp_path)

    assert "details: " in done.stderr and (tmp_path / "data" / "talks" / "build.log").exists()
    assert digests(tmp_path / "data" / "talks") == before


# -- verify


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset built in this process."""
    folder = tmp_path_factory.mktemp("verify")
    source = write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(3)])
    return Pipeline(folder / "data").build(source).folder


def _swap_channels(folder: Path) -> None:
    path = folder / "data_stereo" / "talk-001.wav"
    header, samples = path.read_bytes()[:44], path.read_bytes()[44:]
    path.write_bytes(header + b"".join(samples[i + 2 : i + 4] + samples[i : i + 2] for i in range(0, len(samples), 4)))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a recording differs": (lambda folder: flip_byte(folder / "data_stereo" / "talk-001.wav"), "talk-001.wav"),
    "a recording is missing": (lambda folder: (folder / "data_stereo" / "talk-001.wav").unlink(), "talk-001.wav"),
    "channels are swapped": (_swap_channels, "is on the other channel"),
    "a manifest row is missing": (
        lambda f: (f / "talks.jsonl").write_text("".join((f / "talks.jsonl").read_text().splitlines(True)[1:])),
        "talks.jsonl:1",
    ),
    "the manifest is missing": (lambda folder: (folder / "talks.jsonl").unlink(), "talks.jsonl"),
    "another jsonl": (lambda folder: (folder / "data_stereo" / "notes.jsonl").write_text("{}"), "notes.jsonl"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_names_the_fault_and_exits_with_1(finished, tmp_path, damage):
    copy = tmp_path / "talks"
    subprocess.run(["cp", "-r", finished, copy], check=True)
    spoil, named = DAMAGES[damage]
    spoil(copy)

    done = run("moshi-assets", "verify", copy, cwd=tmp_path)

    assert done.returncode == 1
    assert named in done.stderr


def test_verify_of_something_else_exits_with_1(tmp_path):
    done = run("moshi-assets", "verify", tmp_path, cwd=tmp_path)

    assert done.returncode == 1
    assert "there is no dataset" in " ".join(done.stderr.split())


def test_verify_of_nothing_exits_with_2(tmp_path):
    assert run("moshi-assets", "verify", "missing", cwd=tmp_path).returncode == 2


def test_verify_changes_nothing(finished, tmp_path):
    before = digests(finished)

    run("moshi-assets", "verify", finished, cwd=tmp_path)

    assert digests(finished) == before


def flags(folder: Path, *arguments: str) -> Recipe:
    """Recipe of a build with these flags; nothing is built."""
    parsed = build_command.make_context("build", [str(folder / "talks.jsonl"), "--output", "data", *arguments]).params
    return recipe_of(parsed["inputs"], parsed["output"], parsed)


def test_a_voice_given_once_is_a_voice_and_several_times_a_pool(folder: Path):
    made = flags(folder, "--user-voice", "a", "--assistant-voice", "b", "--assistant-voice", "c")
    assert (made.user_voice, made.assistant_voice, made.eval_user_voice) == ("a", ["b", "c"], None)


def test_flags_of_turn_taking_go_before_the_recipe(folder: Path):
    (folder / "timing.yaml").write_text("timing: fixed\npack_seconds: 50\nmax_silence: 1.5\n")
    flagged = ("--timing", "natural", "--leading-silence", "0.1", "--pack-seconds", "100")
    made = flags(folder, "--recipe", str(folder / "timing.yaml"), *flagged)
    assert (made.timing, made.leading_silence, made.pack_seconds, made.max_silence) == ("natural", 0.1, 100, 1.5)
    with pytest.raises(click.UsageError, match="timing"):
        flags(folder, "--timing", "random")


def test_a_flag_for_evaluation_goes_before_the_other_kind_in_the_recipe(folder: Path):
    (folder / "split.yaml").write_text("eval_fraction: 0.5\neval_user_voice: [a, b]\n")
    made = flags(folder, "--recipe", str(folder / "split.yaml"), "--eval-count", "3")
    assert (made.eval_fraction, made.eval_count, made.eval_user_voice) == (None, 3, ["a", "b"])
    with pytest.raises(click.UsageError, match="both set"):
        flags(folder, "--eval-fraction", "0.1", "--eval-count", "3")


def test_a_build_with_pools_keeps_dialogues_for_evaluation(tmp_path: Path):
    """Three of one text and a count that they do not fit into: fewer, with a warning."""
    same = {"user_text": "What is it?", "assistant_text": "A test."}
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), *(dialogue(n, **same) for n in (2, 3, 4))])
    pool = ["--user-voice", "low", "--user-voice", "high", "--eval-count", "2", "--engine", "noise"]

    done = run("moshi-assets", "build", "talks.jsonl", "--output", "data", *pool, "--no-transcripts", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "evaluation  1 dialogues" in done.stdout
    assert "1 dialogues are kept for evaluation, not eval_count=2" in done.stderr
    stored = DatasetStore(tmp_path / "data", "talks")
    assert stored.recipe().user_voice == ["low", "high"]
    assert (stored.summary().train_dialogues, stored.summary().eval_dialogues) == (3, 1)


def test_an_interrupted_build_with_json_logs_says_so_in_json(one_talk):
    (one_talk / "slow.yaml").write_text("engine: noise\nnoise: {seconds_per_call: 60}\n")
    command = ["build", "talks.jsonl", "--output", "data", "--recipe", "slow.yaml", "--log-format", "json"]
    building = Running("moshi-assets", *command, cwd=one_talk)
    try:
        eventually(lambda: '"parse"' in building.output, 120)
        building.signal(signal.SIGINT, group=True)
        assert building.wait(60) == 130
    finally:
        building.end()

    *_, last = [json.loads(line) for line in building.output.splitlines()]
    assert (last["level"], last["exit_code"]) == ("error", 130)
