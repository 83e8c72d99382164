"""The manifests of a dataset that is still being made: what is finished can be trained on."""

from __future__ import annotations

import os

from ..dialogues.dialogue import TRAIN
from ..recipe import Recipe
from ..resume.finished import is_finished
from ..stereo.index import read_index
from ..storage.dataset import DatasetStore
from .manifest import ManifestWriter, manifest_paths


def publish_so_far(store: DatasetStore, recipe: Recipe) -> int:
    """Write the manifests of the finished shards, in input order, and return how many rows they have.

    Where nothing is left to train on, the earlier manifests stay. The files bear an old date: they are not taken for
    those of the whole dataset.
    """
    with ManifestWriter(store, recipe.buffer_size) as manifests:
        for shard in store.shards():
            if is_finished(store, recipe, shard):
                for recording in read_index(store.index_path(shard)):
                    if recording.failure is None:
                        manifests.add(recording.split, recording.path, recording.duration)
        if not manifests.rows[TRAIN]:
            return 0
        manifests.publish()
    for path in manifest_paths(store).values():
        if path.is_file():
            os.utime(path, (0, 0))
    return sum(manifests.rows.values())
