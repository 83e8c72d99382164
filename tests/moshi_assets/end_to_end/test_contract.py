"""The sample dialogues, built as `make demo` does, against what moshi-finetune relies on and with its own reader."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import sphn

from tests.moshi_assets.support.pipeline import REPOSITORY, SAMPLE, Pipeline, manifest_rows

CHECKER = REPOSITORY / "tests" / "contract" / "check_moshi_contract.py"
DIALOGUES = {record["id"]: record for record in map(json.loads, SAMPLE.read_text(encoding="utf-8").splitlines())}
HEARD = 4
"""Recordings that are also listened to: 4 s of computing each."""
WINDOW = 4.0
"""Seconds: every recording of the sample is longer."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """The finished dataset folder; tests only look at it."""
    store = Pipeline(tmp_path_factory.mktemp("demo")).build(SAMPLE, "demo", engine="builtin", samples_per_shard=8)
    return store.folder


def check(demo: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and last line of the contract checker."""
    texts = {name: {"assistant": r["assistant_text"], "user": r["user_text"]} for name, r in DIALOGUES.items()}
    (folder / "texts.json").write_text(json.dumps(texts))
    command = [sys.executable, CHECKER, demo / "demo.jsonl", "--reference", folder / "texts.json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, (done.stdout or done.stderr).splitlines()[-1]


def windows(demo: Path) -> Iterator[dict]:
    """The dataset as the trainer reads it, window by window."""
    dataset = sphn.dataset_jsonl(
        str(demo / "demo.jsonl"), duration_sec=WINDOW, num_threads=1, sample_rate=24000, pad_last_segment=True
    )
    yield from dataset.seq(skip=0, step_by=1)


def alignments(demo: Path, path: str) -> list:
    return json.loads((demo / path).with_suffix(".json").read_text(encoding="utf-8"))["alignments"]


def test_the_demo_keeps_the_contract_by_ear(demo, tmp_path):
    assert check(demo, tmp_path, "--asr", "on", "--asr-limit", str(HEARD)) == (0, "12 files ok, 0 bad")


def test_the_checker_can_fail(demo, tmp_path):
    path = demo / "data_stereo" / "thank_you.json"
    whole = path.read_text()
    path.write_text(whole.replace("SPEAKER_MAIN", "SPEAKER_0"))

    try:
        assert check(demo, tmp_path, "--asr", "off") == (1, "11 files ok, 1 bad")
    finally:
        path.write_text(whole)


def test_the_trainer_s_reader_gives_every_window_of_every_recording(demo):
    seen: dict[str, float] = {}
    for window in windows(demo):
        assert window["data"].shape == (2, round(24000 * WINDOW))
        seen[window["path"]] = seen.get(window["path"], 0.0) + window["unpadded_len"] / 24000

    assert seen == {str(demo / row["path"]): pytest.approx(row["duration"], abs=1e-3) for row in manifest_rows(demo)}


def test_its_channels_are_the_recording_s_left_the_assistant(demo):
    window = next(windows(demo))
    samples, _ = sf.read(window["path"], dtype="float32")

    assert np.array_equal(window["data"], samples[: round(24000 * WINDOW)].T)


def test_words_of_each_window_are_spoken_in_it_on_their_channel(demo):
    louder = []
    for window in windows(demo):
        begin = window["start_time_sec"]
        power = np.square(np.asarray(window["data"], np.float64))
        for _, (start, end), who in alignments(demo, window["path"]):
            if begin <= start and end <= begin + WINDOW:
                first, last = round(24000 * (start - begin)), round(24000 * (end - begin))
                left, right = power[:, first:last].mean(axis=1)
                louder.append(left > right if who == "SPEAKER_MAIN" else right > left)

    assert len(louder) > 300 and all(louder)
