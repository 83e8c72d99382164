"""Resources: the data root, and the engine of a lane process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from ..engines.base import Engine
from ..engines.registry import engine_class
from ..processes.worker import default_device
from ..recipe import Recipe
from ..storage.dataset import DatasetStore

DATA_VARIABLE = "MOSHI_ASSETS_DATA"


def data_root() -> Path:
    """Folder that holds the datasets: MOSHI_ASSETS_DATA, else `data` in the working directory."""
    return Path(os.environ.get(DATA_VARIABLE) or "data").resolve()


class DataRoot(dg.ConfigurableResource):
    """The folder that holds the datasets."""

    path: str = ""
    """Absolute path; empty means MOSHI_ASSETS_DATA, else `data` in the working directory."""

    @property
    def root(self) -> Path:
        return Path(self.path).resolve() if self.path else data_root()

    def store(self, dataset: str) -> DatasetStore:
        """Files of one dataset."""
        return DatasetStore(self.root, dataset)


class EngineResource(dg.ConfigurableResource):
    """The engine of this process: loaded at first use, kept warm until the lane ends."""

    _engine: Engine | None = PrivateAttr(default=None)
    _settings: tuple | None = PrivateAttr(default=None)
    _load_seconds: float = PrivateAttr(default=0.0)

    @property
    def load_seconds(self) -> float:
        """Wall time of the last load."""
        return self._load_seconds

    def engine(self, recipe: Recipe, lane: int) -> Engine:
        """The engine for a recipe; the loaded one is reused if its settings are the same."""
        device = recipe.device or default_device(lane) if recipe.engine == "indextts2" else None
        settings = (recipe.engine, recipe.engine_options, device, recipe.deterministic)
        if settings != self._settings:
            self.close()
            begin = time.monotonic()
            self._engine = engine_class(recipe.engine)(recipe.engine_options, device, recipe.deterministic)
            self._settings, self._load_seconds = settings, time.monotonic() - begin
        assert self._engine is not None
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine, self._settings = None, None

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.close()
