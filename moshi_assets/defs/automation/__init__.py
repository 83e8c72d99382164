"""Sensors and schedules that start, continue and repair datasets."""

from .dead_runs import dead_runs
from .follow_up import request_manifest, request_shards
from .inbox import inbox
from .nightly import nightly_backfill, nightly_manifests
from .run_failed import run_failed
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
