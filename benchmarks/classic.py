"""The pipeline against the classic builder (--legacy-io): whole commands, same engine, texts and output bytes."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import tempfile
from pathlib import Path

from .measure import build, recipe, save, settle, write_dialogues


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
        shutil.rmtree(folder / "new")  # both at once would not fit into the page cache
        settle()
        classic = build([*common, "--output", str(folder / "old"), "--legacy-io"])
        assert manifest == (folder / "old/bench/bench.jsonl").read_bytes(), "the manifests differ"
        for path in kept.iterdir():
            assert filecmp.cmp(path, folder / "old/bench/data_stereo" / path.name, shallow=False), path.name
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
        },
    )


if __name__ == "__main__":
    main()
