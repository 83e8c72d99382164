"""Fixtures shared by the tests of moshi_assets."""

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

for _variable in list(os.environ):  # `make test` exports the project's own instance and data: no test may touch those
    if _variable.startswith(("DAGSTER_", "MOSHI_ASSETS_")):
        del os.environ[_variable]
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
# A shell starts what it puts into the background with SIGINT ignored, and so would be every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from pipeline import Contested

# Other processes share the machine: a slow example is no failure.
settings.register_profile("moshi_assets", deadline=None)
settings.load_profile("moshi_assets")


@pytest.fixture(scope="session")
def contested(tmp_path_factory: pytest.TempPathFactory) -> "Contested":
    """A build of some seconds on two lanes, and a second one that wanted the same dataset."""
    from pipeline import contested_build  # Dagster, which most tests here do without

    return contested_build(tmp_path_factory.mktemp("contested"))
