"""The tags that this project sets on runs."""

from __future__ import annotations

from collections.abc import Mapping

DATASET_TAG = "moshi_assets/dataset"
"""The dataset of a run; the run queue lets only one run at a time into each dataset."""
DRIVER_TAG = "moshi_assets/driver"
"""`command-line` if `moshi-assets build` drives the dataset; sensors ignore such runs."""
BUILD_TAG = "moshi_assets/build"
"""Identity of a command-line build: its runs share the dataset's lock."""
GPU_TAG = "moshi_assets/gpu"
"""Tag of runs that load an engine; the run queue lets one of them run at a time."""
COMMAND_LINE = "command-line"


def is_driven(tags: Mapping[str, str]) -> bool:
    """Whether `moshi-assets build` started the run, and the ones that are to follow."""
    return tags.get(DRIVER_TAG) == COMMAND_LINE


def lock_owner(tags: Mapping[str, str], run_id: str) -> str:
    """Owner of the dataset's lock while a step of this run works in it."""
    return f"build {tags[BUILD_TAG]}" if BUILD_TAG in tags else f"run {run_id}"
