"""The report: what it costs a build of the sample dialogues, and how large its page is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dagster as dg

from moshi_assets.storage.dataset import DatasetStore

from .alignment import SAMPLE
from .measure import build, save


def report_seconds(home: Path) -> float:
    """Wall seconds of the report in the latest materialization of a manifest."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("manifest"))
    assert event and event.asset_materialization
    return float(event.asset_materialization.metadata["report_seconds"].value)  # type: ignore[arg-type]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        command = [str(SAMPLE), "--name", "demo", "--worker-count", "2", "--samples-per-shard", "8", "--output"]
        build([*command, str(root / "warm")])  # byte code, page cache
        wall = build([*command, str(root / "cold")])
        seconds = report_seconds(root / "cold" / ".dagster")
        size = DatasetStore(root / "cold", "demo").report_path.stat().st_size
    save(
        "report",
        "python -m benchmarks report",
        {
            "demo_wall_seconds": round(wall, 2),
            "demo_report_seconds": round(seconds, 2),
            "demo_report_share": round(seconds / wall, 4),
            "page_mb": round(size / 1e6, 2),
        },
    )


if __name__ == "__main__":
    main()
