"""Reject reasons without their particulars, for counting."""

import pytest

from moshi_assets.dialogues.dialogue import Reject
from moshi_assets.dialogues.reject_kinds import MAX_KINDS, RejectTally, reject_kind, without_folders


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("assistant_text has 2381 characters, more than max_text_chars=2000", ("assistant_text has … characters, more "
                                                                              "than max_text_chars=…")),
        ("not JSON: expected value at line 1 column 1", "not JSON: expected value at line … column …"),
        ("unknown voice 'nobody' of engine 'builtin': choose one of heart", ("unknown voice … of engine …: choose one "
                                                                            "of heart")),
        ("turn 0 (user) cannot be spoken: ValueError: anything at all", "turn … (user) cannot be spoken: ValueError"),
        (
            ("turn 3 (assistant) is not good enough: chars_per_second is 3.25, less than min_rate=8 (the last of 3 "
            "attempts)"),
            ("turn … (assistant) is not good enough: chars_per_second is …, less than min_rate=… (the last of … "
            "attempts)"),
        ),
        (
            "voice recording /home/ann/a.wav lasts 0.52 s; at least 1.0 s are needed",
            "voice recording … lasts … s; at least … s are needed",
        ),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_reasons_are_told_apart_without_their_particulars(reason, kind):
    assert reject_kind(reason) == kind


def test_reasons_beyond_the_first_are_counted_together():
    tally = RejectTally()
    words = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(3 * MAX_KINDS)]
    for line, word in enumerate(words):
        tally.add(Reject(line, f"reason {word}", ""))

    assert tally.count == tally.kinds.total() == len(words)
    assert len(tally.kinds) == MAX_KINDS + 1
    assert all(len(examples) <= 3 for examples in tally.examples.values())


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("voice '/home/ann/voices/a.wav' lasts 0.5 s", "voice '…/a.wav' lasts 0.5 s"),
        ("there is no ~/ann/b.wav, 1/2 or and/or", "there is no …/b.wav, 1/2 or and/or"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_files_are_named_without_their_folders(reason, shown):
    assert without_folders(reason) == shown
