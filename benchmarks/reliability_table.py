"""The tables of docs/reliability.md, written from docs/benchmarks/reliability.json, so that they cannot say what was
not measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .measure import RESULTS
from .reliability_kills import total
from .tts_table import rows

PAGE = RESULTS.parent / "reliability.md"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_KINDS = {
    "group": "all processes at once, while they speak",
    "lane": "one lane, while it speaks",
    "assembling": "all processes at once, while they write recordings",
}


def tables(figures: dict[str, Any]) -> str:
    """All tables of the page; a part that has not been measured has none."""
    makers = {"kills": _kills, "damages": _damages, "interrupts": _interrupts, "memory": _memory, "batches": _batches}
    lines: list[str] = []
    for part, make in makers.items():
        if part in figures:
            facts = figures[part]["machine"]
            where = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, Python {facts['python']}"
            lines += [*make(figures[part]), "", f"`{figures[part]['command']}`, {facts['date']}, {where}.", ""]
    return "\n".join(lines).rstrip()


def _kills(figures: dict[str, Any]) -> list[str]:
    body = []
    for kind, what in _KINDS.items():
        sums = total(figures.get(kind, []))
        shares = f"{sums['spoken_twice']} of {sums['spoken']}"
        body.append([what, sums["kills"], sums["orphans"], shares, f"{sums['equal']} of {sums['datasets']}"])
    header = (
        "killed (SIGKILL)",
        "kills",
        "processes left over",
        "utterances spoken twice",
        "finished with the same bytes",
    )
    return rows(header, body)


def _damages(figures: dict[str, Any]) -> list[str]:
    files: dict[str, dict[str, dict[str, bool]]] = figures["files"]
    ways = list(next(iter(files.values())))
    body = [[name, *(_outcome(damages[way]) for way in ways)] for name, damages in files.items()]
    sums = figures["total"]
    return [
        f"{sums['tried']} damages: `verify` noticed {sums['noticed']}, the next build mended {sums['mended']}.",
        "",
        *rows(("file", *ways), body),
    ]


def _outcome(outcome: dict[str, bool]) -> str:
    told = [name for name in ("noticed", "mended") if outcome[name]]
    return ", ".join(told) or "neither"


def _interrupts(figures: dict[str, Any]) -> list[str]:
    columns = ("130", "ended before", "in the interpreter's start", "otherwise")
    body = [
        [f"`{name}`", *(outcomes.get(column, 0) for column in columns)]
        for name, outcomes in figures["commands"].items()
    ]
    return rows(("Ctrl-C in the first two seconds of", "130 and one line", *columns[1:]), body)


def _memory(figures: dict[str, Any]) -> list[str]:
    measured = [figures[key] for key in ("few", "many") if key in figures]
    body = [
        [f"{each['dialogues']:,}".replace(",", " "), f"{each['peak_mib']} MiB", each["processes_then"]]
        for each in measured
    ]
    return rows(("dialogues", "peak memory of all processes of the build", "processes then"), body)


def _batches(figures: dict[str, Any]) -> list[str]:
    noted = figures["engine"]["memory_mib_after"]
    return rows(
        ("batches of the tiny `indextts2`", "memory of its process"), [[n, f"{mib} MiB"] for n, mib in noted.items()]
    )


def write_page(store: Path = RESULTS / "reliability.json") -> None:
    """Replace the tables of the page."""
    if not (store.is_file() and PAGE.is_file()):
        return
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    content = tables(json.loads(store.read_text())["figures"])
    PAGE.write_text(f"{head}{BEGIN}\n{content}\n{END}{tail}", encoding="utf-8")
