"""What a report is made from, apart from its sound, gathered shard by shard: memory is that of one shard."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from ...recipe import Recipe
from ...stereo.index import read_index
from ...storage.dataset import DatasetError, DatasetStore
from ...synthesis.speed_log import ShardSpeed, read_speed
from ..dataset_figures import DatasetFigures
from ..shard_content import ShardContent, read_shard
from .picks import RandomPicks, UnusualPicks

logger = logging.getLogger(__name__)

SAMPLES = 6
"""Random recordings in a page, and as many of the most unusual."""
MAX_SAMPLES = 50
MEASURED_RECORDINGS = 50
"""Recordings that are measured where a shard has no quality table: reading all of a large dataset would take hours."""
MAX_PROBLEMS = 20


@dataclass
class ReportMaterial:
    """Figures of a dataset, and the recordings that its report plays."""

    store: DatasetStore
    recipe: Recipe
    samples: int = SAMPLES
    """Recordings at random, and as many of the most unusual."""
    seed: int = 0
    """Seed of the random choice."""
    figures: DatasetFigures = field(default_factory=DatasetFigures)
    speeds: list[ShardSpeed] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What could not be read, the first `MAX_PROBLEMS`."""
    unmeasured: set[str] = field(default_factory=set)
    """Shards without a quality table, or with gates that are off."""

    def __post_init__(self) -> None:
        if not 0 <= self.samples <= MAX_SAMPLES:
            raise ValueError(
                f"samples must lie between 0 and {MAX_SAMPLES} (got {self.samples}): all of them are in the page"
            )
        self.random = RandomPicks(max(self.samples, MEASURED_RECORDINGS), self.seed)
        self.unusual = UnusualPicks(self.samples)
        self.shards = len(self.store.shards())
        self.parsed = self.store.summary()

    def problem(self, message: object) -> None:
        """Note something that could not be read. Folders are left out: a page is shown to others."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(str(message).replace(str(self.store.folder), self.store.name))

    def add(self, shard: ShardContent) -> None:
        """Count a shard and consider its recordings."""
        self.figures.add(shard)
        for problem in shard.problems:
            self.problem(problem)
        if (speed := read_speed(self.store, shard.name)) is not None:
            self.speeds.append(speed)
        if not shard.measured:
            self.unmeasured.add(shard.name)
        self.random.add(shard)
        self.unusual.add(shard)


def gather(store: DatasetStore, samples: int = SAMPLES, seed: int = 0) -> ReportMaterial:
    """The material of a dataset that may be unfinished or damaged: what cannot be read becomes a problem, no error.

    Args:
        store: the dataset.
        samples, seed: of the `ReportMaterial`.

    Raises:
        DatasetError: there is no dataset in that folder, or it was never parsed.
        RecipeError: its recipe cannot be read.
        ValueError: so many samples are not allowed.
    """
    recipe = store.recipe()
    material = ReportMaterial(store, recipe, samples, seed)
    unread = []
    for name in store.shards():
        if indexed := read_index(store.index_path(name)):
            material.add(read_shard(store, recipe, name, indexed))
        else:
            unread.append(name)
    if unread:
        material.problem(
            f"{len(unread)} of {material.shards} shards have no readable index of recordings ({unread[0]} to "
            f"{unread[-1]}): they are not built yet, or damaged, and not in these figures"
        )
    try:
        material.figures.add_rejects(store)
    except (DatasetError, OSError, ValueError) as error:
        material.problem(error)
    return material
