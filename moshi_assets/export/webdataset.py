"""WebDataset shards: tar files with, for each recording, `<key>.wav` and `<key>.json`.

The JSON holds what the columns of a Parquet export hold. Its lists are of one type each: `datasets` reads these shards
too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .samples import Sample
from .shards import ExportError, ShardFile


class WebDatasetFormat:
    """Tar files by the library `webdataset`."""

    suffix = "tar"

    def __init__(self) -> None:
        """
        Raises:
            ExportError: the library is not installed.
        """
        try:
            from webdataset.writer import TarWriter
        except ImportError as error:
            raise ExportError(
                f"--format webdataset needs the package webdataset ({error}): pip install webdataset"
            ) from None
        self._writer = TarWriter

    def open(self, path: Path) -> ShardFile:
        return _TarShard(path, self._writer)


class _TarShard:
    def __init__(self, path: Path, writer: Any) -> None:
        self._file = open(path, "wb")
        # No time of writing: the same dataset gives the same bytes.
        self._tar = writer(self._file, user="", group="", mode=0o644, encoder=False, mtime=0)

    def write(self, sample: Sample) -> None:
        self._tar.write(
            {
                "__key__": sample.key,
                "wav": sample.wav,
                "json": json.dumps(metadata(sample), ensure_ascii=False).encode(),
            }
        )

    def close(self) -> None:
        try:
            self._tar.close()
        finally:
            self._file.close()


def metadata(sample: Sample) -> dict[str, Any]:
    """The JSON of a sample."""
    return {
        "id": sample.key,
        "split": sample.split,
        "path": sample.path,
        "duration": sample.duration,
        "sample_rate": sample.sample_rate,
        "words": sample.words,
        "approximate_words": sample.approximate_words,
        "turns": sample.turns,
    }
