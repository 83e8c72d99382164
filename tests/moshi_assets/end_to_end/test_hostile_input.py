"""Files that are damaged, dangerous or no files at all: refused at once, in a sentence with the file's name and a
remedy.
"""

import gzip
import os
import pickle
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import torch
import yaml

from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from indextts.foreign_files import ForeignFileError, read_yaml, shown
from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.defs.run_failure import run_failure
from moshi_assets.engines.base import EngineError, VoiceError
from moshi_assets.engines.indextts2 import IndexTTS2Engine
from moshi_assets.recipe import RecipeError, make_recipe, read_recipe_settings
from moshi_assets.recipe.engines import IndexTTS2Options
from moshi_assets.storage.inbox import look_into
from tests.moshi_assets.support.pipeline import Pipeline, dialogue, failure, run, write_dialogues
from tests.moshi_assets.support.voices import write_voice

UNSAFE = re.compile(r"weights_only|Traceback|EOFError|mmap|pickle\.load", re.IGNORECASE)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # a socket's path may have 108 characters


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


NO_FILES: dict[Callable[[Path], None], str] = {
    pipe: "a pipe",
    socket_file: "a socket",
    device: "a device",
    folder: "a folder",
}


# -- settings


def bomb(width: int, levels: int) -> str:
    rows = [f"a0: &a0 [{', '.join('x' * width)}]"]
    return "\n".join(rows + [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * width)}]" for n in range(levels)])


SETTINGS = {
    "a billion values by aliases": (bomb(9, 20), "more than 20,000 values"),
    "a billion values by merging": (
        "a0: &a0 {x: 1}\n" + "\n".join(f"a{n + 1}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}" for n in range(20)),
        "more than 20,000 values",
    ),
    "thousands of levels": ("gap: " + "[" * 50_000, "nested more than 50 deep"),
    "thousands of levels by aliases": (
        "a0: &a0 [x]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}]" for n in range(5_000)),
        "nested more than 50 deep",
    ),
    "a value that holds itself": ("gap: &a [*a]", "holds itself"),
    "a call": ("gap: !!python/object/apply:os.mkdir [ran]", "asks for an object"),
    "an object of somebody's": ("gap: !thing {}", "asks for an object"),
    "a number of a million digits": ("seed: " + "9" * 1_000_000, "a number of 1,000,000 characters"),
    "a number to the base 60": ("seed: 1" + ":59" * 300_000, "a number of 900,001 characters"),
    "a date that is none": ("gap: 2001-99-99", "cannot be read: month must be in 1..12"),
    "not closed": ("gap: [1, 2", "is not valid YAML (line"),
    "two megabytes": ("# " + "x" * 2_000_000, "has more than 1,048,576 bytes"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_would_do_harm_are_refused_at_once_in_few_words(tmp_path, name):
    content, told = SETTINGS[name]
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    begin = time.process_time()

    with pytest.raises(RecipeError, match=re.escape(told)) as caught:
        read_recipe_settings(path)

    assert time.process_time() - begin < 1  # of this process's own time, whatever else the machine does
    assert "recipe.yaml" in str(caught.value) and len(str(caught.value)) < 400 + len(str(path))
    assert not Path("ran").exists()


@pytest.mark.parametrize("make", NO_FILES)
def test_settings_are_read_from_files_alone(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "recipe.yaml")

    with pytest.raises(RecipeError, match=rf"recipe.yaml is {NO_FILES[make]}: give a regular file"):
        read_recipe_settings(tmp_path / "recipe.yaml")


def test_what_people_write_is_read(tmp_path):
    """The negative control: anchors, merging, dates and long texts."""
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "base: &base {gap: 0.5}\nmore: {<<: *base, seed: 1_000}\nlong: '" + "9" * 900 + "'\nday: 2026-11-28\n"
    )

    settings = read_yaml(path)
    assert settings["more"] == {"gap": 0.5, "seed": 1000} and len(settings["long"]) == 900


@pytest.mark.parametrize(
    "value",
    [10**6_000, "x" * 10**7, [[["x"] * 1000] * 1000] * 1000, {n: n for n in range(10**5)}],
    ids=["number", "text", "lists", "dict"],
)
def test_a_setting_s_value_is_shown_by_its_beginning(value):
    with pytest.raises(RecipeError) as caught:
        make_recipe({"name": "talks", "source": "talks.jsonl", "gap": value})

    assert "gap" in str(caught.value) and len(str(caught.value)) < 1000
    assert len(shown(value)) < 200


def test_many_faults_are_counted_and_not_all_told():
    with pytest.raises(RecipeError, match=r"; and 80 more$"):
        make_recipe({"name": "talks", "source": "talks.jsonl"} | {f"typo{n}": 1 for n in range(100)})


def test_a_build_with_a_bomb_for_a_recipe_is_wrong_usage(tmp_path):
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)])
    (tmp_path / "recipe.yaml").write_text(bomb(9, 20))

    done = run("moshi-assets", "build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "recipe.yaml, line 5: more than 20,000 values" in done.stderr and not UNSAFE.search(done.stderr)


# -- dialogue files


def gzip_cut(path: Path) -> None:
    content = gzip.compress(
        b"".join(b'{"user_text": "Is it %d?", "assistant_text": "Yes."}\n' % n for n in range(3000))
    )
    path.write_bytes(content[: len(content) // 2])


def gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(64 * 2**20)))


DIALOGUE_FILES: dict[Callable[[Path], None], str] = {
    **{make: f"is {kind}: give a regular file" for make, kind in NO_FILES.items() if make is not folder},
    folder: "holds no dialogue file: their names end in .jsonl",
    gzip_cut: "its gzip stream is cut off or damaged; copy or compress the file again",
    gzip_bomb: "holds no usable dialogue: 1 of 1 lines were rejected, the first because: line 1, line is longer than",
    lambda path: path.write_bytes(b"\n" * 10_000_000): "holds no usable dialogue",
    lambda path: path.write_bytes(pickle.dumps({"a": 1})): "the first because: line 1, not UTF-8",
    lambda path: path.write_text('{"turns": ' + "[" * 100_000): "the first because: line 1, not JSON",
}


@pytest.mark.parametrize("make", DIALOGUE_FILES)
def test_a_dialogue_file_that_cannot_be_used_is_told_in_one_sentence(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "talks.jsonl")

    message = failure(Pipeline(tmp_path / "data").parse(tmp_path / "talks.jsonl"))

    named = "/dev/zero" if make is device else "talks.jsonl"
    assert named in message and DIALOGUE_FILES[make] in message
    assert not UNSAFE.search(message) and "\n" not in message and len(message) < 1000


_PARSE = """
import sys
from pathlib import Path
from moshi_assets.dialogues.reader import read_dialogues
from moshi_assets.processes.memory import peak_rss
before = peak_rss()
assert all(not hasattr(item, "turns") for item in read_dialogues(Path(sys.argv[1])))
print(peak_rss() - before)
"""


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_bytes(b"\n" * 256_000_000), lambda path: os.truncate(path, 10**9)],
    ids=["blank lines", "one line"],
)
def test_a_huge_file_without_a_dialogue_takes_no_memory(tmp_path, make):
    path = tmp_path / "talks.jsonl"
    path.touch()
    make(path)
    done = subprocess.run([sys.executable, "-c", _PARSE, path], capture_output=True, text=True, timeout=60, check=True)
    path.unlink()

    assert float(done.stdout) < 64  # MiB


# -- voices and checkpoints


@pytest.mark.parametrize("make", NO_FILES)
def test_a_voice_that_is_no_file_is_told_as_what_it_is(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "her.wav")

    with pytest.raises(VoiceError, match=rf"her.wav is {NO_FILES[make]}: give a sound file"):
        IndexTTS2Engine.find_voice(IndexTTS2Options(), "her.wav", tmp_path)


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00\x00\x00WAVE", b"<html>404</html>", pickle.dumps([1])])
def test_a_voice_that_is_no_sound_is_told_with_a_remedy(tmp_path, content):
    (tmp_path / "her.wav").write_bytes(content)

    with pytest.raises(VoiceError, match=r"her.wav (is damaged or no sound file: use WAV|lasts 0.00 s; at least)"):
        IndexTTS2Engine.find_voice(IndexTTS2Options(), "her.wav", tmp_path)


class Payload:
    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, ("payload_ran",)


def test_a_checkpoint_with_a_payload_is_told_by_its_file_and_the_cause_is_in_the_log(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    torch.save({"model": Payload()}, checkpoint / "gpt.pth")
    write_voice(tmp_path / "her.wav")
    write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"user_voice": "her.wav", "assistant_voice": "her.wav"}))
    flags = ["--engine", "indextts2", "--cfg-path", checkpoint / "config.yaml", "--model-dir", checkpoint]

    done = run(
        "moshi-assets", "build", "talks.jsonl", "--output", "data", "--recipe", "recipe.yaml", *flags, cwd=tmp_path
    )

    assert done.returncode == 1
    assert (
        "gpt.pth holds objects other than tensors and is refused" in done.stderr and "Get the file again" in done.stderr
    )
    assert not UNSAFE.search(done.stderr)
    assert "UnpicklingError" in (tmp_path / "data/talks/build.log").read_text()
    assert not list(tmp_path.rglob("payload_ran"))


# -- which error of a chain is told


def _own_over_foreign() -> None:
    try:
        raise EOFError("Compressed file ended")
    except EOFError as error:
        raise EngineError("her.wav is damaged: record it again") from error


def _foreign_over_own() -> None:
    try:
        raise ForeignFileError("gpt.pth is cut off: get it again")
    except ForeignFileError as error:
        raise RuntimeError("a library's words") from error


def _own_over_own() -> None:
    try:
        _own_over_foreign()
    except EngineError as error:
        raise RecipeError("the recipe's user_voice cannot be used: her.wav is damaged") from error


def _foreign() -> None:
    {}["gap"]


@pytest.mark.parametrize(
    ("fail", "kind", "told"),
    [
        (_own_over_foreign, "told", "her.wav is damaged: record it again"),
        (_foreign_over_own, "told", "gpt.pth is cut off: get it again"),
        (_own_over_own, "told", "the recipe's user_voice cannot be used: her.wav is damaged"),
        (_foreign, "unforeseen", "step broken failed unexpectedly: KeyError: 'gap'"),
    ],
)
def test_the_outermost_of_our_own_errors_is_told(fail, kind, told):
    @dg.asset
    def broken() -> None:
        fail()

    why = run_failure(dg.materialize([broken], raise_on_error=False).all_events)

    assert (why.kind, why.message, why.step) == (kind, told, "broken")


# -- the inbox, and a dataset's own files


@pytest.mark.parametrize("make", NO_FILES)
def test_what_is_no_file_is_left_alone_in_the_inbox_and_named(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "talks.jsonl")

    assert look_into(tmp_path) == ([], ["talks.jsonl"])


@pytest.mark.parametrize(
    "name", ["data_stereo/talk-001.json", "tasks/summary.json", "rejects.ndjson", "talks.jsonl", "recipe.yaml"]
)
def test_a_file_of_a_dataset_that_is_nested_without_end_is_a_fault(finished, name):
    path = finished / name
    good = path.read_bytes()
    path.write_text("[" * 200_000)
    try:
        faults = [str(fault) for fault in dataset_faults(finished)]
    finally:
        path.write_bytes(good)

    assert faults and all(len(fault) < 500 for fault in faults)
    assert any(Path(name).name in fault for fault in faults)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a reject."""
    folder = tmp_path_factory.mktemp("finished")
    source = write_dialogues(folder / "talks.jsonl", [*(dialogue(n) for n in range(3)), "{"])
    return Pipeline(folder / "data").build(source).folder
