"""`import moshi_assets`: what a program can do with it. The examples of docs/python.md are run by tests/docs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import moshi_assets
from moshi_assets import BuildError, Dataset, DatasetError, build_dataset

DIALOGUES = [
    {"id": "one", "user_text": "Is it open today?", "assistant_text": "Yes, until nine in the evening."},
    {"id": "two", "user_text": "And on Sundays?", "assistant_text": "Then it opens at noon."},
    {"id": "three", "user_text": "Is there a café?", "assistant_text": "On the first floor, beside the stairs."},
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    source = folder / "talks.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in DIALOGUES), encoding="utf-8")
    return build_dataset(source, folder / "data", engine="noise", eval_count=1, gap=0.5)


def test_the_interface_is_what_all_names():
    assert sorted(moshi_assets.__all__) == [
        *("BuildError", "Dataset", "DatasetError", "Recording", "Word", "__version__", "build_dataset")
    ]
    assert all(getattr(moshi_assets, name) for name in moshi_assets.__all__)
    with pytest.raises(AttributeError, match="no attribute 'bild_dataset'"):
        getattr(moshi_assets, "bild_dataset")  # noqa: B009 - an attribute access alone is no statement


def test_importing_it_imports_nothing_heavy():
    code = "import sys, moshi_assets; print(sorted({'dagster', 'torch', 'numpy', 'pydantic'} & set(sys.modules)))"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip() == "[]"
    )


def test_a_build_gives_a_dataset_whose_recordings_can_be_read(dataset):
    assert (dataset.name, len(dataset)) == ("talks", 3)
    assert len(list(dataset.recordings("train"))) == 2

    for recording in dataset:
        samples, rate = recording.audio()
        assert samples.dtype == np.float32 and samples.shape == (round(recording.duration * rate), 2)


def test_words_are_those_of_the_text_with_who_says_them(dataset):
    (one,) = [recording for recording in dataset if recording.path.stem == "one"]
    words = one.words()

    assert [word.text for word in words if word.role == "user"] == ["Is", "it", "open", "today?"]
    assert [word.text for word in words if word.role == "assistant"] == [
        "Yes,",
        "until",
        "nine",
        "in",
        "the",
        "evening.",
    ]
    assert all(0 <= word.start < word.end <= one.duration for word in words)


def test_the_same_call_continues(dataset):
    again = build_dataset(
        dataset.folder.parents[1] / "talks.jsonl", dataset.folder.parent, engine="noise", eval_count=1, gap=0.5
    )

    assert list(again.manifest("train")) == list(dataset.manifest("train"))


def test_a_wrong_setting_says_which_one_was_meant(tmp_path):
    with pytest.raises(BuildError, match="unknown setting 'gapp'; did you mean 'gap'"):
        build_dataset(tmp_path / "talks.jsonl", tmp_path, gapp=1)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"absent.jsonl.* does not exist"):
        build_dataset(tmp_path / "absent.jsonl", tmp_path, engine="noise")


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no finished dataset"):
        Dataset(tmp_path)


def test_damaged_files_are_named(dataset, tmp_path):
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "talks.jsonl").write_text('{"path": "gone.wav", "duration": 1.0}\n{"path": 3}\n')
    (tmp_path / "talks" / "gone.json").write_text("{")
    rows = Dataset(tmp_path / "talks").recordings("train")
    gone = next(rows)

    with pytest.raises(DatasetError, match=r"gone\.wav cannot be read"):
        gone.audio()
    with pytest.raises(DatasetError, match=r"gone\.json is damaged"):
        gone.words()
    with pytest.raises(DatasetError, match=r"talks\.jsonl:2 is not a manifest row"):
        next(rows)


def test_an_interrupt_of_the_program_ends_the_build_and_the_same_program_goes_on(tmp_path):
    lines = [line | {"id": f"{line['id']}-{n}"} for n in range(20) for line in DIALOGUES]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    slow = "from moshi_assets import build_dataset\nprint(len(build_dataset('long.jsonl', engine='noise', noise={'seconds_per_call': %s})))\n"  # noqa: E501
    (tmp_path / "slow.py").write_text(slow % 1.0)
    program = subprocess.Popen([sys.executable, "slow.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("data/long/mono/*")) and program.poll() is None:
        time.sleep(0.2)
    os.kill(program.pid, signal.SIGINT)
    _, said = program.communicate(timeout=60)

    assert said.strip().endswith("KeyboardInterrupt")
    assert not (tmp_path / "data" / "long" / "long.jsonl").exists()

    (tmp_path / "quick.py").write_text(slow % 0.0)
    done = subprocess.run(
        [sys.executable, "quick.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "60", done.stderr
