"""The tables of figures in README, docs/figures.md and docs/throughput.md, written from docs/benchmarks/*.json, so that
they cannot say what was not measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .measure import RESULTS
from .tts_table import PAGE, chain_gain, throughput, usual_precision

README = RESULTS.parent.parent / "README.md"
FIGURES = RESULTS.parent / "figures.md"
HEADLINES = ("parse", "classic", "tts/chain")
"""What the README shows of each: its first row."""
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"

Row = tuple[str, Callable[[dict[str, Any]], str]]


def _by(figures: dict[str, Any], measure: str, choose: Callable[..., str]) -> str:
    """The kind of file that has most or least of something."""
    return choose(figures["kinds"], key=lambda kind: figures["kinds"][kind][measure])


def start_errors(figures: dict[str, Any], aligner: str) -> str:
    """Mean start errors of an aligner on each lot of turns."""
    plain, markup, table = (figures[lot][aligner]["all"]["mean_ms"] for lot in ("plain", "markup", "table"))
    return f"{plain} ms, {markup} ms, {table} ms"


def _added(share: float) -> str:
    """A share that something adds; one that is lost in what varies between runs comes out negative."""
    return f"{100 * share:.1f} %" if share > 0 else "less than runs vary"


ROWS: dict[str, list[Row]] = {
    "parse": [
        ("parse rate, one core, 1 000 000 dialogues", lambda f: f"{f['lines_per_second']:,} lines/s".replace(",", " ")),
        (
            "peak memory of that beside 10 000 dialogues",
            lambda f: f"{f['peak_rss_mb_1m_lines']} MB beside {f['peak_rss_mb_10k_lines']} MB",
        ),
    ],
    "parse_kinds": [
        (
            "reading files of a million turns, one core: the fastest and the slowest kind",
            lambda f: " and ".join(
                f"{f['kinds'][kind]['dialogues_per_cpu_second']:,} dialogues/s ({kind})".replace(",", " ", 1)
                for kind in (_by(f, "dialogues_per_cpu_second", max), _by(f, "dialogues_per_cpu_second", min))
            ),
        ),
        (
            "peak memory of that, the kind that takes most, beside a file of 20 000 turns",
            lambda f: (
                f"{f['kinds'][_by(f, 'peak_rss_mb', max)]['peak_rss_mb']} MB beside "
                f"{f['kinds'][_by(f, 'peak_rss_mb', max)]['peak_rss_mb_of_few']} MB ({_by(f, 'peak_rss_mb', max)})"
            ),
        ),
    ],
    "classic": [
        (
            "whole build against the classic builder, `noise`, 2 lanes, same bytes",
            lambda f: (
                f"{f['speedup']} x ({f['dialogues']} dialogues in {f['pipeline_seconds']} s against "
                f"{f['classic_seconds']} s)"
            ),
        ),
        (
            "the files of that build alone, parts and recordings, written by 2 processes that do nothing else",
            lambda f: f"{f['files_alone_seconds']} s ({f['files']} files, {f['files_gb']} GB)",
        ),
    ],
    "lanes": [
        (
            "two lanes against one, simulated engine cost, whole builds",
            lambda f: f"{f['speedup']} x ({f['two_lanes_seconds']} s against {f['one_lane_seconds']} s)",
        )
    ],
    "overhead": [
        (
            "wall time outside the engine, 2 048 dialogues at 0.02 s per audio second",
            lambda f: f"{100 * f['share_outside_engine']:.1f} % ({f['wall_seconds']} s in all)",
        )
    ],
    "assembly": [
        (
            "stereo stage, 1 024 dialogues, 2 threads: one a recording, and packed into 100 s with natural timing",
            lambda f: f"{f['alone']['x_realtime']} x and {f['packed']['x_realtime']} x real time",
        )
    ],
    "alignment": [
        (
            "word starts, what the built-in voice knows against what pocketsphinx hears, 420 words",
            lambda f: (
                f"{f['word_starts_apart']['engine - acoustic']['mean_ms']} ms apart, 95 % within "
                f"{f['word_starts_apart']['engine - acoustic']['p95_ms']} ms"
            ),
        ),
        (
            "word times by `acoustic`, one core",
            lambda f: f"{f['x_realtime']['acoustic']} x real time",
        ),
    ],
    "word_times": [
        (
            "turns whose words are found without fallback, English sentences of the reading table, `acoustic`",
            lambda f: f"{f['table']['acoustic']['turns_without_fallback']} of {f['table']['turns']}",
        ),
        *(
            (
                f"word starts by `{aligner}` from the built-in voice's own: plain, with markup, that table",
                partial(start_errors, aligner=aligner),
            )
            for aligner in ("acoustic", "proportional")
        ),
    ],
    "word_fit": [
        (
            "turns whose word times `verify` suspects: right ones, and moved by 0.3 s either way",
            lambda f: (
                f"{f['all']['right']} of {f['all']['turns']}, and {f['all']['early'] + f['all']['late']} of "
                f"{2 * f['all']['turns']}"
            ),
        )
    ],
    "additions": [
        (
            "what natural turn-taking, word times and judging add to the CPU time of the demo's dialogues",
            lambda f: (
                f"{_added(f['added_share'])} ({f['demo_cpu_seconds']} s with them, {f['without_cpu_seconds']} s "
                f"without)"
            ),
        ),
        (
            "of that, word times and transcripts",
            lambda f: f"{_added(f['transcripts_share'])} ({f['without_transcripts_cpu_seconds']} s without)",
        ),
    ],
    "gates": [
        (
            "measuring and judging utterances, one process and two at once",
            lambda f: f"{f['one_process_x_realtime']} x and {f['two_processes_x_realtime']} x real time",
        )
    ],
    "loudness": [
        (
            "loudness (ITU-R BS.1770) of 500 utterances, one core, beside pyloudnorm",
            lambda f: f"{f['x_realtime']} x real time beside {f['pyloudnorm_x_realtime']} x",
        ),
        (
            "how far the two are apart at most, at four sample rates",
            lambda f: f"{max(each['largest_lu'] for each in f['apart'].values())} LU",
        ),
    ],
    "many_shards": [
        (
            "one more shard registered among 39 063, on SQLite; and where another dataset's follow",
            lambda f: (
                f"{f['registering']['one_more_seconds']} s; {f['registering']['one_more_before_others_seconds']} s"
            ),
        )
    ],
    "one_pass": [
        (
            "whole build against the classic builder, `noise`, 2 lanes",
            lambda f: f"{f['noise']['lanes_2']['speedup']} x ({f['noise']['dialogues']} dialogues)",
        ),
        (
            "the same by the built-in voice, 2 lanes and 1 lane",
            lambda f: (
                f"{f['builtin']['lanes_2']['speedup']} x and {f['builtin']['lanes_1']['speedup']} x "
                f"({f['builtin']['dialogues']} dialogues)"
            ),
        ),
        (
            "the sample file, 2 lanes, and by the classic builder",
            lambda f: f"{f['sample']['pipeline']['wall_seconds']} s, {f['sample']['classic']['wall_seconds']} s",
        ),
        (
            "bytes written to disk, of those of the recordings",
            lambda f: f"{f['written']['written_to_recordings']} x",
        ),
        (
            "first recording in a build of 100 shards, 0.02 s of engine per audio second; a shard takes so long",
            lambda f: f"{f['first']['first_recording_seconds']} s; {f['first']['engine_seconds_of_a_shard']} s",
        ),
        (
            "wall time outside the engine there",
            lambda f: f"{100 * f['first']['share_outside_engine']:.1f} %",
        ),
        (
            "what is left of 100 000 finished dialogues",
            lambda f: f"{f['shards']['unfinished_shards_seconds']} s",
        ),
        (
            "peak memory of all processes, 100 000 dialogues beside 20 000",
            lambda f: f"{f['memory']['peak_mib_100000']} MiB beside {f['memory']['peak_mib_20000']} MiB",
        ),
    ],
    "report": [
        (
            "the report in the wall time of `make demo`",
            lambda f: (
                f"{100 * f['demo_report_share']:.1f} % ({f['demo_report_seconds']} s, a page of {f['page_mb']} MB)"
            ),
        )
    ],
    "tts/decode": [
        (
            "IndexTTS2: decoding in batches of 64 against one by one",
            lambda f: (
                f"{f['decode']['64']['speedup']} x ({f['decode']['64']['codes_per_second']} codes/s; "
                f"`{f['settings']['size']}` {f['settings']['weights']} weights, {usual_precision(f)})"
            ),
        )
    ],
    "tts/chain": [
        (
            "IndexTTS2: whole chain in the best batch against the classic loop (3 beams, one voice cached)",
            lambda f: chain_gain(f, "calls_3_beams_one_voice_cached"),
        ),
        (
            "and against single calls with one beam and warm voices",
            lambda f: chain_gain(f, "calls_1_beam_warm"),
        ),
    ],
    "tts/orchestrated": [
        (
            "a lane of `moshi-assets build` against the engine alone",
            lambda f: f"{100 * f['orchestrated']['share_of_the_engine']:.0f} % of its throughput",
        )
    ],
    "indextts_load": [
        (
            "IndexTTS2 at official size (pseudo-random weights) on the CPU: load",
            lambda f: f"{f['speak']['load_seconds']} s, {f['speak']['load_peak_gb']} GB peak",
        ),
        (
            "the same: one utterance of 1.2 s with 3 beams, voice cold and warm",
            lambda f: (
                f"{f['speak']['first_utterance_seconds']} s and {f['speak']['second_utterance_seconds']} s, "
                f"{f['speak']['peak_gb']} GB peak, {f['speak']['own_gb']} GB without the mapped weights"
            ),
        ),
    ],
}
"""Benchmark -> rows of the table: what, and the figure from its results. After a slash: a part that is measured by
itself, whose command and date are below `runs`."""


def table(chosen: dict[str, list[Row]] | None = None) -> str:
    """The table in Markdown, with machine, versions, date and command of each figure; of all :data:`ROWS` where none
    are chosen.
    """
    lines = ["| what | figure | command | date |", "|---|---|---|---|"]
    machines: dict[str, None] = {}
    for measured, rows in (chosen or ROWS).items():
        name, _, part = measured.partition("/")
        path = RESULTS / f"{name}.json"
        if not path.is_file():
            continue
        result = json.loads(path.read_text())
        facts = result["machine"]
        run = {"command": result["command"], "date": facts["date"]}
        if part:
            run = result["figures"].get("runs", {}).get(part, run)
        for what, figure in rows:
            with suppress(KeyError):  # a part of this benchmark that has not been run
                shown = figure(result["figures"])
                lines.append(f"| {what} | {shown} | `{run['command']}` | {run['date']} |")
        versions = ", ".join(
            f"{package} {facts[package]}" for package in facts if package in ("dagster", "numpy", "pyarrow", "torch")
        )
        machines[
            f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, no GPU; {facts['system']}, "
            f"Python {facts['python']}, {versions}"
        ] = None
    return "\n".join([*lines, "", "Machine: " + "; ".join(machines) + "."])


def main() -> None:
    """Replace the tables in the README, in docs/figures.md and in docs/throughput.md."""
    headlines = table({measured: ROWS[measured][:1] for measured in HEADLINES})
    for page, content in ((README, headlines), (FIGURES, table()), (PAGE, throughput())):
        head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        _, _, tail = rest.partition(END)
        page.write_text(f"{head}{BEGIN}\n{content}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
