"""Where the command line keeps its Dagster instance."""

from __future__ import annotations

import os
from pathlib import Path

from .files import write_whole

_INSTANCE_YAML = "telemetry:\n  enabled: false\n"


def instance_home(root: Path) -> Path:
    """DAGSTER_HOME when set, else `.dagster` beside the datasets; sets it for child processes."""
    home = Path(os.environ.get("DAGSTER_HOME") or root / ".dagster").expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        write_whole(home / "dagster.yaml", _INSTANCE_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
