"""Where a dataset's files lie."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Reject, reject_line
from moshi_assets.storage.dataset import VOICE_TRAITS_FILE, VOICES_FILE, DatasetError, DatasetStore, datasets_in
from tests.moshi_assets.support.plain_dataset import PlainDataset, records


def test_every_path_lies_in_the_dataset_folder(tmp_path: Path):
    store = DatasetStore(tmp_path, "talks")
    paths = [store.recipe_path, store.tasks_folder, store.rejects_path, store.manifest_path, store.stereo_folder]
    paths += [store.temp_folder, store.progress_folder, store.mono_folder("talks.000000")]
    paths += [store.failures_path("talks.000000"), store.index_path("talks.000000")]
    assert all(tmp_path / "talks" in path.parents for path in paths)


def test_only_the_manifest_of_a_finished_dataset_ends_in_jsonl(tmp_path: Path):
    """The loader of moshi-finetune trains on every file that does."""
    dataset = PlainDataset(tmp_path, [*records(3), "not JSON"], keep_temp=True)
    dataset.build()
    assert list(dataset.store.folder.rglob("*jsonl")) == [dataset.store.manifest_path]


@pytest.mark.parametrize("name", ["../talks", "a/b", "", "inbox"])
def test_a_store_refuses_a_name_that_is_no_folder_name(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="dataset name"):
        DatasetStore(tmp_path, name)


def test_a_missing_dataset_is_named_with_the_remedy(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"no dataset 'talks'.*synthesis_tasks"):
        DatasetStore(tmp_path, "talks").recipe()


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", '{"shards": 1}'])
def test_missing_or_damaged_counts_are_named_with_the_remedy(tmp_path: Path, content: str | None):
    store = DatasetStore(tmp_path, "talks")
    store.tasks_folder.mkdir(parents=True)
    if content is not None:
        (store.tasks_folder / "summary.json").write_text(content)
    why = "is not there" if content is None else "is damaged: "
    with pytest.raises(DatasetError, match=rf"tasks/summary\.json {why}.*: materialize synthesis_tasks first"):
        store.summary()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dialogues": "many"}, "dialogues: "),
        ({"reading": [{"kind": "money"}]}, "reading.0"),
        ({"reading": 5}, "reading: "),
        ({"source": 5}, "source: "),
        ({"engine": "noise"}, "it has an unknown field 'engine'"),
        ({}, None),
    ],
)
def test_a_summary_with_a_wrong_field_is_refused_by_its_name(tmp_path: Path, change: dict, why: str | None):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.plan()
    path = dataset.store.summary_path
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    if why is None:
        assert dataset.store.summary().dialogues == 2
        return
    with pytest.raises(DatasetError, match=f"summary.json is damaged: {re.escape(why)}"):
        dataset.store.summary()


def test_what_the_parse_counted_is_read_back_as_it_was(tmp_path: Path):
    talks = records(2)
    talks[0]["user_text"] = "It costs $3.50."
    dataset = PlainDataset(tmp_path, talks)
    figures = dataset.plan()

    summary = dataset.store.summary()
    assert summary.reading == figures.reading
    assert "money" in {kind.kind for kind in summary.reading}
    assert {name: getattr(summary, name) for name in vars(figures)} == vars(figures)


@pytest.mark.parametrize("content", [None, "", "{", "[3]"])
def test_missing_or_damaged_voices_are_named_with_the_remedy(tmp_path: Path, content: str | None):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    voices = dataset.store.tasks_folder / VOICES_FILE
    assert dataset.store.voice_fingerprints().keys() == {"low", "high"}
    voices.unlink() if content is None else voices.write_text(content)
    with pytest.raises(DatasetError, match=r"voices\.json cannot be read .*: materialize synthesis_tasks"):
        dataset.store.voice_fingerprints()


def test_damaged_traits_of_voices_are_named_and_missing_ones_are_none(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    assert dataset.store.voice_traits() == {}
    (dataset.store.tasks_folder / VOICE_TRAITS_FILE).write_text("{")
    with pytest.raises(DatasetError, match=r"voice_traits\.json cannot be read"):
        dataset.store.voice_traits()


def test_a_shard_past_the_end_is_named_with_the_remedy(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    with pytest.raises(DatasetError, match=r"'talks.000007'.*materialize synthesis_tasks"):
        dataset.store.tasks("talks.000007")


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-20], lambda c: c[:100] + bytes([c[100] ^ 255]) + c[101:], lambda c: b""]
)
def test_damaged_tasks_are_named_with_the_remedy(tmp_path: Path, damage: Callable[[bytes], bytes]):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    path = dataset.store.tasks_folder / "talks.000000.tasks"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError, match="materialize synthesis_tasks"):
        dataset.store.tasks("talks.000000")


def test_failures_come_back_as_written(tmp_path: Path):
    store = DatasetStore(tmp_path, "talks")
    store.mono_folder("x").mkdir(parents=True)
    store.write_failures("talks.000000", {"ü/1": "it is mute"})
    assert store.failures("talks.000000") == {"ü/1": "it is mute"}


def test_damaged_failures_hold_nothing(tmp_path: Path):
    store = DatasetStore(tmp_path, "talks")
    store.mono_folder("x").mkdir(parents=True)
    store.failures_path("talks.000000").write_bytes(b'{"a": \xff')
    assert store.failures("talks.000000") == {}


def test_damaged_rejects_are_named_with_the_remedy(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [*records(1), "broken"])
    dataset.plan()
    dataset.store.rejects_path.write_text('{"line": 1}\n')
    with pytest.raises(DatasetError, match=r"rejects\.ndjson:1 is not a reject \(.*\): materialize synthesis_tasks"):
        list(dataset.store.rejects())


def test_no_failure_removes_the_earlier_ones(tmp_path: Path):
    store = DatasetStore(tmp_path, "talks")
    store.mono_folder("x").mkdir(parents=True)
    store.write_failures("talks.000000", {"a": "it is mute"})
    store.write_failures("talks.000000", {})
    assert store.failures("talks.000000") == {} and not store.failures_path("talks.000000").exists()


def test_late_rejects_replace_those_of_the_last_build_and_keep_the_parser_s(tmp_path: Path):
    store = DatasetStore(tmp_path, "talks")
    store.folder.mkdir()
    parsed, earlier = Reject(2, "not JSON", "{"), Reject(1, "mute", "", "a", "synthesis")
    store.rejects_path.write_text(reject_line(parsed) + reject_line(earlier), encoding="utf-8")
    later = Reject(3, "mute", "", "c", "synthesis")

    assert store.replace_late_rejects([later]) == 2

    assert list(store.rejects()) == [parsed, later]


def test_a_reject_keeps_to_one_line():
    line = reject_line(Reject(1, "odd", "a\nb\r\x0b\u2028\u0085c\ud7ff", "id\n"))
    assert line.count("\n") == 1 and json.loads(line)["excerpt"] == "a\nb\r\x0b\u2028\u0085c\ud7ff"


def test_datasets_below_a_root_are_those_that_were_parsed(tmp_path: Path):
    root = tmp_path / "data"
    for name in ("beta", "alpha"):
        PlainDataset(tmp_path, records(1), name=name).plan()
    (root / "half").mkdir()
    (root / "half" / "recipe.yaml").write_text("name: half")
    (root / "not a dataset").mkdir()
    (root / "not a dataset" / "recipe.yaml").write_text("x: 1")

    assert [store.name for store in datasets_in(root)] == ["alpha", "beta"]
