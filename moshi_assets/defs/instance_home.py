"""The location and the settings of the Dagster instance that keeps the history of the datasets."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..storage.whole_file import write_whole

SETTINGS = Path(__file__).parent.parent / "dagster.yaml"
"""Settings of a new instance: run queue and its limits, run monitoring, no telemetry."""
_MARK = "# Written by moshi-assets, which keeps this file up to date until you change it. "
_FIRST_SETTINGS = "telemetry:\n  enabled: false\n"
"""What the first version wrote, without a mark."""


def instance_home(root: Path) -> Path:
    """DAGSTER_HOME when set, else `.dagster` beside the datasets in `root`; sets it for this process and its children.

    The folder is made where it is missing. Its `dagster.yaml` gets this version's settings, unless somebody wrote or
    changed it.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or root / ".dagster").expanduser().resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        named = "DAGSTER_HOME names" if os.environ.get("DAGSTER_HOME") else "the history's place is"
        raise OSError(f"{named} {home}, which cannot be a folder: {error.strerror}; choose another place") from error
    path, settings = home / "dagster.yaml", _marked(SETTINGS.read_text(encoding="utf-8"))
    present = path.read_text(encoding="utf-8") if path.exists() else None
    if present != settings and (present is None or _is_ours(present)):
        write_whole(path, settings)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def existing_home(root: Path) -> Path | None:
    """The same folder where there is a history in it, else None; nothing is made."""
    home = Path(os.environ.get("DAGSTER_HOME") or root / ".dagster").expanduser().resolve()
    if not (home / "dagster.yaml").is_file():
        return None
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _marked(settings: str) -> str:
    """Settings below a first line with their checksum, which later shows whether they were changed."""
    return f"{_MARK}({hashlib.sha256(settings.encode()).hexdigest()[:16]})\n{settings}"


def _is_ours(text: str) -> bool:
    return text == _FIRST_SETTINGS or (text.startswith(_MARK) and text == _marked(text.partition("\n")[2]))
