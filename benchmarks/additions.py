"""What natural turn-taking, word times and judging add to a build: the sample dialogues with and without them.

All builds are whole commands with the built-in voice, run in turn; of each kind the one counts whose processes took
the least CPU time. Wall time varies by more than is asked for. Utterances are measured in all, since the report would
measure them otherwise; what that costs is told by `benchmarks gates`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .alignment import SAMPLE
from .measure import save
from .whole_command import build

TIMES = 5
WAYS = {
    "demo_cpu_seconds": "timing: natural\n",
    "without_transcripts_cpu_seconds": "timing: natural\ntranscripts: false\n",
    "without_cpu_seconds": "transcripts: false\ngates: {enabled: false}\n",
}
"""Recipes by the name of their figure."""


def main(arguments: list[str] | None = None) -> None:
    times = int(arguments[0]) if arguments else TIMES
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        recipe = root / "recipe.yaml"
        command = [str(SAMPLE), "--name", "demo", "--worker-count", "2", "--samples-per-shard", "8"]
        build([*command, "--output", str(root / "first")])  # warms the page cache
        for number in range(times):
            for way, settings in WAYS.items():
                recipe.write_text(settings)
                output = root / f"{number}_{way}"
                taken[way].append(build([*command, "--recipe", str(recipe), "--output", str(output)]).cpu_seconds)
    figures = {way: round(min(seconds), 2) for way, seconds in taken.items()}
    full, spoken, bare = figures.values()
    save(
        "additions",
        "python -m benchmarks additions",
        figures
        | {
            "added_share": round((full - bare) / bare, 4),
            "transcripts_share": round((full - spoken) / spoken, 4),
            "runs_of_each": times,
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
