"""Tables with a turn in each row: no dialogue is read in part, or in another order than it was held."""

import random
import tracemalloc
from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Dialogue, Reject
from moshi_assets.dialogues.files.records import SourceRecords
from moshi_assets.dialogues.reader import read_dialogues
from tests.moshi_assets.support import dialogue_files as make

HEADER = "dialogue_id,speaker,text\n"
SCATTERED = "d1,user,Hi\nd1,agent,Hello\nd2,user,Yo\nd1,user,Again\nd2,agent,Hey\nd3,user,One?\nd3,agent,Two.\n"


def read(folder: Path, rows: str, header: str = HEADER) -> list[Dialogue | Reject]:
    (folder / "turns.csv").write_text(header + rows)
    return list(read_dialogues(folder / "turns.csv"))


def texts(dialogue: Dialogue | Reject) -> list[str]:
    assert isinstance(dialogue, Dialogue), dialogue
    return [turn.text for turn in dialogue.turns]


def test_no_piece_of_a_dialogue_whose_rows_are_scattered_is_read(tmp_path: Path):
    *pieces, whole = read(tmp_path, SCATTERED)
    assert [(piece.line, piece.id) for piece in pieces] == [(2, "d1"), (3, "d2"), (4, "d1"), (5, "d2")]
    assert pieces[0].reason == (
        "the rows of 'd1' do not stand together: rows 2 to 3 are one of 2 pieces; sort the table by dialogue_id"
    )
    assert (whole.line, whole.id, texts(whole)) == (6, "d3", ["One?", "Two."])


def test_what_the_message_says_helps(tmp_path: Path):
    rows = sorted(SCATTERED.splitlines(keepends=True), key=lambda row: row.partition(",")[0])
    assert [texts(talk) for talk in read(tmp_path, "".join(rows))] == [
        ["Hi", "Hello", "Again"],
        ["Yo", "Hey"],
        ["One?", "Two."],
    ]


def test_blank_rows_part_no_dialogue_and_a_row_that_cannot_be_used_does(tmp_path: Path):
    assert texts(read(tmp_path, "d1,user,Hi\n\nd1,agent,Hello\n")[0]) == ["Hi", "Hello"]
    found = read(tmp_path, "d1,user,Hi\nd1,agent,Hello\n,user,Lost\nd1,agent,Bye\n")
    assert [type(each) for each in found] == [Reject] * 3


def test_a_row_with_a_fault_costs_its_whole_dialogue(tmp_path: Path):
    bad, good = read(tmp_path, "d1,user,Hi\nd1,agent,Hello, you\nd2,user,Yo\nd2,agent,Hey\n")
    assert isinstance(bad, Reject) and bad.id == "d1" and "row has 4 cells" in bad.reason
    assert texts(good) == ["Yo", "Hey"]


@pytest.mark.parametrize("name", ["turns.parquet", "turns.arrow", "turns.feather", "turns.tsv", "utf16.csv.gz"])
def test_scattered_rows_are_found_in_tables_of_every_kind(tmp_path: Path, name: str):
    import csv
    import gzip
    import io

    rows = list(csv.DictReader(io.StringIO(HEADER + SCATTERED)))
    path = tmp_path / name
    if name.startswith("utf16"):
        path.write_bytes(gzip.compress((HEADER + SCATTERED).encode("utf-16")))
    else:
        path.write_bytes(make.KINDS[name.replace("turns", "talks")](rows))
    assert [type(each) for each in read_dialogues(path)] == [Reject] * 4 + [Dialogue]


@pytest.mark.slow
def test_many_scattered_dialogues_take_no_memory(tmp_path: Path):
    count = 10_000  # a set of their ids would need 1 MiB
    rows = [f"d{number},{who},Hi there\n" for who in ("user", "agent") for number in range(count)]
    random.Random(1).shuffle(rows)
    (tmp_path / "turns.csv").write_text(HEADER + "".join(rows))
    tracemalloc.start()
    faults = sum(fault is not None for _, _, fault in SourceRecords(tmp_path / "turns.csv"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faults > 2 * count - 10 and peak < 2.2 * 2**20


NUMBERED = "dialogue_id,speaker,text,turn_idx\n"


def test_a_column_that_numbers_the_turns_orders_them(tmp_path: Path):
    (talk,) = read(tmp_path, "d1,agent,Hello,2\nd1,user,Hi,1\nd1,user,Bye,10\n", NUMBERED)
    assert texts(talk) == ["Hi", "Hello", "Bye"] and talk.unknown_fields == ()


@pytest.mark.parametrize("numbers", ["0123", "0011", "aabb", "1  2", "    "])
def test_rows_in_their_order_stay_so_whatever_numbers_them(tmp_path: Path, numbers: str):
    rows = [
        f"d1,{who},{text},{number}\n" for who, text, number in zip(["user", "agent"] * 2, "ABCD", numbers, strict=True)
    ]
    assert texts(read(tmp_path, "".join(rows), NUMBERED)[0]) == list("ABCD")


@pytest.mark.parametrize(("numbers", "reason"), [("212", "is 2 in several rows"), ("2 1", "is no number in each row")])
def test_numbers_that_contradict_the_rows_and_tell_no_order_are_a_fault(tmp_path: Path, numbers: str, reason: str):
    rows = [f"d1,{who},Hi,{number}\n" for who, number in zip(["user", "agent", "user"], numbers, strict=True)]
    (reject,) = read(tmp_path, "".join(rows), NUMBERED)
    assert isinstance(reject, Reject) and reject.reason.startswith(f"turn_idx {reason}")
