"""What a build shows while it works: on wide terminals and narrow ones, and without one."""

import io
import json
import logging
import os
import pty
import re
import time
from contextlib import suppress

import pytest

from moshi_assets.cli.progress import BuildDisplay, JsonFormatter, clock, logger
from moshi_assets.synthesis.progress import LaneProgress, ParseProgress

LANES = [LaneProgress(lane, 64_000, 5_000, 3, 40_000.0, 64, 0.25, time.time() - 3000, time.time()) for lane in (0, 1)]


def read_terminal(descriptor: int) -> str:
    """All that was written to a terminal that is closed now."""
    pieces = []
    with suppress(OSError):  # how Linux reports its end
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    os.close(descriptor)
    return b"".join(pieces).decode(errors="replace")


def last_frame(monkeypatch, columns: int, stage: str, parsed: ParseProgress | None = None) -> str:
    """What stands in a terminal of so many columns, without its colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    seen, slave = pty.openpty()
    with open(slave, "w") as terminal:
        display = BuildDisplay(terminal)
        display.watch(stage, LANES, parsed)
        display.close()
    shown = read_terminal(seen)
    lines = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)) if stage in line]
    return lines[-1]


@pytest.mark.parametrize("columns", [40, 50, 64, 80, 110, 200])
def test_count_and_time_left_are_whole_on_every_terminal(monkeypatch, columns):
    line = last_frame(monkeypatch, columns, "speak")

    assert len(line) <= columns
    assert re.search(r" 10000/128000 eta \d+:\d\d:\d\d", line)


@pytest.mark.parametrize(("columns", "shown"), [(40, False), (80, True)])
def test_on_a_narrow_terminal_the_other_figures_give_way(monkeypatch, columns, shown):
    assert ("x real time" in last_frame(monkeypatch, columns, "speak")) is shown


def test_a_wide_terminal_shows_all_figures(monkeypatch):
    line = last_frame(monkeypatch, 140, "speak")

    assert all(figure in line for figure in ("x real time", "/s", "queue 128", "latency 0.25 s"))


@pytest.mark.parametrize("columns", [40, 80])
def test_a_parse_counts_its_lines(monkeypatch, columns):
    assert "1,234,567 lines" in last_frame(monkeypatch, columns, "parse", ParseProgress(1_234_567, 3))


def test_without_a_terminal_a_parse_tells_its_lines(monkeypatch):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel("INFO")

    BuildDisplay(None).watch("parse", [], ParseProgress(120_000, 3))

    event = json.loads(out.getvalue())
    assert (event["event"], event["lines"], event["rejected"]) == ("parse", 120_000, 3)


def test_a_warning_stays_above_the_bars_and_cannot_drive_the_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    seen, slave = pty.openpty()
    with open(slave, "w") as terminal:
        display = BuildDisplay(terminal)
        display.warn("left out: [red]a\x1b[2J.wav")
        display.watch("speak", LANES, None)
        display.close()
    assert "warning: left out: [red]a\\x1b[2J.wav" in read_terminal(seen)


def test_without_a_terminal_a_warning_is_a_line_of_the_log(caplog, monkeypatch):
    monkeypatch.setattr(logger, "propagate", True)
    BuildDisplay(None).warn("left out: a.wav")
    assert caplog.messages == ["left out: a.wav"]


def test_the_clock():
    assert [clock(seconds) for seconds in (0, 61.4, 36_000)] == ["0:00:00", "0:01:01", "10:00:00"]
