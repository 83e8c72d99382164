"""Sensors and schedules: datasets that start, carry on and mend themselves."""

from .backfill import nightly_backfill, nightly_manifests
from .carry_on import request_manifest, request_shards
from .dead_runs import dead_runs
from .failures import run_failed
from .inbox import inbox
from .throughput import throughput

SENSORS = [inbox, request_shards, request_manifest, throughput, run_failed, dead_runs]
SCHEDULES = [nightly_backfill, nightly_manifests]

__all__ = [
    "SCHEDULES",
    "SENSORS",
    "dead_runs",
    "inbox",
    "nightly_backfill",
    "nightly_manifests",
    "request_manifest",
    "request_shards",
    "run_failed",
    "throughput",
]
