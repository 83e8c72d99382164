"""IndexTTS2 on a card, in one command of at most nine minutes.

    python -m benchmarks.gpu [--part facts parity batches calls profile modes attention precision solvers lane]
    [--minutes 9] [--rows 64 128 256]

Weights are pseudo-random and written first (`indextts.tiny`, official size), so code lengths are forced: turns of 3 to
12 s, prompts of 5 s, 25 flow steps. Figures go to docs/benchmarks/gpu-<card>.json after every row; `python -m
benchmarks.gpu.table` writes docs/throughput.md from them. Parts that are not asked for keep the figures of the run that
measured them.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from indextts import IndexTTS2
from indextts.checkpoint.pseudo_checkpoint import SIZES, write_checkpoint

from .. import tts_sound
from ..measure import RESULTS
from ..tts_turns import spread, write_turns
from . import chain, facts, flow, parity, profiled
from .session import Session

PARTS = ("facts", "parity", "batches", "calls", "profile", "modes", "attention", "precision", "solvers", "lane")
PRECISION = {"gpt": "bf16", "flow": "bf16"}
"""What the builder chooses on a GPU (`moshi_assets.engines.indextts2.GPU_PRECISION`), which cannot be imported
everywhere.
"""


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--minutes", type=float, default=9.0, help="limit of the whole run; a row that would pass it is not begun"
    )
    parser.add_argument("--device", default="cuda", help="cpu rehearses; its figures say so")
    parser.add_argument("--size", choices=SIZES, default="official")
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 128, 256], help="rows decoded at a time")
    parser.add_argument("--turns", type=int, default=192)
    parser.add_argument("--seconds", type=float, nargs=2, default=[3.0, 12.0], help="shortest and longest turn")
    parser.add_argument("--singles", type=int, default=6, help="turns of the calls one by one")
    parser.add_argument("--steps", type=int, default=25, help="flow steps")
    parser.add_argument("--evaluations", type=int, nargs="+", default=tts_sound.EVALUATIONS, help="of the solvers")
    shapes = {"type": flow.shape, "nargs": "+", "metavar": "ROWSxFRAMES"}
    parser.add_argument(
        "--shapes", default=[(1, 700), (8, 700), (64, 700), (8, 1400), (32, 1400)], help="of the velocities", **shapes
    )
    parser.add_argument("--loops", default=[(1, 700), (4, 700), (16, 700)], help="shapes of the whole loops", **shapes)
    parser.add_argument("--exact", type=int, default=100, help="Euler steps that the solvers are compared with")
    parser.add_argument("--matmul", type=int, default=8192, help="size of the matrix products of the part facts")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the figures")
    parser.add_argument("--folder", type=Path, help="where a checkpoint of this size lies or is to be kept")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Measure the parts; 0 where all came to their end, 1 otherwise."""
    options = arguments(given)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no CUDA device was found; `--device cpu --size tiny --matmul 256` rehearses", file=sys.stderr)
        return 2
    logging.getLogger("indextts").setLevel(logging.ERROR)  # that codes end without a stop is what was asked for
    command = "python -m benchmarks.gpu " + " ".join(sys.argv[1:] if given is None else given)
    card = facts.facts(device)
    name = re.sub(r"[^a-z0-9]+", "-", card["card"].lower()).strip("-") if device.type == "cuda" else "rehearsal"
    session = Session(options.results / f"gpu-{name}.json", command.strip(), options.minutes)
    scratch = Path(tempfile.mkdtemp(prefix="gpu_"))
    try:
        ended = [session.run(part, _part(part, options, device, card, session, scratch)) for part in options.part]
    finally:
        shutil.rmtree(scratch)
    print(f"figures: {session.path}")
    return 0 if all(ended) else 1


def _part(
    name: str, options: argparse.Namespace, device: torch.device, card: dict[str, Any], session: Session, scratch: Path
) -> Any:
    """The work of one part, to be run by the session.

    The model is loaded anew by each, so that none depends on another.
    """
    settings = {
        "size": options.size,
        "weights": "pseudo-random",
        "precision": PRECISION,
        "flow_steps": options.steps,
        "turn_seconds": options.seconds,
        "prompt_seconds": 5.0,
    }

    def checkpoint() -> Path:
        folder = options.folder or scratch / "checkpoint"
        if not folder.exists():  # whole or absent: what was broken off here must not break every later part
            begin, partial = time.monotonic(), folder.with_name(folder.name + ".partial")
            write_checkpoint(partial, options.size).rename(folder)
            print(f"checkpoint written in {time.monotonic() - begin:.0f} s", flush=True)
        return folder

    def load(precision: dict[str, str] | None = None, **more: Any) -> IndexTTS2:
        folder = checkpoint()
        formats = PRECISION if precision is None else {"gpt": PRECISION["gpt"]} | precision  # the same codes in all
        more = {"use_qwen_emo": False, "flow_steps": options.steps, "text_readers": 0} | more
        return IndexTTS2(folder / "config.yaml", folder, device=options.device, precision=formats, **more)

    def turns() -> Any:
        return write_turns(scratch, options.turns, *options.seconds)

    def shortest() -> Any:
        return sorted(turns(), key=lambda turn: turn.codes)[:4]

    def work(keep: Any) -> None:
        if name == "facts":
            keep({**card, "rates": facts.rates(device, options.matmul)})
            return
        if name == "parity":
            session.need(20)
            keep(parity.run_marked_tests(min(180.0, session.seconds_left)))
            return
        if name == "lane":
            from ..tts_lane import measure_orchestrated  # needs Dagster, which a bare machine lacks

            keep({"settings": settings})
            session.need(60)
            keep(measure_orchestrated(load(), checkpoint(), scratch, 64, options.seconds[0]))
            return
        keep({"settings": settings})
        few = spread(turns(), min(options.singles, options.turns))
        if name == "batches":
            chain.measure_batches(load(), turns(), options.rows, options.steps, session, keep)
        elif name == "calls":
            chain.measure_single_calls(load, few, scratch, session, keep)
        elif name == "modes":
            rows = options.rows[0]
            flow.measure_loops(load(), options.loops, options.steps, session, keep)
            chain.measure_modes(load, turns()[: 2 * rows], rows, options.steps, session, keep)
        elif name == "attention":
            known = session.parts.get("facts", {}).get("figures", {}).get("rates")
            limits = known or facts.rates(device, options.matmul)
            flow.measure_attention(load(), options.shapes, limits["matmul_bf16_tflops"], session, keep)
        elif name == "profile":
            rows = options.rows[0]
            keep(profiled.profile_call(load(), turns()[:rows], rows, options.steps))
        elif name == "precision":
            session.need(30)
            keep({"formats": tts_sound.measure_precision(load, shortest())})
        elif name == "solvers":
            session.need(30)
            how = options.evaluations, options.steps, options.exact
            keep({"solvers": tts_sound.measure_solvers(load(precision={}), shortest(), *how)})

    return work


if __name__ == "__main__":
    sys.exit(main())
