"""All that Dagster loads."""

import warnings

import dagster as dg

from .assets import ASSETS
from .automation import SCHEDULES, SENSORS
from .executor import lanes_executor
from .jobs import JOBS
from .resources import DataRoot, EngineResource

# Marked beta, once per asset and process: links to the code need nothing else.
warnings.filterwarnings("ignore", message=".*(source_code_references|CodeReference)", category=dg.BetaWarning)

defs = dg.Definitions(
    assets=dg.with_source_code_references(ASSETS),
    jobs=JOBS,
    sensors=SENSORS,
    schedules=SCHEDULES,
    resources={"data": DataRoot(), "engines": EngineResource()},
    executor=lanes_executor,
)
