"""The settings of a recipe as options of a command, made from the recipe's own fields."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..recipe import Recipe
from ..recipe.engines import IndexTTS2Options

NOT_OPTIONS = frozenset({"source"})
"""Recipe fields that the command sets in another way."""
INDEXTTS2_OPTIONS = (
    "cfg_path",
    "model_dir",
    "use_fp16",
    "use_cuda_kernel",
    "use_accel",
    "use_torch_compile",
    "use_deepspeed",
)
"""Options of the engine that have a flag; the others are set in a recipe file."""

Command = Callable[..., Any]


def recipe_options(command: Command) -> Command:
    """Give a click command an option for every setting of a recipe that a command line can hold.

    An option that is not given is None (or an empty tuple), so that it overrides nothing.
    """
    made = [_option(name, field) for name, field in Recipe.model_fields.items() if name not in NOT_OPTIONS]
    made += [_option(name, IndexTTS2Options.model_fields[name], "indextts2: ") for name in INDEXTTS2_OPTIONS]
    for option in reversed([option for option in made if option is not None]):
        command = option(command)
    return command


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given as options, those of indextts2 below the engine's name."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    settings = {name: _one_or_several(value) for name, value in given.items() if name in Recipe.model_fields}
    engine = {name: value for name, value in given.items() if name in INDEXTTS2_OPTIONS}
    return settings | ({"indextts2": engine} if engine else {})


def _one_or_several(value: Any) -> Any:
    return (list(value) if len(value) > 1 else value[0]) if isinstance(value, tuple) else value


def _option(name: str, field: FieldInfo, prefix: str = "") -> Callable[[Command], Command] | None:
    """The option of one setting; None for a group of settings, which can only be set in a file."""
    kinds = _kinds(field.annotation)
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return None
    flag, text = "--" + name.replace("_", "-"), prefix + _help(field)
    if bool in kinds:
        return click.option(f"{flag}/--no{flag[1:]}", default=None, help=text)
    if any(get_origin(kind) is list for kind in kinds):
        return click.option(flag, multiple=True, help=text + " Several times: a pool.")
    choices = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    (kind,) = [kind for kind in kinds if kind in (int, float)] or [str]
    if not choices:
        return click.option(flag, type=kind, help=text)
    # The recipe itself refuses other values, and says which one was meant.
    metavar = "|".join(["NUMBER"] * (kind is not str) + choices)
    return click.option(flag, metavar=metavar, help=text)


def _kinds(annotation: Any) -> list[Any]:
    """The types that a setting may have, without None."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return [kind for kind in members if kind is not NoneType]


def _help(field: FieldInfo) -> str:
    """Description and default of a setting."""
    default = field.get_default(call_default_factory=True)
    described = field.description or ""
    if default is None or isinstance(default, bool | BaseModel | dict) or field.is_required():
        return described + (f" [default: {'on' if default else 'off'}]" if isinstance(default, bool) else "")
    return f"{described} [default: {default}]"
