"""A file, a folder, a pattern, several, or a dataset that Hugging Face's library saved."""

import json
from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Reject
from moshi_assets.dialogues.files.records import SourceRecords, placed
from moshi_assets.dialogues.files.sources import find_files, source_folder, source_state
from moshi_assets.dialogues.reader import DialogueFileError, read_dialogues
from tests.moshi_assets.support.dialogue_files import parquet, saved_dataset, write

RECORDS = [{"id": f"d{number}", "prompt": "Open?", "completion": "Yes."} for number in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three dialogue files of several kinds, and what lies beside them."""
    folder = tmp_path / "talks"
    folder.mkdir()
    for number, name in enumerate(["talks.csv", "talks.jsonl.gz", "talks.parquet"]):
        write(folder, name, [RECORDS[number]])
    for other in ("README.md", ".hidden.jsonl", "dataset_infos.json"):
        (folder / other).write_text("{}")
    (folder / "more").mkdir()
    return folder


def ids(source: object) -> list[str | None]:
    return [talk.id for talk in read_dialogues(source)]  # type: ignore[arg-type]


def test_a_folder_stands_for_its_dialogue_files_by_name(folder: Path):
    assert ids(folder) == ["d0", "d1", "d2"]
    assert [path.name for path in find_files(folder).left_out] == ["README.md", "dataset_infos.json"]


def test_a_pattern_stands_for_what_it_matches(folder: Path):
    assert ids(f"{folder}/talks.[cp]*") == ["d0", "d2"]
    assert ids(str(folder.parent / "**" / "*.parquet")) == ["d2"]


def test_several_are_read_in_their_order_and_each_file_once(folder: Path):
    assert ids([folder / "talks.parquet", folder]) == ["d2", "d0", "d1"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path):
    path = write(tmp_path, "talks.jsonl", RECORDS).rename(tmp_path / "talks[1].jsonl")
    assert ids(path) == ["d0", "d1", "d2", "d3", "d4"]


@pytest.mark.parametrize(
    ("source", "told"), [("*.jsonl", "no file matches"), (".", "holds no dialogue file"), ("x", "No such")]
)
def test_what_stands_for_nothing_is_an_error(tmp_path: Path, source: str, told: str):
    with pytest.raises(DialogueFileError, match=told):
        ids(str(tmp_path / source))


def test_a_folder_of_folders_names_them(tmp_path: Path):
    (tmp_path / "train").mkdir()
    with pytest.raises(DialogueFileError, match=r"give one of the folders in it \(train\)"):
        ids(tmp_path)


def test_a_saved_dataset_is_read_in_the_order_that_it_lists(tmp_path: Path):
    folder = saved_dataset(tmp_path / "saved", RECORDS)
    assert ids(folder) == [f"d{number}" for number in range(5)]
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    assert ids(folder) == ["d3", "d4", "d0", "d1", "d2"]


def test_a_saved_dataset_of_one_split_is_read_and_of_two_says_which(tmp_path: Path):
    saved_dataset(tmp_path / "train", RECORDS)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert len(ids(tmp_path)) == 5
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DialogueFileError, match=r"several splits \(train, test\): give one of them, such as .*train"):
        ids(tmp_path)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"_data_files": [{"filename": "../../secret.arrow"}]}, "which is no file in the folder"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "gone.arrow"),
        ({"_data_files": []}, "lists no data files"),
        ({"_data_files": 7}, "lists no data files"),
        ({"_indices_files": [{"filename": "i.arrow"}]}, "flatten_indices"),
    ],
)
def test_a_saved_dataset_that_is_none_is_told(tmp_path: Path, state: dict, told: str):
    folder = saved_dataset(tmp_path / "saved", RECORDS)
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(DialogueFileError, match=told):
        ids(folder)


def test_records_of_several_files_are_numbered_through_and_a_reject_names_its_file(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "Open?", "completion": "Yes."}\n\n{}\n')
    (tmp_path / "b.jsonl").write_text("")
    (tmp_path / "c.jsonl").write_text('\n{"prompt": "Open?", "completion": "Yes."}\nx\n')
    records = SourceRecords(tmp_path)
    talks = list(read_dialogues(records))
    assert [talk.line for talk in talks] == [1, 3, 5, 6]
    assert talks[0].id == "sample_000001" and talks[2].id == "sample_000005"
    rejects = [placed(talk, records.files) for talk in talks if isinstance(talk, Reject)]
    assert [(reject.file, reject.file_line) for reject in rejects] == [("a.jsonl", 3), ("c.jsonl", 3)]


def test_a_damaged_file_of_several_is_named_with_the_place_in_it(tmp_path: Path):
    write(tmp_path, "talks.jsonl", RECORDS)
    (tmp_path / "z.json").write_bytes(b'[{"prompt": "Open?", "completion": "Yes."},')
    with pytest.raises(DialogueFileError, match=r"z.json after line 1: "):
        ids(tmp_path)


def test_the_state_of_a_source_changes_with_each_of_its_files(folder: Path):
    before = source_state(folder)
    assert before == source_state(folder) and json.loads(json.dumps(before)) == before
    (folder / "talks.csv").write_bytes(b"id,prompt,completion\n")
    assert source_state(folder) != before
    (folder / "more.parquet").write_bytes(parquet(RECORDS))
    assert len(source_state(folder) or []) == 4
    assert source_state(folder / "gone.jsonl") is None


def test_relative_paths_count_from_the_folder_of_the_source(folder: Path):
    for source in (folder, folder / "talks.csv", f"{folder}/*.csv", f"{folder}/*/x.csv"):
        assert source_folder(str(source)) == folder
    assert source_folder([str(folder / "talks.csv"), "/elsewhere/x.jsonl"]) == folder
