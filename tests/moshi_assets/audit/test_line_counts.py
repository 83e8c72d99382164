"""Nothing is dropped silently: the input's lines, the manifest's dialogues and the rejects add up, and a check proves
it.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.audit.line_counts import Counts, count_dataset
from tests.moshi_assets.support.erratic import PACE, ErraticEngine, trick
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records


def count(dataset: PlainDataset) -> Counts:
    return count_dataset(dataset.store, dataset.recipe)


def mixed() -> list[dict[str, Any] | str]:
    """Six good dialogues, three bad lines, four blank ones, one dialogue that is rejected while it is spoken."""
    good = records(6)
    bad = ["{broken", record(2), record(9, user_text="")]
    spoiled = record(7, assistant_text=trick("runaway", 9))
    return ["", *good[:2], bad[0], "   ", *good[2:], bad[1], spoiled, "\t", bad[2], ""]


@pytest.fixture
def built(tmp_path: Path) -> PlainDataset:
    dataset = PlainDataset(tmp_path, mixed(), gates=PACE)
    dataset.build(ErraticEngine())
    return dataset


def test_every_line_is_accounted_for(built: PlainDataset):
    counts = count(built)
    assert counts.faults == []
    assert (counts.lines, counts.blank, counts.left_out) == (10, 4, 0)
    assert (counts.recorded, counts.rejected_parse, counts.rejected_synthesis) == (6, 3, 1)
    assert (counts.parsed, counts.manifest_rows, counts.recordings) == (7, 6, 6)


def test_verify_finds_nothing_wrong_with_it(built: PlainDataset):
    assert list(dataset_faults(built.store.folder)) == []


def test_lines_past_max_samples_are_left_out_and_counted(tmp_path: Path):
    dataset = PlainDataset(tmp_path, mixed(), gates=PACE, max_samples=3)
    dataset.build(ErraticEngine())
    counts = count(dataset)
    assert counts.faults == []
    assert (counts.lines, counts.recorded, counts.rejected_parse, counts.left_out) == (4, 3, 1, 6)


def test_a_zipped_file_with_windows_line_ends_and_a_mark_is_counted(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    text = "\r\n".join([json.dumps(record(n)) for n in range(3)] + ["", " "])
    dataset.source.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    dataset.build()
    counts = count(dataset)
    assert (counts.faults, counts.lines, counts.blank) == ([], 3, 2)


def test_a_line_that_is_too_long_is_one_line(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), '"' + "x" * (5 * 2**20) + '"', record(1)])
    dataset.build()
    counts = count(dataset)
    assert (counts.faults, counts.lines, counts.rejected_parse) == ([], 3, 1)


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("{}\n" * 99)])
def test_a_dialogue_file_that_has_changed_since_is_not_counted(built: PlainDataset, change):
    change(built.source)
    counts = count(built)
    assert counts.faults == [] and counts.lines is None
    assert counts.summary()["lines"] == "the dialogue file has changed"


# -- what a loss looks like


def spoil_rejects(dataset: PlainDataset) -> None:
    path = dataset.store.rejects_path
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def spoil_manifest(dataset: PlainDataset) -> None:
    path = dataset.store.manifest_path
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def spoil_index(dataset: PlainDataset) -> None:
    from moshi_assets.stereo.index import read_index, write_index

    path = dataset.store.index_path("talks.000000")
    write_index(path, read_index(path)[1:])


def spoil_twice(dataset: PlainDataset) -> None:
    from dataclasses import replace

    from moshi_assets.stereo.index import read_index, write_index

    path = dataset.store.index_path("talks.000000")
    recordings = read_index(path)
    write_index(path, [replace(recordings[0], lines=recordings[1].lines), *recordings[1:]])


def spoil_reading(dataset: PlainDataset) -> None:
    """As if the reader had skipped a line: the summary knows of one less than the file holds."""
    summary = json.loads(dataset.store.summary_path.read_text())
    dataset.source.write_text(dataset.source.read_text() + json.dumps(record(50)) + "\n")
    from moshi_assets.dialogues.reader import source_state

    dataset.store.summary_path.write_text(json.dumps(summary | {"source": source_state(dataset.source)}))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_rejects, "rejects of the parse are listed"),
        (spoil_manifest, "rows are in the manifests"),
        (spoil_index, "neither recorded nor rejected"),
        (spoil_twice, "twice in it, or not planned"),
        (spoil_reading, "lines of the dialogue file hold something"),
    ],
)
def test_a_loss_is_found(built: PlainDataset, spoil, told: str):
    spoil(built)
    assert told in " ".join(map(str, count(built).faults))
    assert any(fault.check == "counts" for fault in dataset_faults(built.store.folder))


LINES = st.lists(
    st.sampled_from(["", "  ", "{bad", '{"user_text": "", "assistant_text": "x"}'])
    | st.integers(0, 5).map(lambda n: json.dumps(record(n))),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, max_samples=st.none() | st.integers(1, 4))
def test_any_file_adds_up(lines: list[str], max_samples: int | None, tmp_path_factory: pytest.TempPathFactory):
    dataset = PlainDataset(tmp_path_factory.mktemp("counts"), [*lines, record(90)], max_samples=max_samples)
    dataset.build()
    counts = count(dataset)
    assert counts.faults == []
    assert counts.lines is not None
    assert counts.lines + counts.left_out == sum(bool(line.strip()) for line in lines) + 1
