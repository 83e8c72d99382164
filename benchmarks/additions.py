"""What natural turn-taking, word times and judging add to a build: the sample dialogues with and without them.

Both builds are whole commands with the built-in voice, run in turn; of each the fastest counts. Utterances are measured
in both, since the report would measure them otherwise; what that costs is told by `benchmarks gates`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .alignment import SAMPLE
from .measure import build, save

TIMES = 3
WITH = "timing: natural\n"
WITHOUT = "transcripts: false\ngates: {enabled: false}\n"


def main() -> None:
    seconds: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        recipe = root / "recipe.yaml"
        command = [str(SAMPLE), "--name", "demo", "--worker-count", "2", "--samples-per-shard", "8"]
        for number in range(TIMES + 1):
            for settings, taken in seconds.items():
                recipe.write_text(settings)
                output = root / f"{number}_{len(settings)}"
                wall = build([*command, "--recipe", str(recipe), "--output", str(output)])
                if number:  # the first round warms the page cache
                    taken.append(wall)
    full, bare = min(seconds[WITH]), min(seconds[WITHOUT])
    save(
        "additions",
        "python -m benchmarks additions",
        {
            "demo_seconds": round(full, 2),
            "without_seconds": round(bare, 2),
            "added_share": round((full - bare) / bare, 4),
            "runs_of_each": TIMES,
        },
    )


if __name__ == "__main__":
    main()
