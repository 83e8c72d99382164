"""The GPU tables of docs/throughput.md, written from docs/benchmarks/gpu-*.json, so that they cannot say what was not
measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from moshi_assets.storage.whole_file import write_whole

from ..measure import RESULTS
from ..tts_table import PAGE, rows, solver_rows

BEGIN, END = "<!-- gpu -->", "<!-- /gpu -->"
NONE = (
    "No card has run this code yet. `python -m benchmarks.gpu` measures one in nine minutes; `python -m "
    "benchmarks.gpu.table` then writes\n"
    "its tables here."
)


def tables(results: Path = RESULTS) -> str:
    """All cards' tables in Markdown; a sentence that says so where no card has been measured."""
    cards = [path for path in sorted(results.glob("gpu-*.json")) if path.stem != "gpu-rehearsal"]
    return "\n\n".join(_card(json.loads(path.read_text())["parts"]) for path in cards) or NONE


def _card(parts: dict[str, Any]) -> str:
    facts = parts.get("facts", {}).get("figures", {})
    lines = [f"### {facts.get('card', 'unknown card')}"]
    if facts:
        versions = ", ".join(
            f"{name} {facts[name]}" for name in ("torch", "triton", "cuda", "driver") if facts.get(name)
        )
        rates = ", ".join(f"{name} {value}" for name, value in facts.get("rates", {}).items())
        lines += ["", f"{facts.get('memory_gib')} GiB, {versions}, Python {facts['python']}. Measured limits: {rates}."]
    writers = {
        "batches": _batches,
        "calls": _calls,
        "profile": _profile,
        "modes": _modes,
        "attention": _attention,
        "precision": _precision,
        "solvers": lambda figures: solver_rows(figures.get("solvers", {})),
        "parity": _parity,
        "lane": _lane,
    }
    for name, write in writers.items():
        if name in parts:
            part = parts[name]
            lines += ["", f"**{name}**: `{part['command']}`, {part['date']} UTC", "", *write(part["figures"])]
            for status in ("stopped", "failed"):
                if status in part:
                    lines += ["", f"{status}: {part[status]}"]
    return "\n".join(lines)


def _batches(figures: dict[str, Any]) -> list[str]:
    header = ["rows", "turns", "audio, s", "wall, s", "x real time", "gpt", "latent", "flow", "vocoder", "rest"]
    header += ["wall in turn, s", "flow, TFLOP/s", "vocoder, TFLOP/s", "peak, GB", "by formula, GB"]
    body = [
        (
            row["rows"],
            row["turns"],
            row["audio_seconds"],
            row["seconds"],
            row["times_real_time"],
            *row["ms_per_audio_second"].values(),
            row["seconds_in_turn"],
            row["flow_tflops"],
            row["vocoder_tflops"],
            row["peak_gpu_gb"],
            row["predicted_gb"],
        )
        for name, row in figures.items()
        if name.startswith("rows_")
    ]
    return [*rows(header, body), "", "Stages in milliseconds for a second of audio, when they take turns."]


def _calls(figures: dict[str, Any]) -> list[str]:
    header = (
        "`infer`, one after another",
        "turns",
        "audio, s",
        "wall, s",
        "x real time",
        "gpt",
        "latent",
        "flow",
        "vocoder",
    )
    names = {"beams_3": "3 beams, a cache of one voice (the classic builder)", "beams_1": "1 beam, warm voices"}
    body = [
        (
            what,
            figures[name]["turns"],
            figures[name]["audio_seconds"],
            figures[name]["seconds"],
            figures[name]["times_real_time"],
            *figures[name]["ms_per_audio_second"].values(),
        )
        for name, what in names.items()
        if name in figures
    ]
    return rows(header, body)


def _profile(figures: dict[str, Any]) -> list[str]:
    if "top" not in figures:
        return []
    told = (
        f"{figures['turns']} turns, {figures['rows']} rows: kernels {figures['kernel_seconds']} s of "
        f"{figures['wall_seconds_without_profiler']} s of wall time ({figures['wall_seconds']} s under the profiler), "
        f"{figures['launches']} launches."
    )
    body = ((f"`{top['kernel']}`", top["ms"], top["calls"], f"{100 * top['share']:.1f} %") for top in figures["top"])
    return [told, "", *rows(("kernel", "ms", "calls", "share"), body)]


def _modes(figures: dict[str, Any]) -> list[str]:
    header = ("accelerations", "x real time", "gpt", "latent", "flow", "vocoder", "rest", "first call, s")
    body = [
        (name, row["times_real_time"], *row["ms_per_audio_second"].values(), row["first_call_seconds"])
        for name, row in figures.items()
        if name not in ("settings", "loops")
    ]
    told = [*rows(header, body), "", "Stages in milliseconds for a second of audio, when they take turns."]
    loops = figures.get("loops", {})
    names = ("eager", "compiled", "captured")
    lines = ((shape, *(row.get(name, "") for name in names)) for shape, row in loops.items())
    return [*rows(("flow's loop, rows x frames", *(f"{name}, ms" for name in names)), lines), "", *told]


def _attention(figures: dict[str, Any]) -> list[str]:
    header = (
        "rows x frames",
        "attention",
        "ms",
        "TFLOP/s",
        "of the bf16 rate",
        "peak, GB",
        "eager, GB",
        "by formula, GB",
    )
    body = [
        (
            shape,
            way,
            row[way]["ms"],
            row[way]["tflops"],
            f"{100 * row[way]['share_of_bf16_rate']:.1f} %",
            row[way]["peak_gb"],
            row["eager_peak_gb"],
            row["predicted_gb"],
        )
        for shape, row in figures.get("velocities", {}).items()
        for way in row
        if isinstance(row[way], dict)
    ]
    note = f"One guided velocity; all ways are counted with the work of the dense one, of {figures.get('bf16_tflops')} TFLOP/s."  # noqa: E501
    return [*rows(header, body), "", note]


def _precision(figures: dict[str, Any]) -> list[str]:
    header = ("precision beside the GPT's", "x real time", "log-mel distance to float32", "worst turn")
    body = (
        (name, row["times_real_time"], row.get("log_mel_rms", ""), row.get("worst", ""))
        for name, row in figures.get("formats", {}).items()
    )
    return rows(header, body)


def _parity(figures: dict[str, Any]) -> list[str]:
    if "tests" not in figures:
        return []
    told = f"{figures['passed']} of {figures['tests']} tests passed on the card"
    failed = "; ".join(f"{name}: {reason}" for name, reason in figures["failed"].items())
    return [told + (f". Failed: {failed}" if failed else ".")]


def _lane(figures: dict[str, Any]) -> list[str]:
    if "share_of_the_engine" not in figures:
        return []
    told = (
        f"{figures['turns']} turns, {figures['flow_steps']} flow steps: the engine alone "
        f"{figures['engine_times_real_time']} x "
        f"real time, a lane of `moshi-assets build` {figures['lane_times_real_time']} x: "
        f"{100 * figures['share_of_the_engine']:.0f} %."
    )
    return [told]


def main(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Replace the tables in docs/throughput.md."""
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} has no {BEGIN} … {END}: put both where the tables belong")
    write_whole(page, f"{head}{BEGIN}\n{tables(results)}\n{END}{tail}")


if __name__ == "__main__":
    main()
