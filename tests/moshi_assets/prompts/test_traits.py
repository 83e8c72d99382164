"""What is written beside recordings about who speaks in them, by whoever wrote it."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.prompts.traits import MAX_LINE_BYTES, TraitsBook, VoiceTraits, read_traits, sentence

ANNA = {"file": "anna.wav", "gender": "female", "accent": "Scottish", "age": 34}


def traits(folder: Path, *lines: object) -> VoiceTraits:
    """Of a folder that holds anna.wav, ben.wav and such a file."""
    for name in ("anna.wav", "ben.wav"):
        (folder / name).touch()
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "voices.jsonl").write_text("\n".join(texts), encoding="utf-8")
    return read_traits(folder)


def told(found: VoiceTraits) -> list[str]:
    return [sentence(problem).removeprefix(", ") for problem in found.problems]


def test_each_recording_has_its_traits_and_an_age_is_told_by_its_decade(tmp_path):
    found = traits(tmp_path, ANNA, "", {"file_name": "ben.wav", "age": "Elderly "})
    assert found.of("anna.wav") == {"gender": "female", "accent": "scottish", "age": "30s"}
    assert found.of("ben.wav") == {"age": "elderly"} and found.of("carl.wav") == {} and not found.problems


def test_a_folder_without_the_file_says_nothing(tmp_path):
    assert read_traits(tmp_path) == VoiceTraits()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_coded(tmp_path, form):
    (tmp_path / unicodedata.normalize("NFD", "zoë.wav")).touch()
    found = traits(tmp_path, {"file": unicodedata.normalize(form, "zoë.wav"), "gender": "female"})
    assert found.of(unicodedata.normalize("NFD", "zoë.wav")) == {"gender": "female"} and not found.problems


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{broken", 'line 2: no JSON object, such as {"file": "anna.wav", "gender": "female"}'),
        ("[1]", 'line 2: no JSON object, such as {"file": "anna.wav", "gender": "female"}'),
        ("[" * 9000, 'line 2: no JSON object, such as {"file": "anna.wav", "gender": "female"}'),
        ("x" * (MAX_LINE_BYTES + 1), "line 2: longer than 10000 bytes"),
        ({"gender": "male"}, 'line 2: names no recording: give its file name as "file"'),
        ({"file": 7}, 'line 2: names no recording: give its file name as "file"'),
        ({"file": "carl.wav"}, "line 2: there is no file 'carl.wav' beside it"),
        ({"file": "../anna.wav"}, "line 2: there is no file '../anna.wav' beside it"),
        ({"file": "/etc/passwd"}, "line 2: there is no file '/etc/passwd' beside it"),
        ({"file": "a\0b"}, "line 2: there is no file 'a\\x00b' beside it"),
        ({"file": "anna.wav", "gender": "male"}, "line 2: 'anna.wav' was described before: the first line counts"),
        ({"file": "ben.wav", "gender": ["m"]}, "line 2: gender must be a text of 1 to 60 printable characters"),
        ({"file": "ben.wav", "gender": "m\x1b[2J"}, "line 2: gender must be a text of 1 to 60 printable characters"),
        ({"file": "ben.wav", "accent": "x" * 61}, "line 2: accent must be a text of 1 to 60 printable characters"),
        (
            {"file": "ben.wav", "age": -1},
            "line 2: age must be a number up to 120 or a text of 1 to 60 printable characters",
        ),
        (
            {"file": "ben.wav", "age": True},
            "line 2: age must be a number up to 120 or a text of 1 to 60 printable characters",
        ),
        (
            '{"file": "ben.wav", "age": NaN}',
            "line 2: age must be a number up to 120 or a text of 1 to 60 printable characters",
        ),
    ],
)
def test_a_line_that_cannot_be_used_costs_only_itself_and_is_told(tmp_path, line, problem):
    found = traits(tmp_path, ANNA, line, {"file": "ben.wav", "accent": "Irish"})
    assert told(found)[0] == problem
    assert found.of("anna.wav")["gender"] == "female"


def test_fields_that_are_not_used_are_counted(tmp_path):
    found = traits(tmp_path, {**ANNA, "Gender": "f", "licence": "CC0"}, {"file": "ben.wav", "licence": "CC0"})
    assert found.unused == {"licence": 2, "Gender": 1}


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)], ids=["pipe", "folder", "loop"]
)
def test_what_is_no_file_is_told_and_not_waited_for(tmp_path, make):
    make(tmp_path / "voices.jsonl")
    assert [problem.kind for problem in read_traits(tmp_path).problems] == ["unreadable"]


def test_many_problems_are_counted_and_some_are_kept(tmp_path):
    found = traits(tmp_path, *["?"] * 500)
    assert found.problem_count == 500 and len(found.problems) == 100


def test_the_traits_of_a_preset_are_not_looked_for(tmp_path, monkeypatch):
    traits(tmp_path, ANNA)
    monkeypatch.chdir(tmp_path)
    book = TraitsBook()
    assert book.of("anna.wav") == {} and book.of(str(tmp_path / "anna.wav"))["age"] == "30s"


@given(st.binary(max_size=300))
def test_no_content_is_an_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("voices")
    (folder / "voices.jsonl").write_bytes(content)
    read_traits(folder)
