"""The manifests, for training and evaluation: one row a recording, in input order, published whole."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..dialogues.dialogue import EVAL, REJECT_EXCERPT, TRAIN, Reject
from ..dialogues.files.records import placed
from ..reading import SpokenText
from ..recipe import Recipe
from ..stereo.index import indexed_recordings, indexed_shards
from ..stereo.recording import Recording
from ..storage.dataset import DatasetError, DatasetStore
from ..transcripts.stage import transcripts_are_current
from ..transcripts.transcript import transcript_path
from .card.write import dataset_card, write_card
from .dataset_figures import DatasetFigures
from .manifest import ManifestWriter
from .report.material import ReportMaterial
from .shard_content import ShardContent, read_shard


@dataclass
class ManifestFigures:
    """What was published."""

    report: ReportMaterial
    """The figures of the dataset, and what its report is to be made from."""
    rows: int = 0
    """Rows of both manifests."""
    eval_rows: int = 0
    """Rows of the evaluation manifest."""
    rejected: int = 0
    """Dialogues that could not be spoken."""
    removed_files: int = 0

    @property
    def dataset(self) -> DatasetFigures:
        """The figures of the dataset."""
        return self.report.figures


def publish_manifest(store: DatasetStore, recipe: Recipe) -> ManifestFigures:
    """Write the manifests, the card and the final rejects; remove recordings and shards that no longer belong to the
    dataset. All shards are read once, for the report too.

    Raises:
        DatasetError: shards are not finished or out of date, a recording failed its checks, or no dialogue at all could
            be spoken, or none is left to train on.
    """
    store.check_complete()
    figures = ManifestFigures(ReportMaterial(store, recipe))
    late: list[Reject] = []
    with ManifestWriter(store, recipe.buffer_size) as manifests:
        for name, recordings in indexed_shards(store, recipe):
            if not transcripts_are_current(store, recipe, name, recordings):
                raise DatasetError(
                    f"the transcripts of {name} are missing, out of date or faulty: materialize transcripts for it "
                    f"first"
                )
            shard = read_shard(store, recipe, name, recordings)
            if shard.problems:
                raise DatasetError(shard.problems[0])
            late += _late_rejects(store, shard, recordings)
            figures.report.add(shard)
            for recording in shard.recordings:
                if recording.fault is not None:
                    raise DatasetError(
                        f"{recording.path} must not be trained on: {recording.fault}. Take its line "
                        f"({', '.join(map(str, recording.lines))}) out of the input or change its text, voice or the "
                        f"seed, and build again"
                    )
                manifests.add(recording.split, recording.path, recording.duration)
        figures.rejected = store.replace_late_rejects(late)
        figures.rows, figures.eval_rows = sum(manifests.rows.values()), manifests.rows[EVAL]
        if not figures.rows:
            raise DatasetError(f"no dialogue of {store.name!r} could be spoken: see {store.rejects_path}")
        if not manifests.rows[TRAIN]:
            raise DatasetError(
                f"all {figures.rows} recordings of {store.name!r} are kept for evaluation, none is left to train on: "
                f"lower eval_fraction or eval_count, or add dialogues"
            )
        figures.dataset.add_rejects(store)
        write_card(store.card_path, dataset_card(store, recipe, figures.dataset))
        manifests.publish()  # last: a dataset with a current manifest has everything else
    figures.removed_files = remove_strays(store, recipe, figures.rows)
    store.remove_stale_shards()  # not earlier: the shards that are left take over audio from them
    return figures


def _late_rejects(store: DatasetStore, shard: ShardContent, indexed: list[Recording]) -> list[Reject]:
    """Dialogues of a shard that could not be spoken, with their texts."""
    failed = [recording for recording in indexed if recording.failure is not None]
    files = store.summary().files if failed else []
    return [
        placed(
            Reject(line, r.failure or "", _excerpt(shard.texts[dialogue_id]), dialogue_id, "synthesis"),
            files,
        )
        for r in failed
        for line, dialogue_id in zip(r.lines, r.dialogue_ids, strict=True)
    ]


def _excerpt(turns: list[SpokenText]) -> str:
    return " | ".join(turn.text for turn in turns)[:REJECT_EXCERPT]


def remove_strays(store: DatasetStore, recipe: Recipe, recordings: int) -> int:
    """Remove what lies below data_stereo/ and belongs to no recording (dialogues taken out of the input); return how
    many.

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
