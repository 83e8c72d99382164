"""A shard is done when every lane has spoken its share of it; the last of them finds that out, without asking the
others.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from ..storage.dataset import DatasetStore
from ..storage.whole_file import write_whole
from .figures import SpeechFigures


@dataclass
class SpokenShare:
    """What a lane, or all of them, did of a shard."""

    figures: SpeechFigures = field(default_factory=SpeechFigures)
    failures: dict[str, str] = field(default_factory=dict)
    """Dialogue id -> why the engine could not speak it."""
    recorded: list[str] = field(default_factory=list)
    """Paths of the recordings that were written and checked, with their transcripts if these are wanted."""

    def merge(self, other: SpokenShare) -> None:
        """Add another lane's share."""
        self.figures.merge(other.figures)
        self.failures |= other.failures
        self.recorded += other.recorded


_SHARE = TypeAdapter(SpokenShare)


def leave_share(store: DatasetStore, shard: str, lane: int, lanes: int, share: SpokenShare) -> SpokenShare | None:
    """Leave what a lane did of a shard, all of which lies on disk; the last lane is given all of them together.

    One lane alone is ever told that it is the last. The files go away with the progress of the lanes.

    Args:
        store: the dataset.
        shard: shard key.
        lane: number of this lane.
        lanes: how many share the shard.
        share: what the lane did of it.
    """
    if lanes == 1:
        return share
    folder = store.progress_folder
    write_whole(_share_path(folder, shard, lane), json.dumps(asdict(share), default=float), durable=False)
    shares = sorted(folder.glob(f"lane-*.{shard}.share"))
    if len(shares) < lanes or not _is_first(folder / f"lane-last.{shard}"):
        return None
    total = SpokenShare()
    for path in shares:
        total.merge(_SHARE.validate_json(path.read_bytes()))
    return total


def _share_path(folder: Path, shard: str, lane: int) -> Path:
    return folder / f"lane-{lane}.{shard}.share"


def _is_first(mark: Path) -> bool:
    """True for one caller: two lanes may end a shard in the same moment and both see all shares."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
