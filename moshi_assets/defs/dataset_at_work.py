"""A dataset while a step works in it: its files, its recipe, its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import dagster as dg

from ..recipe import Recipe
from ..storage.dataset import DatasetStore
from ..storage.lock import dataset_lock
from .resources import DataRoot
from .run_tags import lock_owner


class DatasetAtWork(NamedTuple):
    """A dataset whose lock this step's run holds."""

    store: DatasetStore
    recipe: Recipe


@contextmanager
def dataset_at_work(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, data: DataRoot, dataset: str
) -> Iterator[DatasetAtWork]:
    """Hold a dataset for this step's run.

    Raises:
        DatasetError: there is no such dataset.
        DatasetBusy: another build holds it.
    """
    store = data.store(dataset)
    recipe = store.recipe()
    with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
        yield DatasetAtWork(store, recipe)
