"""Where a dataset comes from, told without the paths of the machine that made it."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Any

from ..recipe import Recipe
from ..recipe.engines import ENGINE_NAMES


def public_path(text: str, folder: Path) -> str:
    """An absolute path as it may be shown: relative to `folder` where it lies below it, else the file name alone.

    Any other text is returned as it is.
    """
    if text.startswith("/"):
        path = Path(text)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) and path != folder else path.name
    if text.startswith("~") or PureWindowsPath(text).is_absolute():
        return PureWindowsPath(text).name  # splits at both kinds of slash
    return text


def public_settings(recipe: Recipe) -> dict[str, Any]:
    """Every setting of a recipe, paths made public; options of engines that did not speak are left out."""
    folder = recipe.source_folder

    def shown(value: Any) -> Any:
        if isinstance(value, str):
            return public_path(value, folder)
        if isinstance(value, dict):
            return {shown(key): shown(each) for key, each in value.items()}
        if isinstance(value, list):
            return [shown(each) for each in value]
        return value

    settings = recipe.model_dump(mode="json")
    return {key: shown(value) for key, value in settings.items() if key not in ENGINE_NAMES or key == recipe.engine}
