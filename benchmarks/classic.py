"""The pipeline against the classic builder (--legacy-io): whole commands, same engine, texts and output bytes (the
noise stays below half scale, up to which both have the same samples whatever version of soundfile writes).

Beside them, what no pipeline that keeps parts and recordings can be faster than: as many files of the same sizes,
written by two processes that do nothing else.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .measure import build, recipe, save, settle, write_dialogues


def write_files(folder: Path, sizes: list[int], processes: int = 2) -> float:
    """Wall seconds to write files of these sizes, in bytes, from one block of memory."""
    begin = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        shares = [sizes[share::processes] for share in range(processes)]
        list(pool.map(_write_share, [folder] * processes, range(processes), shares))
    return time.monotonic() - begin


def _write_share(folder: Path, share: int, sizes: list[int]) -> None:
    content = memoryview(os.urandom(max(sizes)))
    for number, size in enumerate(sizes):
        (folder / f"{share}_{number}").write_bytes(content[:size])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogues", type=int, default=20_000)
    count = parser.parse_args(arguments if arguments is not None else []).dialogues
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "dialogues.jsonl"
        write_dialogues(source, count)
        common = [str(source), "--engine", "noise", "--name", "bench"]
        # What the classic builder does not do either: measures, transcripts.
        unmeasured = ["--recipe", str(recipe(folder / "recipe.yaml", measured=False))]
        settle()
        layout = [*unmeasured, "--layout", "overlapped", "--sample-rate", "native", "--no-transcripts"]
        pipeline = build([*common, "--output", str(folder / "new"), *layout, "--worker-count", "2"])
        manifest = (folder / "new/bench/bench.jsonl").read_bytes()
        sample = sorted((folder / "new/bench/data_stereo").iterdir())[:: max(1, count // 200)]
        kept = folder / "sample"
        kept.mkdir()
        for path in sample:
            shutil.copy(path, kept)
        sizes = [path.stat().st_size for kind in ("*.arrow", "*.wav") for path in (folder / "new").rglob(kind)]
        shutil.rmtree(folder / "new")  # both at once would not fit into the page cache
        settle()
        classic = build([*common, "--output", str(folder / "old"), "--legacy-io"])
        assert manifest == (folder / "old/bench/bench.jsonl").read_bytes(), "the manifests differ"
        for path in kept.iterdir():
            assert filecmp.cmp(path, folder / "old/bench/data_stereo" / path.name, shallow=False), path.name
        shutil.rmtree(folder / "old")
        settle()
        files = write_files(folder, sizes)
    save(
        "classic",
        f"python -m benchmarks classic --dialogues {count}" if arguments else "python -m benchmarks classic",
        {
            "dialogues": count,
            "classic_seconds": round(classic, 1),
            "pipeline_seconds": round(pipeline, 1),
            "classic_dialogues_per_second": round(count / classic, 1),
            "pipeline_dialogues_per_second": round(count / pipeline, 1),
            "speedup": round(classic / pipeline, 2),
            "files": len(sizes),
            "files_gb": round(sum(sizes) / 1e9, 2),
            "files_alone_seconds": round(files, 1),
        },
    )


if __name__ == "__main__":
    main()
