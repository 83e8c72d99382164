"""What the command line shows while a build runs: a bar on a terminal, a structured line every few seconds elsewhere."""

from __future__ import annotations

import json
import logging
import time
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .progress import LaneProgress

LINE_SECONDS = 5.0
logger = logging.getLogger("moshi_assets.build")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (Unix seconds), level, event, and the figures of the event."""

    def format(self, record: logging.LogRecord) -> str:
        figures: dict[str, Any] = getattr(record, "figures", {})
        line = {"time": round(record.created, 3), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | figures, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """`12:00:00 info speak done=3 total=8`."""

    def format(self, record: logging.LogRecord) -> str:
        figures: dict[str, Any] = getattr(record, "figures", {})
        pairs = "".join(f" {name}={value}" for name, value in figures.items())
        return f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname.lower()} {record.getMessage()}{pairs}"


def speech_figures(lanes: list[LaneProgress], now: float) -> dict[str, Any]:
    """Figures over all lanes: rates from when the first engine was ready until now, or until the last turn was spoken."""
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


class BuildDisplay:
    """Watches a build; give `watch` to `Build.run`."""

    def __init__(self, terminal: IO[str] | None) -> None:
        """
        Args:
            terminal: where to draw a bar; None writes log lines instead.
        """
        self._progress: Progress | None = None
        if terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeElapsedColumn(),
            )
            self._progress = Progress(
                *columns, console=Console(file=terminal), transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._bars: dict[str, TaskID] = {}
            self._progress.start()
        self._last_line = time.monotonic()
        self._last_stage = ""

    def watch(self, stage: str, lanes: list[LaneProgress]) -> None:
        """Show the state of the build."""
        figures = speech_figures(lanes, time.time()) if lanes and stage == "speak" else {}
        if figures and figures["done"] == figures["total"]:
            stage, figures = "assemble", {}
        if self._progress:
            self._draw(self._progress, stage, figures)
        elif stage != self._last_stage or time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_stage, self._last_line = stage, time.monotonic()
            logger.info(stage, extra={"figures": figures})

    def _draw(self, progress: Progress, stage: str, figures: dict[str, Any]) -> None:
        if stage not in self._bars:
            self._bars[stage] = progress.add_task(stage, total=None, figures="")
        text = ""
        if figures:
            eta = "" if figures["eta_seconds"] is None else f" eta {figures['eta_seconds']} s"
            text = (
                f"{figures['tasks_per_second']}/s {figures['x_realtime']}x real time "
                f"queue {figures['queue_depth']} latency {figures['latency_seconds']} s{eta}"
            )
        progress.update(self._bars[stage], total=figures.get("total"), completed=figures.get("done", 0), figures=text)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._progress:
            self._progress.stop()
