"""The files whose reading is measured hold what they should."""

from pathlib import Path

import pytest

from benchmarks.parse_kinds import KINDS
from moshi_assets.dialogues.dialogue import Dialogue
from moshi_assets.dialogues.reader import read_dialogues


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read_whole(kind: str, tmp_path: Path):
    name, write = KINDS[kind]
    write(tmp_path / name, 20)

    dialogues = list(read_dialogues(tmp_path / name))

    good = [dialogue for dialogue in dialogues if isinstance(dialogue, Dialogue) and len(dialogue.turns) == 2]
    assert len(good) == len(dialogues) >= 20
