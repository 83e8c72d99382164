"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def data_folder(help: str) -> Callable[[Any], Any]:
    """Add `--output`, the folder that holds the datasets; default: MOSHI_ASSETS_DATA, else `data`."""
    return click.option(
        "--output",
        "-o",
        type=click.Path(file_okay=False, path_type=Path),
        default="data",
        envvar="MOSHI_ASSETS_DATA",
        show_default=True,
        help=help,
    )
