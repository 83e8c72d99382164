"""The Dagster definitions of this project, all together."""

import warnings

import dagster as dg

from .defs.assets import ASSETS
from .defs.automation import SCHEDULES, SENSORS
from .defs.executor import lanes_executor
from .defs.jobs import JOBS
from .defs.resources import DataRoot, EngineResource

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
