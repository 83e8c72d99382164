"""IndexTTS2 in batches against one call after another: same weights, texts, voices and code lengths, one machine.

    python -m benchmarks.tts [--part rates decode chain prompt precision steps solvers short orchestrated] [--turns 64]
    [--singles N] [--batches 1 4 16 64]

Weights are pseudo-random (`indextts.tiny --size small`), so code lengths are forced: turns of 3 to 12 s, user and
assistant alternating, prompts of 5 s, 25 flow steps. Opponents are (a) the classic loop of single `infer` calls with
three beams and a cache of one voice, and the same calls with one beam and warm voices. `--singles` measures calls one
after another on so many turns, evenly spread over the lengths, instead of all: their cost is additive. Parts not asked
for keep the figures of the run that measured them, and its command and date (``runs``).
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from indextts import IndexTTS2
from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from indextts.engine.figures import SpeakingFigures, StageClock
from indextts.engine.request import Emotion, RandomStreams
from indextts.engine.spoken_segment import Segment, SpeakingOptions
from indextts.models.solver import FlowSolver
from indextts.published.arguments import generation_options
from moshi_assets.engines.indextts2 import GPU_PRECISION, precision_on
from moshi_assets.recipe.engines import IndexTTS2Options

from .measure import RESULTS, machine, save
from .tts_chain import measure_chain
from .tts_lane import measure_orchestrated
from .tts_roofline import best_seconds, decode_work, measure_rates, vocoder_gflop_per_second
from .tts_short import SHORT_SECONDS, SHORT_TURNS, measure_short
from .tts_sound import measure_precision, measure_solvers, measure_steps
from .tts_turns import PROMPT_SECONDS, Turn, spread, write_turns

PARTS = ("rates", "decode", "chain", "prompt", "precision", "steps", "solvers", "short", "orchestrated")


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    begin = time.perf_counter()
    yield lambda: time.perf_counter() - begin


def segments_of(tts: IndexTTS2, turns: list[Turn], flow_steps: int) -> list[Segment]:
    """The turns' segments, ready to be decoded."""
    prepared = []
    for number, turn in enumerate(turns):
        limits = {"num_beams": 1, "min_mel_tokens": turn.codes, "max_mel_tokens": turn.codes}
        generation = generation_options(limits, tts.cfg.gpt.max_mel_tokens)
        options = SpeakingOptions(generation, RandomStreams(number), solver=FlowSolver(flow_steps))
        prepared += tts._synthesizer.prepare(turn.voice, turn.text, Emotion(), options, StageClock(tts.device))
    return prepared


def measure_decode(tts: IndexTTS2, turns: list[Turn], singles: int, batches: list[int]) -> dict[str, Any]:
    """The decode stage alone, one beam, at each batch size."""
    engine, results = tts._synthesizer.engine, {}
    usual = engine.budgets
    tts.warm_cache({turn.voice for turn in turns})
    for batch in batches:
        chosen = spread(turns, min(singles, len(turns))) if batch == 1 else turns
        engine.budgets = replace(usual, max_batch=batch)
        segments = segments_of(tts, chosen, 1)
        figures = SpeakingFigures()
        with timed() as seconds:
            engine.session(StageClock(tts.device), figures).decode_all(segments)
        taken, codes = seconds(), sum(len(segment.codes) for segment in segments)
        assert codes == sum(turn.codes for turn in chosen), "the code lengths were not kept"
        gflop, read = decode_work(tts, chosen, len(segments[0].text_ids), batch)
        results[str(batch)] = {
            "turns": len(chosen),
            "seconds": round(taken, 1),
            "codes_per_second": round(codes / taken, 1),
            "rows_per_step": round(figures.batches["gpt"].mean_rows, 1),
            "gflops": round(gflop / taken, 1),
            "gb_per_second": round(read / taken, 1),
        }
    engine.budgets = usual
    if "1" in results:
        for figures_of_batch in results.values():
            figures_of_batch["speedup"] = round(
                figures_of_batch["codes_per_second"] / results["1"]["codes_per_second"], 2
            )
    return results


def measure_prompts(tts: IndexTTS2) -> dict[str, Any]:
    """Flow seconds for 5 s of speech behind prompts of several lengths (two steps measured, times 12.5)."""
    speech, cfm = int(5 * 22050 / 256), tts._synthesizer.pipeline.components.cfm
    results = {}
    for seconds in (0, 5, 10, 15):
        prompt = max(1, int(seconds * 22050 / 256))
        frames = prompt + speech
        rows = (torch.randn(1, frames, tts.cfg.regulator.channels), torch.tensor([frames]))
        rows += (torch.randn(1, 80, prompt), torch.tensor([prompt]), torch.randn(1, 192), torch.randn(1, 80, frames))
        on_device = [row.to(tts.device) for row in rows]
        with torch.no_grad():
            results[f"{seconds} s"] = round(12.5 * best_seconds(lambda r=on_device: cfm.solve(*r, FlowSolver(2)), 3), 2)
    return results


def where(facts: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
    """What rows of one table must have in common."""
    return {
        "cpu": facts.get("cpu"),
        "cores": facts.get("cores"),
        "cuda": figures.get("cuda"),
        **figures.get("settings", {}),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--size", help="default: small on a CPU, official on a GPU")
    parser.add_argument("--turns", type=int, help="default: 64 on a CPU, 512 on a GPU")
    parser.add_argument("--singles", type=int, help="turns for calls one after another (default: all)")
    parser.add_argument("--seconds", type=float, nargs=2, default=[3.0, 12.0], help="shortest and longest turn")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--chain-batches", type=int, nargs="+", help="batches of the whole chain (default: --batches)")
    parser.add_argument(
        "--resume", action="store_true", help="chain: keep earlier rows of as many turns, measure the others"
    )
    parser.add_argument("--steps", type=int, default=25, help="flow steps")
    parser.add_argument("--folder", type=Path, help="where a checkpoint of this size lies or is to be kept")
    given = parser.parse_args(arguments)
    logging.getLogger("indextts").setLevel(logging.ERROR)  # that codes end without a stop is what was asked for

    on_gpu = torch.cuda.is_available()
    size = given.size or ("official" if on_gpu else "small")
    count = given.turns or (512 if on_gpu else 64)
    singles = given.singles or count
    path = RESULTS / "tts.json"
    stored: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    figures = stored.get("figures", {})
    before = where(stored.get("machine", {}), figures) if given.resume and stored else None
    figures["cuda"] = torch.cuda.get_device_name() if on_gpu else "no CUDA device was found: CPU figures only"
    figures["settings"] = {
        "size": size,
        "weights": "pseudo-random",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "precision": GPU_PRECISION if on_gpu else "float32",
        "prompt_seconds": PROMPT_SECONDS,
        "turn_seconds": given.seconds,
        "flow_steps": given.steps,
    }
    if before and before != (now := where(machine(), figures)):
        parser.error(f"--resume: the rows in {path} were measured with {before}, not {now}; leave --resume out")
    # Without the parts, which may be measured one by one: what gives the whole file.
    command = "python -m benchmarks.tts" + "".join(
        f" --{name.replace('_', '-')} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in vars(given).items()
        if value != parser.get_default(name) and name not in ("folder", "part", "resume")
    )

    def keep(part: str, **measured: Any) -> None:
        """Figures of a part and where they come from; saved at once."""
        figures.update(measured)
        figures.setdefault("runs", {})[part] = {"command": command, "date": date.today().isoformat()}
        save("tts", command, figures)

    scratch = Path(tempfile.mkdtemp(prefix="tts_"))
    try:
        folder = given.folder or scratch / "checkpoint"
        if not (folder / "config.yaml").exists():
            write_checkpoint(folder, size)
        turns = write_turns(scratch, count, *given.seconds)
        usual = GPU_PRECISION if on_gpu else {}

        def load(precision: dict[str, str] = usual, **more: Any) -> IndexTTS2:
            formats = {"gpt": usual.get("gpt", "fp32")} | precision  # the same codes in all formats of the rest
            more |= {"use_qwen_emo": False, "flow_steps": given.steps}
            return IndexTTS2(folder / "config.yaml", folder, precision=formats, **more)

        tts = load()
        tts.infer(turns[0].voice, turns[0].text, None, num_beams=1, max_mel_tokens=20, min_mel_tokens=20)  # warm up
        if "rates" in given.part:
            vocoder = round(vocoder_gflop_per_second(tts), 1)
            keep("rates", rates=measure_rates(tts.device), vocoder_gflop_per_audio_second=vocoder)
        if "decode" in given.part:
            keep("decode", decode=measure_decode(tts, turns, singles, given.batches))
        if "prompt" in given.part:
            keep("prompt", flow_seconds_for_5s_of_speech_by_prompt=measure_prompts(tts))
        few_short = sorted(turns, key=lambda turn: turn.codes)[: min(4, count)]
        if "precision" in given.part:
            keep("precision", precision=measure_precision(load, few_short))
        if "steps" in given.part:
            keep("steps", flow_steps=measure_steps(tts, few_short))
        if "solvers" in given.part:
            keep("solvers", solvers=measure_solvers(tts, few_short[:2]))
        if "short" in given.part:
            short = write_turns(scratch, SHORT_TURNS, *SHORT_SECONDS)
            keep("short", short=measure_short(load, short, given.steps, scratch))
        if "orchestrated" in given.part:
            as_built = load(precision=precision_on(None, IndexTTS2Options()))
            lane = measure_orchestrated(as_built, folder, scratch, min(count, 64), given.seconds[0])
            keep("orchestrated", orchestrated=lane)
        if "chain" in given.part:
            few = spread(turns, min(singles, count))
            batches = given.chain_batches or given.batches
            earlier = figures.get("chain", {}) if given.resume else {}
            measure_chain(
                load, turns, few, batches, given.steps, scratch, earlier, lambda rows: keep("chain", chain=rows)
            )
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
