"""A build as one pass: whole commands against the classic builder, what is written, how soon the first recording lies
there, what the engine waits for, and what grows with the dataset.

Each part can be run alone, and keeps what the others found. Both sides of a comparison run in the same minutes; the
machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from moshi_assets.storage.dataset import DatasetStore

from .measure import RESULTS, save, settle, write_dialogues
from .whole_command import Spent, build

SAMPLE = Path(__file__).resolve().parent.parent / "examples" / "moshi_sample.jsonl"
COST = 0.02
"""Simulated seconds of engine time per second of audio."""
LIKE_CLASSIC = ["--layout", "overlapped", "--sample-rate", "native", "--no-transcripts"]
"""What makes the recordings those of the classic builder, which writes no transcripts either."""


class Place:
    """A folder for inputs, and builds from them."""

    def __init__(self, folder: Path, rehearsal: bool = False) -> None:
        self.folder, self._rehearsal = folder, rehearsal

    def settle(self) -> None:
        """Wait until what ran before slows nothing down; a rehearsal does not wait."""
        if not self._rehearsal:
            settle()

    def dialogues(self, count: int) -> str:
        """A file of so many dialogues."""
        path = self.folder / f"talks_{count}.jsonl"
        if not path.exists():
            write_dialogues(path, count)
        return str(path)

    def recipe(self, **settings: Any) -> list[str]:
        """Options that name a recipe with these settings; YAML is a superset of JSON."""
        path = self.folder / "recipe.yaml"
        path.write_text(json.dumps(settings))
        return ["--recipe", str(path)]

    def output(self) -> Path:
        """A new folder for datasets."""
        return Path(tempfile.mkdtemp(prefix="data", dir=self.folder))


def against_classic(place: Place, source: str, engine: str, lanes: tuple[int, ...]) -> dict[str, Any]:
    """Builds without measures and transcripts beside the classic builder: wall and CPU seconds, and how many times as
    fast they are.
    """
    common = [source, "--name", "bench"]
    unmeasured = place.recipe(engine=engine, gates={"enabled": False, "measured": False})
    place.settle()
    classic_output = place.output()
    classic = build([*common, "--engine", engine, "--output", str(classic_output), "--legacy-io"])
    manifest = (classic_output / "bench/bench.jsonl").read_bytes()
    shutil.rmtree(classic_output)
    figures: dict[str, Any] = {"classic": _times(classic)}
    for count in lanes:
        place.settle()
        output = place.output()
        options = [*unmeasured, *LIKE_CLASSIC, "--worker-count", str(count), "--output", str(output)]
        spent = build([*common, *options])
        assert (output / "bench/bench.jsonl").read_bytes() == manifest, "the manifests differ"
        shutil.rmtree(output)
        figures[f"lanes_{count}"] = _times(spent) | {"speedup": round(classic.wall_seconds / spent.wall_seconds, 2)}
    return figures


def noise(place: Place, dialogues: int) -> dict[str, Any]:
    """The noise engine, which costs next to nothing."""
    return {"dialogues": dialogues} | against_classic(place, place.dialogues(dialogues), "noise", (2,))


def builtin(place: Place, dialogues: int) -> dict[str, Any]:
    """The built-in voice."""
    return {"dialogues": dialogues} | against_classic(place, place.dialogues(dialogues), "builtin", (1, 2))


def sample(place: Place, runs: int) -> dict[str, Any]:
    """The sample file as `make demo` builds it, and by the classic builder: the median of several runs in turn."""
    ways = {"pipeline": ["--worker-count", "2", "--samples-per-shard", "8"], "classic": ["--legacy-io"]}
    taken: dict[str, list[Spent]] = {way: [] for way in ways}
    place.settle()
    for _ in range(runs):
        for way, options in ways.items():
            common = [str(SAMPLE), "--engine", "builtin", "--output", str(place.output())]
            taken[way].append(build([*common, *options]))
    return {"runs": runs} | {
        way: {
            "wall_seconds": round(float(np.median([spent.wall_seconds for spent in spents])), 2),
            "cpu_seconds": round(float(np.median([spent.cpu_seconds for spent in spents])), 2),
        }
        for way, spents in taken.items()
    }


def written(place: Place, dialogues: int) -> dict[str, Any]:
    """Bytes that a build writes, with what is on by default, beside those of its recordings."""
    output = place.output()
    spent = build([place.dialogues(dialogues), "--name", "bench", "--engine", "noise", "--output", str(output)])
    recordings = [path.stat().st_size for path in (output / "bench/data_stereo").rglob("*.wav")]
    seconds = sum(row["duration"] for row in _rows(output / "bench/bench.jsonl"))
    return {
        "dialogues": dialogues,
        "seconds_of_dialogue": round(seconds),
        "recordings_bytes": sum(recordings),
        "written_bytes": spent.written_bytes,
        "write_call_bytes": spent.write_call_bytes,
        "written_per_second_of_dialogue": round(spent.written_bytes / seconds),
        "written_to_recordings": round(spent.written_bytes / sum(recordings), 3),
        "write_calls_to_recordings": round(spent.write_call_bytes / sum(recordings), 3),
    }


def first(place: Place, shards: int, per_shard: int) -> dict[str, Any]:
    """When the first recording lies there, in a build of one lane whose engine takes its time, and the share of the
    wall time in which that engine does not work.
    """
    output, log = place.output(), place.folder / "summary.json"
    options = place.recipe(engine="noise", samples_per_shard=per_shard, noise={"seconds_per_audio_second": COST})
    source = place.dialogues(shards * per_shard)
    place.settle()
    found: list[float] = []
    done = threading.Event()
    begin = time.monotonic()
    watcher = threading.Thread(target=_first_recording, args=(output / "bench/data_stereo", done, found))
    watcher.start()
    spent = build([source, "--name", "bench", *options, "--output", str(output), "--log-format", "json"], log)
    done.set()
    watcher.join()
    summary = json.loads(log.read_text().splitlines()[-1])
    engine = COST * summary["spoken_seconds"]
    return {
        "shards": summary["shards"],
        "dialogues": shards * per_shard,
        "wall_seconds": round(spent.wall_seconds, 1),
        "engine_seconds": round(engine, 1),
        "engine_seconds_of_a_shard": round(engine / summary["shards"], 2),
        "first_recording_seconds": round(found[0] - begin, 2),
        "share_outside_engine": round(1 - engine / spent.wall_seconds, 4),
    }


def loudness(utterances: int) -> dict[str, Any]:
    """The measure of loudness on one core, and how far it is from pyloudnorm's."""
    from moshi_assets.audio.loudness import loudness as ours

    from . import loudness as beside

    sound, rate = beside.speech(max(2, min(60, utterances // 8))), beside.RATES[0]
    pieces = beside.utterances(sound, rate, utterances)
    apart = [abs(ours(piece, rate) - beside.theirs(piece, rate)) for piece in pieces]
    return {
        "utterances": utterances,
        "x_realtime": round(beside.times_real_time(ours, pieces, rate)),
        "pyloudnorm_x_realtime": round(beside.times_real_time(beside.theirs, pieces, rate)),
        "largest_difference_lu": round(max(apart), 4),
    }


def shards(place: Place, dialogues: int, registered: int) -> dict[str, Any]:
    """What looks at a finished dataset, and what registers one more shard."""
    from moshi_assets.resume.finished import unfinished_shards

    from .many_shards import registering

    output = place.output()
    short = place.recipe(engine="noise", noise={"characters_per_second": 200}, worker_count=2)
    build([place.dialogues(dialogues), "--name", "bench", *short, "--output", str(output)])
    store = DatasetStore(output, "bench")
    place.settle()
    begin = time.perf_counter()
    left = unfinished_shards(store, store.recipe())
    taken = time.perf_counter() - begin
    assert left == [], f"{len(left)} shards are not finished"
    return {"dialogues": dialogues, "unfinished_shards_seconds": round(taken, 3)} | {
        f"registering_{registered}": registering(registered)
    }


def memory(place: Place, dialogues: int) -> dict[str, Any]:
    """Peak memory of all processes of a build, for some dialogues and for five times as many."""
    figures: dict[str, Any] = {}
    for count in (dialogues, 5 * dialogues):
        output = place.output()
        short = place.recipe(engine="noise", noise={"characters_per_second": 60}, worker_count=2)
        spent = build([place.dialogues(count), "--name", "bench", *short, "--output", str(output)])
        shutil.rmtree(output)
        figures[f"peak_mib_{count}"] = round(spent.peak_mib, 1)
    few, many = figures.values()
    return figures | {"grown": round(many / few - 1, 3)}


def _first_recording(folder: Path, done: threading.Event, found: list[float]) -> None:
    while not found and not done.wait(0.02):
        with suppress(OSError):  # it does not exist yet
            if next(folder.rglob("*.wav"), None):
                found.append(time.monotonic())


def _times(spent: Spent) -> dict[str, float]:
    return {"wall_seconds": round(spent.wall_seconds, 2), "cpu_seconds": round(spent.cpu_seconds, 2)}


def _rows(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def parts(scale: float) -> dict[str, Callable[[Place], dict[str, Any]]]:
    """The parts by name; `scale` shrinks what they are measured on."""

    def of(count: int) -> int:
        return max(4, round(count * scale))

    return {
        "noise": lambda place: noise(place, of(20_000)),
        "builtin": lambda place: builtin(place, of(600)),
        "sample": lambda place: sample(place, 5 if scale == 1 else 1),
        "written": lambda place: written(place, of(2_000)),
        "first": lambda place: first(place, of(100), 16 if scale == 1 else 2),
        "loudness": lambda place: loudness(of(500)),
        "shards": lambda place: shards(place, of(100_000), of(39_063)),
        "memory": lambda place: memory(place, of(20_000)),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_pass", description=__doc__)
    parser.add_argument("--part", action="append", choices=[*parts(1)], help="may be given again; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual sizes, for a rehearsal")
    options = parser.parse_args(arguments if arguments is not None else [])
    for name in options.part or parts(1):
        print(f"-- {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            measured = parts(options.scale)[name](Place(Path(folder), options.scale != 1))
        kept = RESULTS / "one_pass.json"
        before = json.loads(kept.read_text())["figures"] if kept.exists() else {}
        save("one_pass", "python -m benchmarks.one_pass", before | {name: measured})


if __name__ == "__main__":
    main(sys.argv[1:])
