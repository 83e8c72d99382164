"""All that Dagster loads."""

import dagster as dg

from .assets import ASSETS
from .automation import SCHEDULES, SENSORS
from .executor import lanes_executor
from .jobs import JOBS
from .resources import DataRoot, EngineResource

defs = dg.Definitions(
    assets=ASSETS,
    jobs=JOBS,
    sensors=SENSORS,
    schedules=SCHEDULES,
    resources={"data": DataRoot(), "engines": EngineResource()},
    executor=lanes_executor,
)
