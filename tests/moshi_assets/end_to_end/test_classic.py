"""The classic builder as oracle: the pipeline gives the same bytes, however many lanes speak."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import soundfile as sf

from tests.moshi_assets.support.pipeline import SAMPLE, digests, manifest_rows, run


class Built(NamedTuple):
    """A build of the sample dialogues with the built-in voice."""

    process: subprocess.CompletedProcess[str]
    folder: Path


def build(folder: Path, *options: str) -> Built:
    process = run("moshi-assets", "build", SAMPLE, "--output", folder, "--samples-per-shard", "5", *options, cwd=folder)
    assert process.returncode == 0, process.stderr
    return Built(process, folder / SAMPLE.stem)


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("classic"), "--legacy-io")


@pytest.fixture(scope="module", params=[1, 2], ids=["1 lane", "2 lanes"])
def modern(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    lanes = ["--worker-count", str(request.param)]
    return build(tmp_path_factory.mktemp("modern"), "--layout", "overlapped", "--sample-rate", "native", *lanes)


def test_the_pipeline_writes_the_recordings_of_the_classic_builder_byte_for_byte(classic, modern):
    recordings = {path: digest for path, digest in digests(modern.folder).items() if path.endswith(".wav")}

    assert len(recordings) == len(SAMPLE.read_text().splitlines())
    assert recordings == {path: digest for path, digest in digests(classic.folder).items() if path.endswith(".wav")}


def test_the_pipeline_writes_the_manifest_of_the_classic_builder_byte_for_byte(classic, modern):
    manifests = [(built.folder / f"{SAMPLE.stem}.jsonl").read_bytes() for built in (classic, modern)]

    assert manifests[0] == manifests[1]


def test_the_classic_builder_starts_both_turns_at_once(classic):
    samples, _ = sf.read(classic.folder / manifest_rows(classic.folder)[0]["path"])

    assert all(abs(channel[:12000]).max() > 0.01 for channel in samples.T)


def test_the_classic_builder_says_what_it_wrote(classic):
    assert "12 recorded, 0 rejected (classic builder)" in classic.process.stdout
    assert str(classic.folder / f"{SAMPLE.stem}.jsonl") in classic.process.stdout
