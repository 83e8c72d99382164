"""A recipe from a mapping or a file, with errors that name the setting and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from indextts.foreign_files import ForeignFileError, read_yaml, shorten, shown

from .recipe import Recipe


class RecipeError(ValueError):
    """A recipe that cannot be used; the message names the setting and the remedy."""


def make_recipe(
    settings: dict[str, Any], recipe_file: str | Path | None = None, of_file: Collection[str] = ()
) -> Recipe:
    """Recipe from a mapping.

    Args:
        settings: by name.
        recipe_file: where those named in `of_file` come from, for messages.
        of_file: names.

    Raises:
        RecipeError: unknown keys or bad values, all of them named.
    """
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        faults = [shorten(_fault(each), _MOST_CHARACTERS) for each in errors[:_MOST_FAULTS]]
        if any(each["loc"][:1] and each["loc"][0] in of_file for each in errors):
            faults[0] = f"recipe {recipe_file}: {faults[0]}"
        if len(errors) > _MOST_FAULTS:
            faults.append(f"and {len(errors) - _MOST_FAULTS} more")
        raise RecipeError("; ".join(faults)) from None


_UNION_MEMBERS = ("int", "literal['native']", "str", "list[str]")


_MOST_FAULTS = 20


_MOST_CHARACTERS = 1500
"""Of one fault; the list of all settings has 800."""


def _fault(error: Any) -> str:
    where = ".".join(shorten(str(part)) for part in error["loc"] if part not in _UNION_MEMBERS)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, Recipe.model_fields, 1)
        advice = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown setting {where!r}{advice} (known: {', '.join(Recipe.model_fields)})"
    if error["type"] == "missing":
        return f"setting {where!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if not where:  # of several settings together
        return message
    value = shown(error["input"])
    return f"{where}: {message}" + ("" if value in message else f" (got {value})")


def read_recipe_settings(path: Path) -> dict[str, Any]:
    """Mapping held by a recipe file (YAML), not yet validated: a recipe on disk may leave out name and source.

    Raises:
        RecipeError: unreadable, not YAML, not a mapping, or written to do harm (see `foreign_files`).
    """
    try:
        settings = read_yaml(path)
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path}: {error.strerror}") from None
    except ForeignFileError as error:
        raise RecipeError(f"recipe {error}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise RecipeError(f"recipe {path} must be a mapping of settings, such as 'gap: 0.5' on a line")
    return settings


def load_recipe(path: Path) -> Recipe:
    """Recipe stored with a dataset.

    Raises:
        RecipeError: missing or damaged.
    """
    settings = read_recipe_settings(path)
    try:
        return make_recipe(settings)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
