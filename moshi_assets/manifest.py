"""The manifest: one row a recording, in input order, published whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from .dialogue import REJECT_EXCERPT, Reject
from .files import whole_file
from .recipe import Recipe
from .stereo import Recording
from .store import DatasetError, DatasetStore, dialogue_texts
from .transcript_file import transcript_path
from .transcripts import transcripts_are_current
from .verify import indexed_recordings, indexed_shards


@dataclass
class ManifestFigures:
    """What the manifest holds."""

    rows: int = 0
    rejected: int = 0
    audio_seconds: float = 0.0
    removed_files: int = 0


def manifest_row(path: str, duration: float) -> str:
    """One line of the manifest."""
    return json.dumps({"path": path, "duration": duration}, ensure_ascii=False) + "\n"


def publish_manifest(store: DatasetStore, recipe: Recipe) -> ManifestFigures:
    """Write the manifest and the final rejects; remove recordings and shards that no longer belong to the dataset.

    Raises:
        DatasetError: shards are not finished or out of date, a recording failed its checks, or no dialogue at all could
            be spoken.
    """
    figures = ManifestFigures()
    late: list[Reject] = []
    buffer: list[str] = []
    with whole_file(store.manifest_path, durable=True) as partial:
        with open(partial, "w", encoding="utf-8", newline="\n") as out:
            for shard, recordings in indexed_shards(store, recipe):
                if not transcripts_are_current(store, recipe, shard, recordings):
                    raise DatasetError(
                        f"the transcripts of {shard} are missing, out of date or faulty: materialize transcripts for it first"
                    )
                late += _late_rejects(store, shard, recordings)
                for recording in recordings:
                    if recording.failure is not None:
                        continue
                    if recording.fault is not None:
                        raise DatasetError(
                            f"{recording.path} must not be trained on: {recording.fault}. Take its line "
                            f"({', '.join(map(str, recording.lines))}) out of the input or change its text, voice or the seed, and build again"
                        )
                    buffer.append(manifest_row(recording.path, recording.duration))
                    figures.rows += 1
                    figures.audio_seconds += recording.duration
                    if len(buffer) >= recipe.buffer_size:
                        out.write("".join(buffer))
                        buffer.clear()
            out.write("".join(buffer))
        figures.rejected = store.replace_late_rejects(late)
        if not figures.rows:
            raise DatasetError(f"no dialogue of {store.name!r} could be spoken: see {store.rejects_path}")
    figures.removed_files = remove_strays(store, recipe, figures.rows)
    store.remove_stale_shards()  # not earlier: the shards that are left take over audio from them
    return figures


def _late_rejects(store: DatasetStore, shard: str, recordings: list[Recording]) -> list[Reject]:
    """Dialogues of a shard that could not be spoken, with their texts."""
    failed = [recording for recording in recordings if recording.failure is not None]
    texts = dialogue_texts(store.tasks(shard)) if failed else {}
    return [
        Reject(line, r.failure or "", " | ".join(texts[dialogue_id])[:REJECT_EXCERPT], dialogue_id, "synthesis")
        for r in failed
        for line, dialogue_id in zip(r.lines, r.dialogue_ids)
    ]


def remove_strays(store: DatasetStore, recipe: Recipe, recordings: int) -> int:
    """Remove what lies below data_stereo/ and belongs to no recording (dialogues taken out of the input); return how many.

    Args:
        store, recipe: the dataset.
        recordings: how many it holds; where the files are as many as they should be, none is looked at.
    """
    files = [os.path.join(folder, name) for folder, _, names in os.walk(store.stereo_folder) for name in names]
    if len(files) == recordings * (2 if recipe.transcripts else 1):
        return 0
    listed = {str(store.folder / r.path) for r in indexed_recordings(store) if r.failure is None}
    if recipe.transcripts:
        listed |= {transcript_path(path) for path in listed}
    strays = [path for path in files if path not in listed]
    for path in strays:
        os.unlink(path)
    for folder, _, _ in os.walk(store.stereo_folder, topdown=False):
        if folder != str(store.stereo_folder) and not os.listdir(folder):
            os.rmdir(folder)
    return len(strays)
