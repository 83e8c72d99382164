"""What is no UTF-8 is told with the byte, the likely encoding and the command that helps."""

import json
import subprocess
from pathlib import Path

import pytest

from moshi_assets.dialogues.dialogue import Dialogue, Reject
from moshi_assets.dialogues.reader import DialogueFileError, read_dialogues

ENGLISH = "Don’t you like the café?"
CHINESE = "你好，请问现在几点了？"


def written(folder: Path, name: str, text: str, encoding: str) -> Path:
    content = (
        f"user_text,assistant_text\n{text},Yes.\n"
        if name.endswith(".csv")
        else json.dumps({"id": "a", "user_text": text, "assistant_text": "Yes."}, ensure_ascii=False)
    )
    (folder / name).write_bytes(content.encode(encoding))
    return folder / name


def reject(path: Path) -> Reject:
    (found,) = read_dialogues(path)
    assert isinstance(found, Reject)
    return found


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
@pytest.mark.parametrize(
    ("text", "encoding", "byte"),
    [(ENGLISH, "cp1252", "0x92"), ("Un café?", "latin-1", "0xe9"), (CHINESE, "gb18030", "0xc4")],
)
def test_the_command_in_the_message_helps(tmp_path: Path, name: str, text: str, encoding: str, byte: str):
    path = written(tmp_path, name, text, encoding)
    reason = reject(path).reason
    assert reason.startswith(f"not UTF-8: byte {byte} in ")
    command = (
        reason.rpartition("'iconv ")[2]
        .rstrip("'")
        .replace("OLD", f"iconv {path}")
        .replace("NEW", f"{path.with_stem('new')}")
    )
    subprocess.run("iconv " + command.replace("iconv /", "/"), shell=True, check=True)
    (talk,) = read_dialogues(path.with_stem("new"))
    assert isinstance(talk, Dialogue) and talk.turns[0].text == text


@pytest.mark.parametrize(
    ("text", "encoding"), [("Сколько сейчас времени?", "cp1251"), ("こんにちは、元気ですか", "shift_jis")]
)
def test_an_encoding_that_cannot_be_told_is_not_guessed(tmp_path: Path, text: str, encoding: str):
    assert reject(written(tmp_path, "t.jsonl", text, encoding)).reason.endswith("save the file as UTF-8")


def test_damaged_utf_8_is_not_taken_for_another_encoding(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_bytes('{"user_text": "Un café? '.encode() + b'\xe2\x80", "assistant_text": "Oui."}')
    assert "iconv" not in reject(path).reason


def test_half_of_a_character_is_no_fault_of_the_encoding(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"user_text": "\xed\xa0\x80?", "assistant_text": "Oui."}')
    assert reject(path).reason.startswith("not JSON")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_utf_16_without_a_mark_is_named(tmp_path: Path, name: str, encoding: str):
    with pytest.raises(DialogueFileError, match=f"'iconv -f {encoding.replace('-16-', '-16')} -t utf-8 OLD > NEW'"):
        list(read_dialogues(written(tmp_path, name, ENGLISH, encoding)))
