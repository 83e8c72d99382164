"""Fixtures shared by the tests of moshi_assets."""

import os

from hypothesis import settings

for _variable in list(os.environ):  # `make test` exports the project's own instance and data: no test may touch those
    if _variable.startswith(("DAGSTER_", "MOSHI_ASSETS_")):
        del os.environ[_variable]
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"

# Other processes share the machine: a slow example is no failure.
settings.register_profile("moshi_assets", deadline=None)
settings.load_profile("moshi_assets")
