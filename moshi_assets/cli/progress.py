"""The display of a running build: a progress bar on a terminal, a structured line every few seconds elsewhere."""

from __future__ import annotations

import logging
import time
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from ..synthesis.progress import LaneProgress, ParseProgress
from .json_lines import json_line
from .printable import printable

LINE_SECONDS = 5.0
_MEDIUM, _WIDE = 64, 110
"""Terminal widths, in columns, from which more figures are shown."""
logger = logging.getLogger("moshi_assets.build")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, see `json_line`."""

    def format(self, record: logging.LogRecord) -> str:
        figures: dict[str, Any] = getattr(record, "figures", {})
        return json_line(record.levelname.lower(), record.getMessage(), figures, record.created)


class TextFormatter(logging.Formatter):
    """`12:00:00 info speak done=3 total=8`."""

    def format(self, record: logging.LogRecord) -> str:
        figures: dict[str, Any] = getattr(record, "figures", {})
        pairs = "".join(f" {name}={value}" for name, value in figures.items())
        return f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname.lower()} {record.getMessage()}{pairs}"  # noqa: E501


def speech_figures(lanes: list[LaneProgress], now: float) -> dict[str, Any]:
    """Figures over all lanes. Rates count from the moment the first engine was ready until now, or until the last turn
    was spoken.
    """
    done, total = sum(lane.done for lane in lanes), sum(lane.total for lane in lanes)
    end = now if done < total else max(lane.updated for lane in lanes)
    wall = max(end - min(lane.started for lane in lanes), 1e-3)
    audio = sum(lane.audio_seconds for lane in lanes)
    rate = done / wall
    return {
        "done": done,
        "total": total,
        "failed": sum(lane.failed for lane in lanes),
        "tasks_per_second": round(rate, 2),
        "x_realtime": round(audio / wall, 2),
        "queue_depth": sum(lane.queue_depth for lane in lanes),
        "latency_seconds": round(sum(lane.latency_seconds * lane.done for lane in lanes) / max(done, 1), 4),
        "eta_seconds": round((total - done) / rate) if rate else None,
    }


def clock(seconds: float) -> str:
    """`0:05:07`."""
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{left:02d}"


class BuildDisplay:
    """Shows the progress of a build; pass `watch` to `Build.run`."""

    def __init__(self, terminal: IO[str] | None) -> None:
        """
        Args:
            terminal: where to draw a bar; None writes log lines instead.
        """
        self._progress: Progress | None = None
        if terminal:
            # Count and time left are what one waits for: where there is little room the bar gives way, and what stands
            # behind them is left out.
            columns = (
                TextColumn("{task.description}", table_column=Column(no_wrap=True)),
                BarColumn(None, table_column=Column(ratio=1, min_width=0)),
                TextColumn("{task.fields[count]}", table_column=Column(no_wrap=True, justify="right")),
                TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
                TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
            )
            self._console = Console(file=terminal)
            self._progress = Progress(
                *columns,
                console=self._console,
                transient=True,
                expand=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bars: dict[str, TaskID] = {}
            self._progress.start()
        self._last_line = self._stage_begun = time.monotonic()
        self._last_stage = ""

    def warn(self, warning: str) -> None:
        """Print a sentence that stays on the screen."""
        if self._progress:
            self._console.print(f"warning: {printable(warning)}", markup=False, highlight=False)
        else:
            logger.warning(printable(warning))

    def watch(self, stage: str, lanes: list[LaneProgress], parsed: ParseProgress | None) -> None:
        """Show the state of the build."""
        figures: dict[str, Any] = {}
        if stage == "parse" and parsed:
            figures = {"lines": parsed.lines, "rejected": parsed.rejected}
        elif stage == "speak" and lanes:
            figures = speech_figures(lanes, time.time())
            if figures["done"] == figures["total"]:
                stage, figures = "assemble", {}
        new = stage != self._last_stage
        if new:
            self._last_stage, self._stage_begun = stage, time.monotonic()
        if self._progress:
            self._draw(self._progress, stage, figures)
        elif new or time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            logger.info(stage, extra={"figures": figures})

    def _draw(self, progress: Progress, stage: str, figures: dict[str, Any]) -> None:
        if stage not in self._bars:
            self._bars[stage] = progress.add_task(stage, total=None, count="", left="", figures="")
        width = self._console.width
        count = left = ""
        told = [clock(time.monotonic() - self._stage_begun)] if width >= _MEDIUM else []
        if "lines" in figures:
            count = f"{figures['lines']:,} lines"
            told += [f"{figures['rejected']:,} rejected"] if figures["rejected"] and width >= _MEDIUM else []
        elif figures:
            count = f"{figures['done']}/{figures['total']}"
            left = "" if figures["eta_seconds"] is None else f"eta {clock(figures['eta_seconds'])}"
            if width >= _MEDIUM:
                told.append(f"{figures['x_realtime']}x real time")
            if width >= _WIDE:
                told.append(
                    f"{figures['tasks_per_second']}/s queue {figures['queue_depth']} latency "
                    f"{figures['latency_seconds']} s"
                )
        progress.update(
            self._bars[stage],
            total=figures.get("total"),
            completed=figures.get("done", 0),
            count=count,
            left=left,
            figures=" ".join(told),
        )

    def close(self) -> None:
        """Remove the progress bar from the terminal."""
        if self._progress:
            self._progress.stop()
