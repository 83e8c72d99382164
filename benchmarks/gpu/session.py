"""One sitting at a card: what was measured, saved after every row, within a limit of time."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moshi_assets.storage.whole_file import write_whole


class NoTimeLeft(Exception):
    """A row was not begun, because it would not have ended within the limit."""


class Session:
    """Figures by part, in a file that is whole at any moment.

    A part that fails is reported in its place, with the end of its traceback, and the others go on.
    """

    def __init__(self, path: Path, command: str, minutes: float) -> None:
        """
        Args:
            path: file of the figures; what it holds of other parts is kept.
            command: what was typed, for the table.
            minutes: limit of the whole sitting.
        """
        self.path, self.command = path, command
        self._end = time.monotonic() + 60 * minutes
        self.parts: dict[str, Any] = json.loads(path.read_text())["parts"] if path.is_file() else {}

    @property
    def seconds_left(self) -> float:
        """Seconds until the limit; never negative."""
        return max(0.0, self._end - time.monotonic())

    def need(self, seconds: float) -> None:
        """Raise `NoTimeLeft` where fewer than so many seconds are left."""
        if self.seconds_left < seconds:
            raise NoTimeLeft(f"{self.seconds_left:.0f} s are left, about {seconds:.0f} s are needed")

    def run(self, name: str, work: Callable[[Callable[[dict[str, Any]], None]], None]) -> bool:
        """Run one part. `work` is given a function that saves the part's figures so far; returns whether it came to its
        end.
        """
        begin, date = time.monotonic(), time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        figures: dict[str, Any] = {}
        head = {"command": self.command, "date": date}

        def keep(measured: dict[str, Any], **status: Any) -> None:
            figures.update(measured)
            self.parts[name] = head | status | {"seconds": round(time.monotonic() - begin, 1), "figures": figures}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps({"parts": self.parts}, indent=1) + "\n", durable=False)

        print(f"-- {name} ({self.seconds_left:.0f} s left)", flush=True)
        status: dict[str, Any] = {}
        try:
            work(keep)
        except NoTimeLeft as limit:
            status = {"stopped": str(limit)}
        except Exception as error:  # whatever breaks one part must not cost the others
            lines = traceback.format_exc().strip().splitlines()
            status = {"failed": f"{type(error).__name__}: {error}"[:1000], "traceback": lines[-12:]}
        keep({}, **status)
        print(json.dumps(self.parts[name], indent=1), flush=True)
        return not status
