"""The recipe as Dagster's launchpad knows it, derived from the model: its editor completes keys and marks a wrong one.

Every setting is optional and has no default here: what is left out comes from the recipe file, or from the model.
Values are judged by the model when the run begins (Dagster's schema knows types, but no limits).
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..recipe import Recipe

_SCALARS = {str: str, int: int, float: float, bool: bool}


def recipe_schema() -> dg.Shape:
    """Schema of a recipe in run config: the fields of `Recipe`, and of the models in it."""
    return _shape(Recipe, "recipe")


def _shape(model: type[BaseModel], name: str) -> dg.Shape:
    """Schema of a model; `name` is its path from the recipe, for types that Dagster wants a name of."""
    return dg.Shape({key: _field(field, f"{name}_{key}") for key, field in model.model_fields.items()})


def _field(field: FieldInfo, name: str) -> dg.Field:
    default = None if field.default is PydanticUndefined else field.default
    plain = isinstance(default, str | int | float) and (default or isinstance(default, bool | int | float))
    told = [field.description or "", f"Default: {default}." if plain else ""]
    return dg.Field(_type(field.annotation, name), is_required=False, description=" ".join(filter(None, told)) or None)


def _type(annotation: Any, name: str) -> Any:
    """Dagster's type of an annotation; Any where Dagster has no type for it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _shape(annotation, name)
    if origin is Literal and all(isinstance(choice, str) for choice in arguments):
        return dg.Enum(name, [dg.EnumValue(choice) for choice in arguments])
    if origin in (Union, types.UnionType):
        return _union([each for each in arguments if each is not type(None)], name, type(None) in arguments)
    if origin in (list, tuple):
        return dg.Array(_type(arguments[0], name))
    if origin in (dict, Mapping):
        return _mapping(arguments[0], arguments[1], name)
    return dg.Any


def _union(members: list[Any], name: str, nullable: bool) -> Any:
    kinds = [_type(member, name) for member in members]
    scalars = [kind for kind in kinds if kind in _SCALARS.values()]
    others = [kind for kind in kinds if kind not in _SCALARS.values()]
    if len(kinds) == 1:
        kind = kinds[0]
    elif len(scalars) == len(others) == 1 and isinstance(others[0], dg.Array | dg.Shape):
        kind = dg.ScalarUnion(scalar_type=scalars[0], non_scalar_schema=others[0])
    else:  # sample_rate: a number or a word
        return dg.Any
    return dg.Noneable(kind) if nullable else kind


def _mapping(key: Any, value: Any, name: str) -> Any:
    if get_origin(key) is Literal:
        return dg.Shape(
            {choice: dg.Field(_type(value, f"{name}_{choice}"), is_required=False) for choice in get_args(key)}
        )
    return dg.Map(str, _type(value, name))
