"""Files of every kind hold the same dialogues, and a bad record in one costs itself alone."""

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import Dialogue, Reject
from moshi_assets.dialogues.files import json_values
from moshi_assets.dialogues.forms import InputSettings
from moshi_assets.dialogues.reader import MAX_LINE_BYTES, DialogueFileError, filled_lines, read_dialogues
from tests.moshi_assets.support import dialogue_files as make

RECORDS: make.Records = [
    {"id": f"d{number}", "question": f'Wie spät ist es, {name}?\nNa, "sag"?', "answer": "Sechs, glaube ich; 😀."}
    for number, name in enumerate(["Änne", "Bob", "Çem", "D"])
]


def read(path: Path, **options: Any) -> list[Dialogue | Reject]:
    return list(read_dialogues(path, **options))


def read_or_fail(path: Path) -> list[Dialogue | Reject] | None:
    """None where the file as a whole is an error, which must name it."""
    try:
        return read(path)
    except DialogueFileError as error:
        told = str(error)
    assert path.name in told
    return None


def outcomes(path: Path, **options: Any) -> list[tuple[int, str | None, str]]:
    """Number, id, and reason or "good", of every record."""
    return [(each.line, each.id, each.reason if isinstance(each, Reject) else "good") for each in read(path, **options)]


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", make.KINDS)
def test_every_kind_of_file_holds_the_same_dialogues(tmp_path: Path, name: str):
    path = make.write(tmp_path, name, RECORDS)

    talks = read(path)

    assert [(talk.id, *(turn.text for turn in talk.turns)) for talk in talks] == [
        tuple(each.values()) for each in RECORDS
    ]
    filled = [number for number, holds in filled_lines(path) if holds]
    assert filled == [talk.line for talk in talks]


@pytest.mark.parametrize("name", [name for name in make.KINDS if "no_ending" not in name])
def test_a_file_that_is_cut_off_is_an_error_or_rejects_its_last_record(tmp_path: Path, name: str):
    content = make.write(tmp_path, name, RECORDS).read_bytes()
    path = written(tmp_path, name, content[: len(content) * 3 // 4])

    talks = read_or_fail(path)
    if talks is not None:
        good = [talk.id for talk in talks if isinstance(talk, Dialogue)]
        assert good == [f"d{number}" for number in range(len(good))] and len(good) < len(RECORDS)
        assert isinstance(talks[-1], Reject) or ".csv" in name or "ta" in name  # a table's last cell may end anywhere


# -- tables


TURNS = (
    "dialogue_id,speaker,text,gap,backchannel\n"
    'a,User,Is it open?,,\na,Agent,"Yes, since nine.",-0.5,\na,User,Mm.,,TRUE\n\nb,User,And now?,,\nb,Agent,No.,0.25,\n'
)


def test_a_table_of_turns_holds_a_dialogue_in_the_rows_of_one_id(tmp_path: Path):
    first, second = read(written(tmp_path, "turns.csv", TURNS.encode()))

    assert [(turn.role, turn.text, turn.gap, turn.backchannel) for turn in first.turns] == [
        ("user", "Is it open?", None, False),
        ("assistant", "Yes, since nine.", -0.5, False),
        ("user", "Mm.", None, True),
    ]
    assert (first.line, first.id, second.line, second.id) == (2, "a", 3, "b")


def test_a_turn_of_no_dialogue_is_rejected(tmp_path: Path):
    found = outcomes(written(tmp_path, "turns.csv", TURNS.replace("\nb,Agent", "\n,Agent").encode()))
    assert found[2] == (4, None, "dialogue_id is empty: it names no dialogue")


def test_a_mapping_names_the_columns_of_a_table_of_turns(tmp_path: Path):
    path = written(tmp_path, "turns.tsv", b"nr\twer\tsatz\n1\tA\tHallo?\n1\tB\tJa.\n2\tA\tHm?\n2\tB\tNein.\n")
    mapping = InputSettings(id="nr", role="wer", text="satz", roles={"A": "user", "B": "assistant"})
    assert [number for number, _, good in outcomes(path, mapping=mapping) if good == "good"] == [2, 3]
    assert [talk.id for talk in read(path, mapping=mapping)] == ["1", "2"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"d9,Really?,Yes, it is.", "row has 4 cells, and the header 3"),
        (b"d9,Really?", "answer is missing"),
        (b"d9,Caf\xe9?,Yes.", "not UTF-8: byte 0xe9 in "),
        (b'd9,"Is it, "open"?",Yes.', 'row is no CSV: a quote within a quoted text is written twice ("")'),
        (b"d9,???,Yes.", "question is punctuation only"),
    ],
)
def test_a_bad_row_is_rejected_and_the_next_is_read(tmp_path: Path, row: bytes, reason: str):
    path = written(tmp_path, "t.csv", b"id,question,answer\na,Open?,Yes.\n" + row + b"\nb,Shut?,No.\n")
    first, bad, last = outcomes(path)
    assert first == (2, "a", "good") and last == (4, "b", "good")
    assert bad[0] == 3 and bad[2].startswith(reason)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"id,answer,id\n", "its header names the column 'id' twice"),
        (b"id,a\rx,b\r", "its header cannot be read: row is no"),
        (b",,\n\n", "its header names 0 columns"),
    ],
)
def test_a_header_that_names_no_columns_or_one_twice_is_an_error(tmp_path: Path, header: bytes, reason: str):
    with pytest.raises(DialogueFileError, match=reason):
        read(written(tmp_path, "t.csv", header + b"a,b,c\n"))


def test_a_line_that_tells_the_separator_is_no_header(tmp_path: Path):
    path = written(tmp_path, "t.csv", b"sep=;\nid;question;answer\na;Open, now?;Yes.\n")
    assert outcomes(path) == [(3, "a", "good")]


def test_a_list_in_a_cell_is_read(tmp_path: Path):
    messages = [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Yes."}]
    (talk,) = read(written(tmp_path, "t.csv", make.table([{"id": "a", "messages": json.dumps(messages)}])))
    assert [turn.text for turn in talk.turns] == ["Open?", "Yes."]


def parquet(folder: Path, table: pa.Table) -> Path:
    pq.write_table(table, folder / "t.parquet")
    return folder / "t.parquet"


def test_nested_columns_of_a_table_are_read_and_recordings_in_it_are_not(tmp_path: Path):
    turns = [{"from": "human", "value": "Open?"}, {"from": "gpt", "value": "Yes."}]
    rows = [{"id": 7, "conversations": turns, "audio": {"bytes": b"RIFF", "path": "a.wav"}}]
    (talk,) = read(parquet(tmp_path, pa.Table.from_pylist(rows)))
    assert (talk.id, [turn.text for turn in talk.turns], talk.unknown_fields) == ("7", ["Open?", "Yes."], ())


def test_a_row_that_is_no_text_costs_itself_alone(tmp_path: Path):
    answers = pa.array([b"Yes.", b"\xff\xfe", b"No."]).view(pa.binary()).cast(pa.binary())
    text = pa.StringArray.from_buffers(3, *answers.buffers()[1:])
    table = pa.table({"question": ["Open?"] * 3, "answer": text})
    good, bad, last = outcomes(parquet(tmp_path, table))
    assert (good[2], last[2], bad[0]) == ("good", "good", 2) and bad[2].startswith("row cannot be read")


@pytest.mark.parametrize("name", ["talks.parquet", "talks.arrow", "talks.feather"])
def test_a_damaged_table_is_an_error_that_names_it(tmp_path: Path, name: str):
    content = bytearray(make.write(tmp_path, name, RECORDS).read_bytes())
    content[len(content) // 3 :: 7] = os.urandom(len(content[len(content) // 3 :: 7]))
    read_or_fail(written(tmp_path, name, bytes(content)))


def test_a_compressed_parquet_file_is_refused(tmp_path: Path):
    path = written(tmp_path, "t.parquet.gz", gzip.compress(make.parquet(RECORDS)))
    with pytest.raises(DialogueFileError, match="compressed table: unpack it"):
        read(path)


# -- JSON over several lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\]}[{,: \né😀'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(
    values=st.lists(VALUES, max_size=4),
    chunk=st.sampled_from([1, 2, 3, 5, 64, 2**16]),
    indent=st.sampled_from([None, 1]),
)
def test_the_elements_of_an_array_arrive_as_written(values: list[Any], chunk: int, indent: int | None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "_CHUNK", chunk)
        content = json.dumps(values, indent=indent, ensure_ascii=False).encode()
        found = [json.loads(each) for _, each, _ in json_values.json_values(io.BytesIO(content))]
    assert found == values


def test_a_bad_element_is_rejected_and_the_next_is_read(tmp_path: Path):
    good = '{"id": "%s", "prompt": "Open?", "completion": "Yes.", "score": NaN}'
    content = f'[{good % "a"}, {{"id": "x", "prompt": "\\ud800"}}, {{"prompt": tru}},\n {good % "b"}, 7]'
    found = outcomes(written(tmp_path, "a.json", content.encode()))
    assert [(number, name, reason == "good") for number, name, reason in found] == [
        (1, "a", True),
        (2, None, False),
        (3, None, False),
        (4, "b", True),
        (5, None, False),
    ]


@pytest.mark.parametrize("filler", ['"x": "%s", ', '"x": [%s 0], '])
def test_an_over_long_element_is_rejected_without_being_held(tmp_path: Path, filler: str):
    long = (filler % ("0," * (MAX_LINE_BYTES // 2 + 9))).encode()
    good = b'{"prompt": "Open?", "completion": "Yes."}'
    reject, talk = read(written(tmp_path, "a.json", b"[{" + long + good[1:] + b", " + good + b"]"))
    assert reject.reason.startswith("record is longer than") and len(reject.excerpt) <= 500
    assert talk.line == 2


def test_an_array_that_does_not_end_is_an_error_after_its_last_record(tmp_path: Path):
    path = written(tmp_path, "a.json", b'[{"prompt": "Open?", "completion": "Yes."},\n')
    with pytest.raises(DialogueFileError, match="after line 1: its JSON array does not end"):
        read(path)


def test_commas_between_lines_do_no_harm(tmp_path: Path):
    line = b'{"prompt": "Open?", "completion": "Yes."}'
    assert [talk.line for talk in read(written(tmp_path, "a.jsonl", line + b",\n" + line + b",\n"))] == [1, 2]


def test_lines_that_are_lists_are_dialogues(tmp_path: Path):
    assert len(read(written(tmp_path, "a.jsonl", b'["Open?", "Yes."]\n["Shut?", "No."]\n'))) == 2


@pytest.mark.parametrize("first", [b'{"id": "a", "user_text": "Hel', b"{", b"[]", b"x,text", b"\xff\xff"])
def test_a_bad_first_line_does_not_make_another_kind_of_a_file(tmp_path: Path, first: bytes):
    good = b'{"prompt": "Open?", "completion": "Yes."}\n' * 3
    found = outcomes(written(tmp_path, "a.jsonl", first + b"\n" + good))
    assert [reason for *_, reason in found].count("good") == 3


# -- hostile

HOSTILE = {
    "zip archive": (b"PK\x03\x04....", "it is a zip archive"),
    "xz": (b"\xfd7zXZ\0", "compressed by xz"),
    "utf-16 without a mark": ('{"a": 1}\n'.encode("utf-16-le"), "UTF-16 without a byte order mark"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_not_read_is_named_with_what_to_do(tmp_path: Path, kind: str):
    content, told = HOSTILE[kind]
    with pytest.raises(DialogueFileError, match=told):
        read(written(tmp_path, "talks.jsonl", content))


@pytest.mark.parametrize("name", ["talks.jsonl", "talks.json", "talks.csv", "talks.tsv", "talks"])
@given(content=st.binary(max_size=200) | st.text(st.sampled_from('[]{}",:\n \\a1;\t'), max_size=60).map(str.encode))
def test_any_bytes_are_dialogues_rejects_or_an_error_that_names_the_file(name: str, content: bytes, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("any"), name, content)
    talks = read_or_fail(path)
    if talks is not None:
        assert [talk.line for talk in talks] == [number for number, holds in filled_lines(path) if holds]
