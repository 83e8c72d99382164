"""Sensors and schedules: datasets that start, carry on and mend themselves."""

from .backfill import nightly_backfill, nightly_manifests
from .carry_on import request_manifest, request_shards
from .failures import run_failed
from .inbox import inbox
from .throughput import throughput

SENSORS = [inbox, request_shards, request_manifest, throughput, run_failed]
SCHEDULES = [nightly_backfill, nightly_manifests]

__all__ = [
    "SCHEDULES",
    "SENSORS",
    "inbox",
    "nightly_backfill",
    "nightly_manifests",
    "request_manifest",
    "request_shards",
    "run_failed",
    "throughput",
]
