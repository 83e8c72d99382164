"""Imported by the fork server alone: what every step would import and make, done once before its process is forked."""

from ..processes.imports import imported_quickly

with imported_quickly():
    import upath  # noqa: F401  Dagster needs it to open an instance

    from ..defs import history_storage, step_output  # noqa: F401  named in the settings of a build's instance
    from . import jobs

    jobs.build_shards()
