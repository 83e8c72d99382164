"""The page on dialogue files says what is read."""

import re
from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Dialogue
from moshi_assets.dialogues.forms import AS_USUAL, InputSettings, names, parse_record
from moshi_assets.names import COMPRESSED_ENDINGS, DIALOGUE_ENDINGS

PAGE = (Path(__file__).parents[2] / "docs" / "input.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)
NAMES = {
    "who speaks": names.ROLE_FIELDS,
    "what is said": names.TEXT_FIELDS,
    "a list that alternates": names.LIST_FIELDS,
    "what the user says, of two texts": names.USER_FIELDS,
    "what the assistant says": names.ASSISTANT_FIELDS,
    "the dialogue's name": names.ID_FIELDS,
    "the user": [name for name, role in names.SPEAKERS.items() if role == "user"],
    "the assistant": [name for name, role in names.SPEAKERS.items() if role == "assistant"],
    "nobody: left out": [name for name, role in names.SPEAKERS.items() if role == names.UNSPOKEN],
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_read(example: str):
    dialogue = parse_record(1, example.encode(), 2000, 200)
    assert isinstance(dialogue, Dialogue), dialogue
    assert [turn.role for turn in dialogue.turns] == ["user", "assistant"] and not dialogue.unknown_fields


def test_there_is_an_example_of_every_form():
    assert len(EXAMPLES) == 10


def test_the_example_of_names_of_ones_own_is_read():
    import yaml

    block = PAGE.partition("```yaml\n# ")[2].partition("```")[0]
    record, _, setting = block.partition("\n")
    settings = InputSettings(**yaml.safe_load(setting)["input"])
    assert not isinstance(parse_record(1, record.encode(), 2000, 200, mapping=AS_USUAL), Dialogue)
    dialogue = parse_record(1, record.encode(), 2000, 200, mapping=settings)
    assert isinstance(dialogue, Dialogue) and dialogue.id == "7"


@pytest.mark.parametrize("subject", NAMES)
def test_the_names_are_those_that_are_known(subject: str):
    (row,) = re.findall(rf"^\| {re.escape(subject)} \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall("`(.*?)`", row) == list(NAMES[subject])


def test_every_ending_is_named():
    assert {ending for ending in (*DIALOGUE_ENDINGS, *COMPRESSED_ENDINGS) if f"`{ending}`" not in PAGE} == set()
