"""Tags that this project sets on runs, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

DATASET_TAG = "moshi_assets/dataset"
"""Dataset that a run works on; the run queue lets one run at a time into each."""
DRIVER_TAG = "moshi_assets/driver"
"""`command-line` when `moshi-assets build` drives the dataset, so that the sensors leave it alone."""
BUILD_TAG = "moshi_assets/build"
"""Identity of a command-line build: its runs share the dataset's lock."""
GPU_TAG = "moshi_assets/gpu"
"""Set on runs that load an engine; the run queue lets one of them run at a time."""
COMMAND_LINE = "command-line"


def lock_owner(tags: Mapping[str, str], run_id: str) -> str:
    """Who holds the dataset while a step of this run works in it."""
    return f"build {tags[BUILD_TAG]}" if BUILD_TAG in tags else f"run {run_id}"
