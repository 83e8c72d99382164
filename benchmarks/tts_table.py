"""The tables of docs/throughput.md, written from docs/benchmarks/tts.json, so that they cannot say what was not
measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .measure import RESULTS

PAGE = RESULTS.parent / "throughput.md"
_CALLS = {
    "calls_3_beams_one_voice_cached": ("`infer`, one after another, a cache of one voice (the classic builder)", 3),
    "calls_1_beam_warm": ("`infer`, one after another, warm voices", 1),
    "calls_1_beam_warm_half": ("`infer`, one after another, warm voices", 1),
}
_STAGES = ("prompt", "gpt", "latent", "flow", "vocoder")


def rows(header: Iterable[str], body: Iterable[Iterable[Any]]) -> list[str]:
    """A Markdown table."""
    header = list(header)
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(map(str, row))} |" for row in body),
    ]


def throughput() -> str:
    """All tables of the page; empty where nothing was measured."""
    path = RESULTS / "tts.json"
    if not path.is_file():
        return ""
    result = json.loads(path.read_text())
    figures, facts = result["figures"], result["machine"]
    settings = figures["settings"]
    conditions = (
        f"Machine: {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; {figures['cuda']}. "
        f"{facts['system']}, Python "
        f"{facts['python']}, torch {settings['torch']}, {settings['threads']} threads. Weights: "
        f"`{settings['size']}`, {settings['weights']}. Turns of {settings['turn_seconds'][0]:g} to "
        f"{settings['turn_seconds'][1]:g} s, user and assistant in turn, prompts of {settings['prompt_seconds']:g} s, "
        f"{settings['flow_steps']} flow steps unless told."
    )
    parts = [conditions]
    for title, part, lines in (
        ("The whole chain", "chain", _chain),
        ("Short turns", "short", _short),
        ("Decoding alone, one beam", "decode", _decode),
        ("Distance to the machine's limits", "rates", _roofline),
        ("Half precision", "precision", _precision),
        ("Fewer flow steps", "steps", _steps),
        ("Solvers and schedules of the flow", "solvers", _solvers),
        ("Shorter prompts", "prompt", _prompts),
        ("A lane beside the engine alone", "orchestrated", _orchestrated),
    ):
        with suppress(KeyError):  # a part that has not been run, or not to its end
            run = figures["runs"][part]
            parts += ["", f"### {title}", "", f"`{run['command']} --part {part}`, {run['date']}", "", *lines(figures)]
    return "\n".join(parts)


def on_gpu(figures: dict[str, Any]) -> bool:
    return not figures["cuda"].startswith("no CUDA")


def usual_precision(figures: dict[str, Any]) -> str:
    """Number formats of the rows that do not say otherwise."""
    usual = figures["settings"]["precision"]
    return usual if isinstance(usual, str) else ", ".join(f"{stage} {name}" for stage, name in usual.items())


def at_equal_speed(chain: dict[str, Any], name: str, opponent: str) -> float:
    """How many times faster one row of the chain is than another, had the machine had one speed during both.

    Its clock is a stage that does the same arithmetic in both: the flow, or where one of them has it in bf16, the
    vocoder. On a GPU there is no such clock: batches make those stages faster as well.
    """
    row, other = chain[name], chain[opponent]
    stage = "vocoder" if "half" in name or "half" in opponent else "flow"
    drift = other["stages"][stage] / row["stages"][stage]
    return round(row["times_real_time"] / other["times_real_time"] / drift, 2)


def chain_gain(figures: dict[str, Any], opponent: str) -> str:
    """What batches gain on calls one after another, as measured and, on a CPU, at one speed of the machine."""
    chain = figures["chain"]
    row = chain[opponent]
    gain = f"{row['best_batch_float32_is_faster_by']:.2f} x"
    if on_gpu(figures):
        return gain
    best = f"synthesize_{chain['best_batch_half']['batch']}"
    float32, half = (f"{at_equal_speed(chain, name, opponent):.2f} x" for name in (best, "best_batch_half"))
    return (
        f"{gain}, {row['best_batch_half_is_faster_by']:.2f} x with the flow in bf16 "
        f"(had the machine kept one speed: {float32}, {half})"
    )


def _chain(figures: dict[str, Any]) -> list[str]:
    chain, gpu = figures["chain"], on_gpu(figures)
    classic, warm, *_ = _CALLS
    half = chain["best_batch_half"]
    body = []
    for name, row in chain.items():
        if name in _CALLS:
            what, beams = _CALLS[name]
        else:
            what, beams = f"`synthesize`, batches of {row.get('batch', name.rpartition('_')[2])}", 1
        gains = []
        for opponent in (classic, warm):
            gains.append(f"{row['times_real_time'] / chain[opponent]['times_real_time']:.2f} x")
            if not gpu:
                gains.append(f"{at_equal_speed(chain, name, opponent):.2f} x")
        body.append(
            (
                what,
                beams,
                half["precision"] if name.endswith("half") else usual_precision(figures),
                row["turns"],
                row["audio_seconds"],
                row["seconds"],
                row["times_real_time"],
                *gains,
                *(row["stages"].get(stage, 0.0) for stage in _STAGES),
                row.get("measured", figures["runs"]["chain"]["date"]),
            )
        )
    header = ["what", "beams", "precision", "turns", "audio, s", "wall, s", "x real time"]
    for against in ("against the classic", "against one beam"):
        header += [against] if gpu else [against, "at one speed"]
    told = (
        "Stages: seconds for a second of audio. Where there are fewer turns, they are spread evenly over the lengths."
    )
    if not gpu:
        free = [
            1 / row["times_real_time"] / sum(row["stages"][stage] for stage in ("latent", "flow", "vocoder"))
            for row in (chain[classic], chain[warm])
        ]
        told += (
            f" At one speed: by the clock of a stage that does the same arithmetic in both rows (the flow; where it "
            f"is bf16, the "
            f"vocoder), because the machine's speed changes while the rows are measured. Were decoding free, float32 "
            f"would gain "
            f"{free[0]:.2f} x on the classic calls and {free[1]:.2f} x on those with one beam: the rest is "
            f"arithmetic, on a CPU the "
            f"same for one row as for many."
        )
    return [*rows([*header, *_STAGES, "measured (UTC)"], body), "", told]


def _short(figures: dict[str, Any]) -> list[str]:
    short = figures["short"]
    ways, (low, high) = short["ways"], short["turn_seconds"]
    names = {
        "classic": "`infer`, one after another, 3 beams, a cache of one voice (the classic builder)",
        "single": "`infer`, one after another, one beam, warm voices",
        "batch": f"`synthesize`, one batch of {short['turns']}, measured twice",
    }
    body = []
    for name, way in ways.items():
        gains = (f"{way['times_real_time'] / ways[other]['times_real_time']:.2f} x" for other in ("classic", "single"))
        shares = (
            f"{way['gflops'][stage]} ({100 * way['share_of_rate'][stage]:.0f} %)" for stage in ("flow", "vocoder")
        )
        body.append(
            (
                names[name],
                way["times_real_time"],
                *gains,
                way["seconds_per_second"],
                *(way["stages"].get(stage, 0.0) for stage in _STAGES),
                *shares,
            )
        )
    header = ("what", "x real time", "against the classic", "against one beam", "s for a second", *_STAGES)
    least = short["arithmetic_seconds_per_second"]
    bounds = [ways[name]["seconds_per_second"] / least for name in ("classic", "single")]
    told = (
        f"{short['turns']} turns of {low:g} to {high:g} s; half of them in each kind of calls, all in a batch, the "
        f"other half, all once "
        f"more. Rows of the batch equal to single calls: {short['rows_equal_to_single_calls']} of {short['turns']}. "
        f"Matrix products "
        f"meanwhile: {', '.join(map(str, short['rates_gflops']))} GFLOP/s; the shares are of their mean. Of flow and "
        f"vocoder a second "
        f"of audio takes {short['flow_gflop_per_audio_second']} and {short['vocoder_gflop_per_audio_second']} GFLOP, "
        f"at that rate "
        f"{least} s: were all the rest free and these at the machine's full rate, a batch would be {bounds[0]:.2f} x "
        f"as fast as these "
        f"classic calls and {bounds[1]:.2f} x as fast as these single ones."
    )
    return [*rows([*header, "flow, GFLOP/s", "vocoder, GFLOP/s"], body), "", told]


def _decode(figures: dict[str, Any]) -> list[str]:
    header = ("batch", "turns", "codes/s", "against one by one", "rows a step")
    return rows(
        header,
        (
            (batch, row["turns"], row["codes_per_second"], f"{row['speedup']} x", row["rows_per_step"])
            for batch, row in figures["decode"].items()
        ),
    )


def _roofline(figures: dict[str, Any]) -> list[str]:
    rates = figures["rates"]
    body: list[tuple[Any, ...]] = [
        ("matrix products, float32", rates["matmul_gflops"], ""),
        ("matrix products, bf16", rates.get("matmul_gflops_bf16", ""), ""),
        ("copy", "", rates["copy_gb_per_second"]),
    ]
    for batch, row in figures.get("decode", {}).items():
        body.append((f"decoding, batches of {batch}", row["gflops"], row["gb_per_second"]))
    of_vocoder = figures.get("vocoder_gflop_per_audio_second")
    for name, row in figures.get("chain", {}).items():
        if "flow_gflops" in row:
            half = name.endswith("half")  # of the flow alone: the vocoder is the same
            formats = row["precision"] if half else usual_precision(figures)
            batch = f"batches of {row.get('batch', name.rpartition('_')[2])}"
            body.append((f"flow, {'bf16' if 'flow bf16' in formats else 'float32'}, {batch}", row["flow_gflops"], ""))
            if of_vocoder and not half:
                body.append((f"vocoder, float32, {batch}", round(of_vocoder / row["stages"]["vocoder"], 1), ""))
    return rows(("what", "GFLOP/s", "GB/s"), body)


def _precision(figures: dict[str, Any]) -> list[str]:
    header = (
        "precision",
        "x real time",
        "log-mel distance to float32",
        "worst turn",
        "largest difference, int16 steps",
    )
    return rows(
        header,
        (
            (name, row["times_real_time"], row.get("log_mel_rms", ""), row.get("worst", ""), row.get("int16_steps", ""))
            for name, row in figures["precision"].items()
        ),
    )


def _steps(figures: dict[str, Any]) -> list[str]:
    header = ("flow steps", "x real time", "log-mel distance to 25", "worst turn")
    return rows(
        header,
        (
            (steps, row["times_real_time"], row.get("log_mel_rms", ""), row.get("worst", ""))
            for steps, row in figures["flow_steps"].items()
        ),
    )


def _solvers(figures: dict[str, Any]) -> list[str]:
    told = (
        "Of two turns; distances are of the sound, after the vocoder. They fall unevenly (10 evaluations may be "
        "nearer than 12), and with "
        "these weights second order loses to Euler at every count, as it would where no step is short enough for an "
        "order to show: "
        "random weights say little about the curvature of a path. A trained flow is smoother, and nothing here says "
        "how it would do. So the default stays Euler with "
        "25 even steps until a listening measure with real weights says otherwise; the one hint is that a sway of "
        "-0.5 to -1 is no worse "
        "than even times against 100 steps at 10 evaluations and more."
    )
    return [*solver_rows(figures["solvers"]), "", told]


def solver_rows(solvers: dict[str, Any]) -> list[str]:
    """Log-mel distance of each solver at so many evaluations of the velocity; its speed where that was kept."""
    columns = {
        "times_real_time": "x real time",
        "to_published": "log-mel distance to Euler 25",
        "to_exact": "to Euler 100",
    }
    kept = [key for key in columns if any(key in row for row in solvers.values())]
    header = ("solver, evaluations", *(columns[key] for key in kept))
    return rows(header, ((name, *(row.get(key, "") for key in kept)) for name, row in solvers.items()))


def _prompts(figures: dict[str, Any]) -> list[str]:
    seconds = figures["flow_seconds_for_5s_of_speech_by_prompt"]
    return rows(("prompt", "flow for 5 s of speech, s"), seconds.items())


def _orchestrated(figures: dict[str, Any]) -> list[str]:
    row = figures["orchestrated"]
    told = (
        f"{row['turns']} turns, {row['flow_steps']} flow steps: the engine alone {row['engine_times_real_time']} x "
        f"real time, a lane of "
        f"`moshi-assets build` {row['lane_times_real_time']} x: {100 * row['share_of_the_engine']:.0f} %."
    )
    return [told]
