"""Texts read ahead by processes of their own: the same pieces, whatever becomes of the readers."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indextts.text.frontend import TextFrontend
from indextts.text.read_ahead import MAX_WAITING, TextAhead

TEXTS = ["It's 3:30 PM, isn't it?", "We paid $12.50 for 3 cakes.", "你好,世界 123", "", "a", "Two\nlines \ud800 of it"]


@pytest.fixture
def ahead(tiny_config_dir):
    frontend = TextAhead(tiny_config_dir / "bpe.model", readers=2)
    yield frontend
    frontend.close()


def readers() -> list[int]:
    """Process ids of this process's readers."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "indextts.text.read_ahead"]
    out = subprocess.run(command, check=False, capture_output=True, text=True)
    return [int(pid) for pid in out.stdout.split()]


def wait_until_read(frontend: TextAhead) -> None:
    end = time.monotonic() + 60
    while not all(answer.done() for answer in frontend._answers.values()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_was_read_ahead_is_what_would_have_been_read_now(ahead, tiny_config_dir):
    plain = TextFrontend(tiny_config_dir / "bpe.model")

    ahead.read_ahead(TEXTS)
    wait_until_read(ahead)

    assert [ahead.tokenize(text) for text in TEXTS] == [plain.tokenize(text) for text in TEXTS]


def test_what_is_asked_before_it_was_read_is_read_at_once(ahead, tiny_config_dir):
    plain = TextFrontend(tiny_config_dir / "bpe.model")

    ahead.read_ahead(TEXTS)

    assert [ahead.tokenize(text) for text in [*TEXTS, *TEXTS]] == 2 * [plain.tokenize(text) for text in TEXTS]


def test_readers_that_die_cost_nothing_but_time(ahead, tiny_config_dir):
    plain = TextFrontend(tiny_config_dir / "bpe.model")
    ahead.read_ahead(TEXTS[:1])
    wait_until_read(ahead)

    for pid in readers():
        subprocess.run(["kill", "-9", str(pid)], check=True)
    ahead.read_ahead(TEXTS)

    assert [ahead.tokenize(text) for text in TEXTS] == [plain.tokenize(text) for text in TEXTS]


def test_after_a_change_of_the_glossary_nothing_old_is_spoken(ahead, tiny_config_dir):
    ahead.read_ahead(TEXTS)
    wait_until_read(ahead)

    ahead.normalizer.term_glossary["cakes"] = "pies"

    expected = TextFrontend(tiny_config_dir / "bpe.model").tokenize("We paid $12.50 for 3 pies.")
    assert ahead.tokenize("We paid $12.50 for 3 cakes.") == expected
    ahead.read_ahead(TEXTS)
    assert ahead.tokenize("We paid $12.50 for 3 cakes.") == expected


def test_texts_that_nobody_asks_for_are_forgotten(ahead):
    ahead.read_ahead(f"text {number}" for number in range(MAX_WAITING + 50))

    assert len(ahead._answers) == MAX_WAITING and "text 0" not in ahead._answers


def test_closing_ends_the_readers(ahead):
    ahead.read_ahead(TEXTS)
    wait_until_read(ahead)
    assert readers()

    ahead.close()

    assert not readers()


def test_readers_end_with_the_process_that_started_them(tiny_config_dir):
    program = f"""
import os, time
from indextts.text.read_ahead import TextAhead
frontend = TextAhead({str(tiny_config_dir / "bpe.model")!r}, readers=1)
frontend.read_ahead(["Good morning."])
while not all(answer.done() for answer in frontend._answers.values()):
    time.sleep(0.02)
os.system("pgrep -P %d -f indextts.text.read_ahead" % os.getpid())
os.kill(os.getpid(), 9)
"""
    out = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True).stdout
    pids = [int(pid) for pid in out.split()]
    assert pids

    end = time.monotonic() + 10
    while any(_is_a_reader(pid) for pid in pids):
        assert time.monotonic() < end, "a reader outlived its parent"
        time.sleep(0.05)


def _is_a_reader(pid: int) -> bool:
    try:
        return b"indextts.text.read_ahead" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
