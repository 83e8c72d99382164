"""Fixtures shared by the tests of moshi_assets."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

for _variable in list(os.environ):  # `make test` exports the project's own instance and data: no test may touch those
    if _variable.startswith(("DAGSTER_", "MOSHI_ASSETS_")):
        del os.environ[_variable]
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
# A shell starts what it puts into the background with SIGINT ignored, and so would be every command that a test
# interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from tests.moshi_assets.support.pipeline import Contested

# Other processes share the machine: a slow example is no failure.
settings.register_profile("moshi_assets", deadline=None)
settings.load_profile("moshi_assets")


@pytest.fixture(scope="session")
def contested(tmp_path_factory: pytest.TempPathFactory) -> "Contested":
    """A build of some seconds on two lanes, and a second one that wanted the same dataset."""
    from tests.moshi_assets.support.pipeline import contested_build  # Dagster, which most tests here do without

    return contested_build(tmp_path_factory.mktemp("contested"))


@pytest.fixture(scope="session")
def instances() -> Iterator[Path]:
    """Folder for Dagster instances: in memory where the system offers that, because SQLite waits for the disk a lot."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="moshi-", dir=memory if os.access(memory, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def empty_instance(instances: Path) -> Path:
    """A Dagster instance on disk in which nothing has happened: to be copied, which is quicker than making one."""
    import dagster as dg  # which most tests here do without

    (instances / "empty").mkdir()
    dg.DagsterInstance.from_config(str(instances / "empty")).dispose()
    return instances / "empty"


@pytest.fixture
def home(instances: Path, empty_instance: Path) -> Iterator[Path]:
    """A fresh Dagster instance on disk."""
    folder = Path(tempfile.mkdtemp(dir=instances))
    shutil.copytree(empty_instance, folder, dirs_exist_ok=True)
    yield folder
    shutil.rmtree(folder)
