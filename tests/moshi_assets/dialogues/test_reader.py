"""The streaming reader of dialogue files."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import REJECT_EXCERPT, Dialogue, Reject, Turn
from moshi_assets.dialogues.forms import MAX_ID_CHARS, MAX_VOICE_CHARS
from moshi_assets.dialogues.reader import MAX_LINE_BYTES, DialogueFileError, filled_lines, read_dialogues

GOOD = b'{"id": "a", "user_text": "Hello?", "assistant_text": "Hi!"}'


@pytest.fixture
def read(tmp_path: Path):
    """`read(content, **options)` -> what the reader gives for a file with that content."""

    def read(content: bytes, **options: Any) -> list[Dialogue | Reject]:
        path = tmp_path / "dialogues.jsonl"
        path.write_bytes(content)
        return list(read_dialogues(path, **options))

    return read


def line(**fields: Any) -> bytes:
    """A good line with some fields replaced; None takes a field out."""
    record = {"id": "a", "user_text": "Hello?", "assistant_text": "Hi!"} | fields
    return json.dumps({name: value for name, value in record.items() if value is not None}).encode()


def test_a_line_becomes_a_dialogue_of_two_turns(read):
    (talk,) = read(line(user_voice="u.wav"))
    assert (talk.line, talk.id) == (1, "a")
    assert talk.turns == (Turn("user", "Hello?", "u.wav"), Turn("assistant", "Hi!", None))


@pytest.mark.parametrize(
    "content",
    [
        GOOD + b"\n" + line(id="b") + b"\n",
        GOOD + b"\n" + line(id="b"),
        GOOD + b"\r\n" + line(id="b") + b"\r\n",
        b"\xef\xbb\xbf" + GOOD + b"\n" + line(id="b"),
        b"\xef\xbb\xbf" + GOOD + b"\r\n" + line(id="b") + b"\r\n",
        gzip.compress(GOOD + b"\n" + line(id="b") + b"\n"),
        gzip.compress(b"\xef\xbb\xbf" + GOOD + b"\r\n" + line(id="b")),
        gzip.compress(GOOD + b"\n") + gzip.compress(line(id="b")),
    ],
    ids=["lf", "no-last-newline", "crlf", "bom", "bom-crlf", "gzip", "gzip-bom-crlf", "two-gzip-members"],
)
def test_encodings_and_line_ends_give_the_same_dialogues(read, content: bytes):
    first, second = read(content)
    assert (first.line, first.id, first.turns[1].text) == (1, "a", "Hi!")
    assert (second.line, second.id) == (2, "b")


def test_blank_lines_are_skipped_but_counted(read):
    (talk,) = read(b"\n \t\r\n\n" + GOOD + b"\n\n")
    assert talk.line == 4


def test_an_empty_file_holds_nothing(read):
    assert read(b"") == []


def test_a_record_without_id_is_named_after_its_line(read):
    talks = read(line(id=None) + b"\n\n" + GOOD.replace(b'"a"', b"null"))
    assert [talk.id for talk in talks] == ["sample_000001", "sample_000003"]


@pytest.mark.parametrize(("written", "name"), [(b"7", "7"), (b"-3", "-3"), (b"0", "0"), (b"1" * 40, "1" * 40)])
def test_an_integer_id_becomes_its_digits(read, written: bytes, name: str):
    (talk,) = read(GOOD.replace(b'"a"', written))
    assert talk.id == name


def test_unknown_fields_are_kept_aside(read):
    (talk,) = read(line(mood="calm", source={"page": 3}))
    assert sorted(talk.unknown_fields) == ["mood", "source"]


def test_white_space_around_texts_and_ids_is_dropped(read):
    (talk,) = read(line(id=" a\t", user_text="  Hello? \n", assistant_text="\u3000Hi!"))
    assert (talk.id, talk.turns[0].text, talk.turns[1].text) == ("a", "Hello?", "Hi!")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"hello", "not JSON"),
        (b"{", "not JSON"),
        (GOOD + b" x", "not JSON"),
        (GOOD[:-1], "not JSON"),
        (GOOD.replace(b"Hello", b"\xff"), "not UTF-8: byte 0xff in '??'"),
        (GOOD.replace(b"Hello", b"\\ud800"), "not JSON"),
        (GOOD.replace(b'"Hello?"', b"[" * 10_000), "not JSON"),
        (GOOD.replace(b'"a"', b"9" * 5000), "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"17", "not a JSON object"),
        (line(user_text=None), "user_text is missing"),
        (line(assistant_text=None), "assistant_text is missing"),
        (b"{}", "no form of dialogue fits: it has no fields"),
        (line(user_text=""), "user_text is empty"),
        (line(assistant_text=" \t\n\u3000"), "assistant_text is empty"),
        (line(user_text=5), "user_text is not a string"),
        (line(user_text=["Hello?"]), "user_text is not a string"),
        (GOOD.replace(b'"Hi!"', b"null"), "assistant_text is not a string"),
        (line(user_text="x" * 2001), "user_text has 2001 characters, more than max_text_chars=2000"),
        (line(assistant_text="x" * 2001), "assistant_text has 2001 characters, more than max_text_chars=2000"),
        (line(user_voice=3), "user_voice is not a string"),
        (line(assistant_voice={}), "assistant_voice is not a string"),
        (line(user_voice="x" * (MAX_VOICE_CHARS + 1)), f"user_voice has {MAX_VOICE_CHARS + 1} characters, more than"),
        (line(assistant_voice="x" * 10**6), "assistant_voice has 1000000 characters, more than"),
        (line(id=""), "id is empty"),
        (line(id="  "), "id is empty"),
        (line(id=1.5), "id is not a string or an integer"),
        (line(id=True), "id is not a string or an integer"),
        (line(id=["a"]), "id is not a string or an integer"),
        (line(id="x" * (MAX_ID_CHARS + 1)), f"id has {MAX_ID_CHARS + 1} characters, more than {MAX_ID_CHARS}"),
        (GOOD.replace(b'"a"', b"9" * 4000), f"id has 4000 characters, more than {MAX_ID_CHARS}"),
    ],
)
def test_a_bad_line_is_rejected_with_its_number_and_reason(read, bad: bytes, reason: str):
    before, reject, after = read(GOOD + b"\n" + bad + b"\n" + GOOD)
    assert isinstance(before, Dialogue) and isinstance(after, Dialogue)
    assert isinstance(reject, Reject) and reject.line == 2 and reject.reason.startswith(reason)


def test_a_reject_carries_the_line_cut_to_a_sane_length(read):
    (reject,) = read(b'{"user_text": "' + "ü".encode() * 5000)
    assert reject.excerpt == ('{"user_text": "' + "ü" * 5000)[:REJECT_EXCERPT]


def test_the_longest_text_is_configurable(read):
    outcomes = read(line(user_text="12345") + b"\n" + line(user_text="123456"), max_text_chars=5)
    assert [type(outcome) for outcome in outcomes] == [Dialogue, Reject]


def test_text_length_counts_characters_and_not_bytes(read):
    (talk,) = read(line(user_text="🎧🎧🎧", assistant_text="x"), max_text_chars=3)
    assert isinstance(talk, Dialogue)


@pytest.mark.parametrize("last", [b"\n", b""])
@pytest.mark.parametrize("excess", [1, 2, 5 * 2**20])
def test_an_over_long_line_is_rejected_and_the_next_is_read(read, excess: int, last: bytes):
    long = b'{"user_text": "' + b"x" * (MAX_LINE_BYTES + excess - 15)
    reject, talk = read(long + b"\n" + GOOD + last)
    assert (reject.line, reject.reason) == (1, f"line is longer than {MAX_LINE_BYTES} bytes")
    assert len(reject.excerpt) == REJECT_EXCERPT
    assert (talk.line, talk.id) == (2, "a")


def test_the_longest_line_that_is_allowed_is_read(read):
    filler = MAX_LINE_BYTES - len(line(note=""))
    (talk,) = read(line(note="x" * filler) + b"\n")
    assert talk.id == "a"


def test_a_dialogue_does_not_hold_on_to_a_long_line(read):
    (talk,) = read(line(note="x" * 10**6))
    assert talk.raw.startswith(b'{"id"') and len(talk.raw) <= 4 * REJECT_EXCERPT


def test_an_over_long_last_line_is_rejected(read):
    talk, reject = read(GOOD + b"\n" + b"x" * (MAX_LINE_BYTES + 1))
    assert isinstance(talk, Dialogue) and reject.reason.startswith("line is longer")


def test_a_file_is_read_line_by_line(tmp_path: Path):
    """What is appended meanwhile is read as well."""
    path = tmp_path / "talks.jsonl"
    path.write_bytes((GOOD + b"\n") * 100)
    talks = read_dialogues(path)
    assert isinstance(next(talks), Dialogue)
    with open(path, "ab") as more:
        more.write((GOOD + b"\n") * 400)
    assert sum(1 for _ in talks) == 499


def test_a_pipe_is_refused_and_nobody_waits_for_its_writer(tmp_path: Path):
    os.mkfifo(tmp_path / "talks.jsonl")
    with pytest.raises(DialogueFileError, match=r"talks.jsonl is a pipe: give a regular file"):
        next(read_dialogues(tmp_path / "talks.jsonl"))


def test_a_device_is_refused():
    with pytest.raises(DialogueFileError, match=r"/dev/zero is a device: give a regular file"):
        next(read_dialogues(Path("/dev/zero")))


def test_many_blank_lines_are_passed_over_and_counted(tmp_path: Path):
    path = tmp_path / "talks.jsonl"
    path.write_bytes(b"\n" * 3_000_000 + GOOD + b"\n" + b" \r\n" * 1_000_000 + GOOD)
    assert [talk.line for talk in read_dialogues(path)] == [3_000_001, 4_000_002]
    assert [number for number, filled in filled_lines(path) if filled] == [3_000_001, 4_000_002]


def test_a_truncated_gzip_file_is_an_error_that_says_after_which_line(tmp_path: Path):
    path = tmp_path / "talks.jsonl.gz"
    content = gzip.compress(b"\n".join(line(id=str(number), note=os.urandom(40).hex()) for number in range(5000)))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DialogueFileError, match=r"cannot read .*talks.jsonl.gz after line [1-9]\d+: "):
        list(read_dialogues(path))


@given(position=st.integers(0), flip=st.integers(1, 255))
@example(position=40, flip=0xFF)
def test_a_damaged_gzip_file_is_an_error_or_reads_the_same(
    position: int, flip: int, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.mktemp("gz") / "talks.jsonl.gz"
    content = bytearray(gzip.compress(b"\n".join(line(id=str(number)) for number in range(60)), mtime=0))
    content[2 + position % (len(content) - 2)] ^= flip  # the first two bytes tell gzip from plain text
    path.write_bytes(content)
    try:
        talks = list(read_dialogues(path))
    except DialogueFileError:
        return
    assert [talk.id for talk in talks] == [str(number) for number in range(60)]


@pytest.mark.parametrize(
    ("make", "told"),
    [(lambda path: None, "after line 0: No such file"), (Path.mkdir, "holds no dialogue file")],
    ids=["missing", "folder"],
)
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, make, told):
    make(tmp_path / "talks.jsonl")
    with pytest.raises(DialogueFileError, match=rf"talks\.jsonl {told}"):
        list(read_dialogues(tmp_path / "talks.jsonl"))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SPOKEN = st.sampled_from(["Hello?", "Hi!"]) | JSON_VALUES
ROLES = st.sampled_from(["user", "assistant", "system"]) | JSON_VALUES
FIELDS = dict.fromkeys(
    ("id", "user_voice", "assistant_voice", "user_emotion", "other", "voice", "emotion", "gap", "backchannel"),
    JSON_VALUES,
)
TURNS = st.fixed_dictionaries({"role": ROLES}, optional={"text": SPOKEN, "content": SPOKEN} | FIELDS) | JSON_VALUES
LISTS = st.lists(TURNS, max_size=4) | JSON_VALUES
TEXTS_OR_LISTS = {"user_text": SPOKEN, "assistant_text": SPOKEN, "turns": LISTS, "messages": LISTS}
RECORDS = st.fixed_dictionaries({}, optional=FIELDS | TEXTS_OR_LISTS)


@given(lines=st.lists(st.one_of(RECORDS.map(lambda r: json.dumps(r).encode()), st.binary(max_size=30), st.just(GOOD))))
def test_every_line_is_a_dialogue_a_reject_or_blank(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("any") / "talks.jsonl"
    content = b"\n".join(b" " + line.replace(b"\n", b"") for line in lines)
    path.write_bytes(content)

    outcomes = list(read_dialogues(path))

    expected = [number for number, text in enumerate(content.split(b"\n"), 1) if text.strip(b" \t\r\x0b\x0c")]
    assert [outcome.line for outcome in outcomes] == expected
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            assert outcome.reason
        else:
            assert outcome.id and all(turn.text.strip() for turn in outcome.turns)
            assert "assistant" in {turn.role for turn in outcome.turns} <= {"user", "assistant"}


TEXTS = st.text(min_size=1).filter(lambda text: text == text.strip() and any(map(str.isalnum, text)))


@given(user=TEXTS, assistant=TEXTS)
def test_texts_arrive_as_written(user: str, assistant: str, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("text") / "talks.jsonl"
    path.write_text(json.dumps({"user_text": user, "assistant_text": assistant}, ensure_ascii=False), "utf-8")
    (talk,) = read_dialogues(path)
    assert isinstance(talk, Dialogue)
    assert [turn.text for turn in talk.turns] == [user, assistant]
