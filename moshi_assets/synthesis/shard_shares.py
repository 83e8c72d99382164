"""A shard is done when every lane has spoken its share of it; the last of them finds that out, without asking the
others.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from indextts.foreign_files import parse_json

from ..storage.dataset import DatasetStore
from ..storage.whole_file import write_whole
from .figures import SpeechFigures


def leave_share(
    store: DatasetStore, shard: str, lane: int, lanes: int, figures: SpeechFigures, failures: dict[str, str]
) -> tuple[SpeechFigures, dict[str, str]] | None:
    """Leave what a lane did of a shard, all of which lies on disk; the figures and failures of all lanes for the last
    one.

    One lane alone is ever told that it is the last. The files go away with the progress of the lanes.

    Args:
        store: the dataset.
        shard: shard key.
        lane: number of this lane.
        lanes: how many share the shard.
        figures: what the lane did of it.
        failures: dialogue id -> why the engine could not speak it.
    """
    folder = store.progress_folder
    share = {"figures": asdict(figures), "failures": failures}
    write_whole(_share_path(folder, shard, lane), json.dumps(share, default=float), durable=False)
    shares = sorted(folder.glob(f"lane-*.{shard}.share"))
    if len(shares) < lanes or not _is_first(folder / f"lane-last.{shard}"):
        return None
    total = SpeechFigures()
    reasons: dict[str, str] = {}
    for path in shares:
        share = parse_json(path.read_text(encoding="utf-8"))
        total.merge(SpeechFigures(**share["figures"]))
        reasons |= share["failures"]
    return total, reasons


def _share_path(folder: Path, shard: str, lane: int) -> Path:
    return folder / f"lane-{lane}.{shard}.share"


def _is_first(mark: Path) -> bool:
    """True for one caller: two lanes may end a shard in the same moment and both see all shares."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
