"""Load time and memory of IndexTTS2 with pseudo-random weights of a given size.

    python -m benchmarks.indextts_load [--size official] [--folder SCRATCH] [--threads N]

Writes a checkpoint folder (7 GB at official size; removed afterwards), checks it, loads it and speaks one short
utterance on the CPU. Each step runs in a process of its own, whose memory is read from /proc: ``peak`` counts
everything resident, ``own`` is what does not come from mapped files and is therefore not shared between processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEXT = "Good morning, how are you today?"
PROMPT_SECONDS = 3.0


def memory() -> dict[str, float]:
    """GB resident at the peak, and GB of it now that are the process's own."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    gigabytes = {name: int(status[name].split()[0]) / 1e6 for name in ("VmHWM", "RssAnon")}
    return {"peak_gb": round(gigabytes["VmHWM"], 2), "own_gb": round(gigabytes["RssAnon"], 2)}


def write(folder: Path, size: str) -> dict[str, float]:
    from indextts.checkpoint.pseudo_checkpoint import write_checkpoint

    start = time.perf_counter()
    write_checkpoint(folder, size)
    seconds = time.perf_counter() - start
    files_gb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9
    return {"seconds": round(seconds, 1), "files_gb": round(files_gb, 2), **memory()}


def check(folder: Path, _: str) -> dict[str, float]:
    from indextts.checkpoint.check import check_folder

    start = time.perf_counter()
    bad = [str(finding) for finding in check_folder(folder) if not finding.good]
    if bad:
        raise SystemExit("\n".join(bad))
    return {"seconds": round(time.perf_counter() - start, 1), **memory()}


def speak(folder: Path, _: str) -> dict[str, float]:
    start = time.perf_counter()
    import soundfile
    import transformers.models.wav2vec2_bert  # noqa: F401  (heavy; not part of loading)

    from indextts.checkpoint.pseudo_weights import wave
    from indextts.infer_v2 import IndexTTS2

    imported = time.perf_counter()
    tts = IndexTTS2(folder / "config.yaml", folder, device="cpu")
    loaded = time.perf_counter()
    after_load = memory()
    prompt = folder / "prompt.wav"
    soundfile.write(prompt, wave(22050, PROMPT_SECONDS, 3), 22050)
    figures = {
        "import_seconds": round(imported - start, 1),
        "load_seconds": round(loaded - imported, 1),
        "load_peak_gb": after_load["peak_gb"],
        "load_own_gb": after_load["own_gb"],
    }
    options = {"return_audio": True, "seed": 1, "max_mel_tokens": 60, "min_mel_tokens": 50}
    for name in ("first", "second"):
        begin = time.perf_counter()
        result = tts.infer(prompt, TEXT, None, **options)
        figures[f"{name}_utterance_seconds"] = round(time.perf_counter() - begin, 1)
    figures["utterance_audio_seconds"] = round(result.duration_sec, 2)
    return {**figures, **memory()}


STEPS = {"write": write, "check": check, "speak": speak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="official")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import torch

        torch.set_num_threads(options.threads)
        sys.stdout.write(json.dumps(STEPS[options.step](options.folder, options.size)))
        return
    import torch

    say = sys.stdout.write
    say(f"{platform.machine()}, {options.threads} of {os.cpu_count()} cores, Python {platform.python_version()}, ")
    say(f"torch {torch.__version__}, {time.strftime('%Y-%m-%d')}, size {options.size}\n")
    with tempfile.TemporaryDirectory(prefix="indextts_load_", dir=options.folder) as scratch:
        figures = {}
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", scratch]
            command += ["--size", options.size, "--threads", str(options.threads)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            figures[step] = json.loads(done.stdout)
            say(f"{step}: {done.stdout}\n")
            sys.stdout.flush()
    if options.size == "official":
        from benchmarks.measure import save

        save("indextts_load", "python -m benchmarks.indextts_load", figures)


if __name__ == "__main__":
    main()
