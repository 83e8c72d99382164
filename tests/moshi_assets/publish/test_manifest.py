"""Both manifests against the recordings: what a trainer would be misled by is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sphn

from moshi_assets.audit.dataset import dataset_faults
from tests.moshi_assets.support.plain_dataset import PlainDataset, records

EVALUATION = ("talk_001", "talk_004")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """Six dialogues, two of them for evaluation; tests only look at it."""
    dataset = PlainDataset(tmp_path_factory.mktemp("finished"), records(6))
    dataset.build(evaluation=EVALUATION)
    return dataset


@pytest.fixture
def copy(finished: PlainDataset, tmp_path: Path) -> PlainDataset:
    """One that a test may damage."""
    shutil.copytree(finished.store.folder, tmp_path / "data" / "talks")
    return PlainDataset(tmp_path, records(6))


def edited(change: Callable[[list[str], list[str]], tuple[list[str], list[str]]]) -> Callable[[PlainDataset], None]:
    """Replaces the rows of both manifests."""

    def damage(dataset: PlainDataset) -> None:
        paths = dataset.store.manifest_path, dataset.store.eval_manifest_path
        rows = change(*(path.read_text().splitlines(keepends=True) for path in paths))
        for path, lines in zip(paths, rows, strict=True):
            path.write_text("".join(lines))

    return damage


DAMAGE = {
    "lost": (lambda d: d.store.eval_manifest_path.unlink(), "talks.eval.ndjson: cannot be read"),
    "empty": (edited(lambda train, held: (train, [])), "the row of data_stereo/talk_001.wav is missing"),
    "short": (edited(lambda train, held: (train, held[:1])), "the row of data_stereo/talk_004.wav is missing"),
    "long": (edited(lambda train, held: (train, [*held, train[0]])), "ndjson:3: there are more rows than recordings"),
    "trained-on": (edited(lambda train, held: ([train[0], held[0], *train[1:]], held)), "talks.jsonl:2: names"),
    "swapped": (edited(lambda train, held: (held, train)), "where 'data_stereo/talk_000.wav' belongs"),
    "duration": (edited(lambda train, held: (train, [held[0].replace(": 0", ": 7"), held[1]])), "duration is 7."),
    "no-json": (edited(lambda train, held: (train, ["{\n", *held])), "talks.eval.ndjson:1: the row of"),
}


def test_a_dataset_with_evaluation_has_no_fault(finished: PlainDataset):
    assert list(dataset_faults(finished.store.folder)) == []


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_to_a_manifest_is_named(copy: PlainDataset, kind: str):
    damage, message = DAMAGE[kind]
    damage(copy)
    assert [fault for fault in dataset_faults(copy.store.folder) if message in str(fault)]


@pytest.mark.parametrize(("content", "message"), [("", "is empty"), ("{}\n", "more rows than recordings")])
def test_an_evaluation_manifest_that_should_not_be_there_is_named(tmp_path: Path, content: str, message: str):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    dataset.store.eval_manifest_path.write_text(content)
    (_,) = [fault for fault in dataset_faults(dataset.store.folder) if message in str(fault)]


def test_the_trainers_reader_reads_both(finished: PlainDataset):
    frames = {}
    for path in (finished.store.manifest_path, finished.store.eval_manifest_path):
        reader = sphn.dataset_jsonl(
            str(path), duration_sec=1.0, num_threads=1, sample_rate=24000, pad_last_segment=True
        )
        frames[path.suffix] = [sample["unpadded_len"] for sample in reader.seq(skip=0, step_by=1)]
    assert [len(lengths) for lengths in frames.values()] == [4, 2] and min(min(f) for f in frames.values()) > 0
