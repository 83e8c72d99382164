"""Quotes in tables as text: none swallows rows, and none is left out of a text."""

from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Dialogue, Reject
from moshi_assets.dialogues.reader import DialogueFileError, read_dialogues

HEADER = "user_text,assistant_text\n"
GOOD = "Yes?,No.\n"


def read(folder: Path, rows: str, name: str = "t.csv") -> list[Dialogue | Reject]:
    (folder / name).write_text(rows)
    return list(read_dialogues(folder / name))


def said(dialogue: Dialogue | Reject) -> tuple[str, ...]:
    assert isinstance(dialogue, Dialogue), dialogue
    return tuple(turn.text for turn in dialogue.turns)


@pytest.mark.parametrize(
    "row",
    [
        '"Hi,Hello\n',
        '"Hi,Hello\n' + GOOD + '"A",B\n',
        'Hi,"Hello\n' + GOOD + 'Well,"No, no"\n',
        '"Hi ""you"",Hello\n',
        '"Hello, "Bob"\nhow are you?",Fine\n',
        '"Hi,Hello\n' + GOOD * 500_000,
    ],
    ids=["the last", "closed by another", "closed in the middle", "doubled", "in a text of two lines", "very long"],
)
def test_a_quote_that_does_not_end_stops_with_its_line_and_the_remedy(tmp_path: Path, row: str):
    with pytest.raises(
        DialogueFileError, match=r"the quote that begins in line 3 of the file does not end: close it, and"
    ):
        read(tmp_path, HEADER + GOOD + row + GOOD)


def test_the_line_is_that_of_the_file_whatever_stands_before(tmp_path: Path):
    with pytest.raises(DialogueFileError, match="begins in line 6 of"):
        read(tmp_path, "sep=,\n" + HEADER + '"One\ntwo?",Yes\n\n"Hi,Hello\n')


def test_a_file_that_is_cut_off_within_quotes_is_an_error(tmp_path: Path):
    with pytest.raises(DialogueFileError, match="begins in line 3 of the file does not end"):
        read(tmp_path, HEADER + GOOD + 'Hi,"Hel')


@pytest.mark.parametrize(
    ("name", "row", "turns"),
    [
        ("t.csv", '"One\n\ntwo, three?","He said ""yes"""\n', ("One\n\ntwo, three?", 'He said "yes"')),
        ("t.csv", 'A 5" nail?,A 5" nail.\n', ('A 5" nail?', 'A 5" nail.')),
        ("t.csv", '"He said "hi" to me",Fine.\n', ('"He said "hi" to me"', "Fine.")),
        ("t.tsv", '"Well?" he asked\tYes, "well".\n', ('"Well?" he asked', 'Yes, "well".')),
    ],
    ids=["doubled", "in the middle", "not doubled", "a table without quoting"],
)
def test_quotes_of_a_text_stay_in_it_and_the_next_row_is_read(tmp_path: Path, name: str, row: str, turns: tuple):
    rows = HEADER + row + GOOD
    first, last = read(
        tmp_path, rows if name == "t.csv" else HEADER.replace(",", "\t") + row + GOOD.replace(",", "\t"), name
    )
    assert said(first) == turns and said(last) == ("Yes?", "No.")


def test_a_quote_that_makes_other_cells_of_a_row_costs_that_row_alone(tmp_path: Path):
    bad, good = read(tmp_path, HEADER + '"Say "yes, please" now",Hello\n' + GOOD)
    assert isinstance(bad, Reject) and bad.reason == 'row is no CSV: a quote within a quoted text is written twice ("")'
    assert said(good) == ("Yes?", "No.")
