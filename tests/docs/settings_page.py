"""The page of settings, written from the recipe's own descriptions. To renew it:

python tests/docs/settings_page.py > docs/settings.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from moshi_assets.cli.main import cli
from moshi_assets.recipe import Recipe

Fields = dict[str, FieldInfo]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
HEAD = """# Settings

Every setting is a key of a recipe file (`--recipe FILE.yaml`, [examples](../examples/recipes)); most are a flag of `moshi-assets build`, too
(`--samples-per-shard 128`). Flags override the file, and an unknown key is an error. The recipe is stored with the data, so shards
that are built later from the UI need no configuration.

<!-- Written by tests/docs/settings_page.py from the recipe: edit the descriptions there. -->
"""  # noqa: E501
OWN_FLAGS = """
## Flags that are no settings

These belong to one call and are not stored: {flags}.
"""


def settings_page() -> str:
    """The whole page, in Markdown."""
    command = cli.commands["build"]
    flags = {option.name: option for option in command.params if isinstance(option, click.Option)}
    fields = Recipe.model_fields
    parts, known = [HEAD, _table(_simple(fields), flags)], set(fields)
    for name, field, model in _groups(fields):
        parts.append(f"\n## {name}\n\n{_sentence(field.description)}\n\n{_table(_simple(model), flags, name)}")
        known |= set(model)
    own = [option.opts[0] for name, option in flags.items() if name not in {*known, "recipe_file"}]
    parts.append(OWN_FLAGS.format(flags=", ".join(f"`{flag}`" for flag in own)))
    return "".join(parts)


def _simple(fields: Fields) -> Fields:
    """Those that hold no settings of their own."""
    return {name: field for name, field in fields.items() if not _is_group(field)}


def _groups(fields: Fields, path: str = "") -> Iterator[tuple[str, FieldInfo, Fields]]:
    """Those that do, and what is in them: path, field and fields of each, however deep."""
    for name, field in fields.items():
        if _is_group(field) and (inner := field.annotation.model_fields):
            yield path + name, field, inner
            yield from _groups(inner, f"{path}{name}.")


def _is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _table(fields: dict[str, FieldInfo], flags: dict[str, click.Option], section: str = "") -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in fields.items():
        option = flags.get(name) if not section or section == "indextts2" else None
        flag = f" `{option.opts[0]}`" if option else ""
        lines.append(f"| `{name}`{flag} | {_default(field)} | {_sentence(field.description)}{_bounds(field)} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if field.is_required():
        return "needed"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`" if value not in ({}, []) and not isinstance(value, BaseModel) else "none"


def _bounds(field: FieldInfo) -> str:
    """The values that are allowed, where the type says more than a description."""
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if choices:
        return " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    limits = {}
    for limit in field.metadata:
        for sign in ("ge", "gt", "le", "lt"):
            if hasattr(limit, sign):
                limits[sign] = getattr(limit, sign)
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    said = [f"{words[sign]} {limit:g}" for sign, limit in limits.items() if limit < 2**31]
    return f" {' and '.join(said).capitalize()}." if said else ""


def _sentence(text: str | None) -> str:
    """A description as it stands in a cell of a table."""
    assert text, "every setting has a description"
    said = re.sub(r"\s+", " ", text).strip().replace("|", r"\|")
    said = said[0].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else said + "."


if __name__ == "__main__":
    print(settings_page(), end="")
