"""What a shard's transcripts hold in all: a small file, so that nobody has to read thousands to know it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from indextts.foreign_files import parse_json

from ..storage.whole_file import write_whole


@dataclass
class TranscriptSummary:
    """Counts over the transcripts of a shard."""

    key: str = ""
    """Hash of the keys of all of them: what they were made from."""
    recordings: int = 0
    words: int = 0
    assistant_words: int = 0
    shared_slots: int = 0
    """Words of the assistant whose text the next one overwrites: both start in one 80 ms slot."""
    turns_by_method: Counter[str] = field(default_factory=Counter)
    """Turns by the aligner that found their words."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with them, the first few."""
    speed: dict[str, float] = field(default_factory=dict, compare=False)
    """Speech aligned and what it took, the last time that any was; tells nothing of what they hold."""

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(vars(self), ensure_ascii=False, indent=1))


def read_summary(path: Path) -> TranscriptSummary:
    """The summary in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    document = parse_json(path.read_text(encoding="utf-8"))
    try:
        return TranscriptSummary(
            str(document["key"]),
            int(document["recordings"]),
            int(document["words"]),
            int(document["assistant_words"]),
            int(document["shared_slots"]),
            Counter({str(method): int(count) for method, count in document["turns_by_method"].items()}),
            [str(fault) for fault in document["faults"]],
            {str(name): float(value) for name, value in document["speed"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no summary of transcripts ({type(error).__name__}: {error})") from None


def shard_key(keys: Iterable[str]) -> str:
    """The key of a shard whose transcripts have these, in the index's order."""
    return hashlib.blake2b("".join(keys).encode(), digest_size=16).hexdigest()
