"""A dataset of several files, of a folder, or of standard input is built, continued and checked as that of one file."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from moshi_assets.audit.dataset import dataset_faults
from tests.moshi_assets.support.dialogue_files import parquet, saved_dataset, table, write, zstd
from tests.moshi_assets.support.pipeline import BIN, Pipeline, digests, environment, manifest_rows, run

TURNS = [{"who": "A", "said": "Is it open?"}, {"who": "B", "said": "Yes, since nine."}]
OWN_NAMES = {"turns": "log", "role": "who", "text": "said", "roles": {"A": "user", "B": "assistant"}}


def pairs(*names: str) -> list[dict[str, str]]:
    return [{"id": name, "question": f"Is {name} open?", "answer": "Yes, since nine."} for name in names]


def moshi(cwd: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [str(BIN / "moshi-assets"), *arguments]
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment(), timeout=300, check=False
    )


def build(cwd: Path, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
    """The summary of a build that must succeed, after which nothing is wrong with the dataset."""
    done = moshi(cwd, "build", *arguments, "--output", "data", "--log-format", "json", stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    summary = json.loads(done.stdout)
    checked = run("moshi-assets", "verify", summary["folder"], cwd=cwd)
    assert checked.stdout.endswith("no faults\n")
    return summary


def test_the_built_in_voice_speaks_what_was_piped_and_continues_without_the_pipe(tmp_path: Path):
    piped = zstd(table(pairs("a", "b")).decode().encode("utf-16"))

    first = build(tmp_path, "-", "--name", "piped", stdin=piped)
    again = build(tmp_path, "data/piped/standard_input", "--name", "piped")

    assert (first["recorded"], first["spoken"], again["spoken"]) == (2, 4, 0)
    assert [Path(row["path"]).stem for row in manifest_rows(tmp_path / "data" / "piped")] == ["a", "b"]


def test_a_folder_of_files_of_several_kinds_becomes_one_dataset(tmp_path: Path):
    talks = tmp_path / "talks"
    talks.mkdir()
    (talks / "1.parquet").write_bytes(parquet(pairs("a", "b")))
    write(talks, "talks.csv", [*pairs("c"), {"id": "d", "question": "Open?", "answer": "..."}])
    pipeline = Pipeline(tmp_path / "data")

    store = pipeline.build(talks)

    (reject,) = store.rejects()
    assert (reject.line, reject.file, reject.file_line, reject.id) == (5, "talks.csv", 3, "d")
    assert list(dataset_faults(store.folder)) == []
    before = digests(store.folder)

    write(talks, "talks.tsv", pairs("e"))
    pipeline.build(talks)

    assert [Path(row["path"]).stem for row in manifest_rows(store.folder)] == list("abce")
    assert list(dataset_faults(store.folder)) == []
    after = digests(store.folder)
    assert before.items() - after.items() == {("talks.jsonl", before["talks.jsonl"])}  # the others are what they were


def test_a_saved_dataset_with_names_of_its_own_is_built_through_a_recipe(tmp_path: Path):
    saved_dataset(tmp_path / "saved", [{"nr": number, "log": TURNS} for number in range(3)])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"input": OWN_NAMES | {"id": "nr"}}))

    build(tmp_path, "saved", "--recipe", "recipe.yaml")

    assert [Path(row["path"]).stem for row in manifest_rows(tmp_path / "data" / "saved")] == list("012")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-"], "standard input has no name: give the dataset one with --name"),
        (["a.jsonl", "b.jsonl"], "several files have no name in common: give the dataset one with --name"),
        (["-", "a.jsonl", "--name", "x"], "'-' (standard input) stands alone"),
        (["gone.jsonl"], "File 'gone.jsonl' does not exist"),
        (["*.csv"], "no file matches"),
        (["empty"], "holds no dialogue file"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(tmp_path: Path, arguments: list[str], told: str):
    (tmp_path / "empty").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).touch()
    done = moshi(tmp_path, "build", *arguments, "--output", "data")
    assert done.returncode == 2 and told in done.stderr.decode() and not (tmp_path / "data").exists()


def test_standard_input_that_holds_nothing_leaves_nothing(tmp_path: Path):
    done = moshi(tmp_path, "build", "-", "--name", "x", "--output", "data", stdin=b"\n\n")
    assert done.returncode == 1 and b"holds no usable dialogue, it is empty or blank" in done.stderr
    assert not (tmp_path / "data" / "x").exists()


def test_an_interrupt_while_standard_input_is_read_leaves_nothing(tmp_path: Path):
    command = [str(BIN / "moshi-assets"), "build", "-", "--name", "x", "--output", "data"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin and process.stderr
        process.stdin.write(b"{}\n" * 100_000)
        process.stdin.flush()
        while not list(tmp_path.glob("data/x/.standard_input*")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not (tmp_path / "data" / "x").exists()


def test_dagster_builds_a_dataset_of_several_files(tmp_path: Path):
    files = [str(write(tmp_path, "talks.csv", pairs("a"))), str(write(tmp_path, "talks.jsonl", pairs("b")))]
    pipeline = Pipeline(tmp_path / "data")
    pipeline.instance.add_dynamic_partitions("datasets", ["talks"])
    config = {"recipe": {"engine": "noise", "source": files}}

    done = pipeline.materialize("synthesis_tasks", "talks", config={"ops": {"synthesis_tasks": {"config": config}}})

    assert done.success
    assert pipeline.store().summary().files == [("talks.csv", 0), ("talks.jsonl", 2)]
    assert os.path.isabs(pipeline.store().recipe().source[0])
