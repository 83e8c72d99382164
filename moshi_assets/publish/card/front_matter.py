"""The YAML in front of a card, from which the Hugging Face Hub and `datasets` read licence, language and data files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ...recipe import Recipe
from ...recipe.card import UNSPECIFIED
from ..dataset_figures import DatasetFigures
from .markdown import visible

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_SPOKEN = {"builtin": ["en"]}
"""Languages of engines that support only one."""


def front_matter(recipe: Recipe, figures: DatasetFigures, data_files: Mapping[str, str]) -> str:
    """Metadata of the card between its `---` lines.

    Args:
        recipe, figures: of the dataset.
        data_files: path or pattern of each split's files, relative to the card.
    """
    card = recipe.card
    data: dict[str, Any] = {"pretty_name": visible(card.title or recipe.name), "license": card.license}
    if card.license == "other":
        data["license_name"] = visible(card.license_name).lower().replace(" ", "-") or UNSPECIFIED
        if card.license_link:
            data["license_link"] = visible(card.license_link, 500)
    if languages := card.languages or _SPOKEN.get(recipe.engine, []):
        data["language"] = languages
    data |= {
        "task_categories": ["audio-to-audio", "automatic-speech-recognition"],
        "annotations_creators": ["machine-generated"],
        "tags": ["moshi", "moshi-finetune", "spoken-dialogue", "full-duplex", "speech", "synthetic"],
        "size_categories": [size_category(figures.recordings)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": path} for split, path in data_files.items()],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)}---\n"


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "10M<n<100M")
