"""The recipe in the launchpad: the same keys as the model's, by Dagster's own validation."""

from typing import Any, get_args

import dagster as dg
import pytest
import yaml
from pydantic import BaseModel

from moshi_assets.definitions import defs
from moshi_assets.defs.recipe_config import recipe_schema
from moshi_assets.recipe import Recipe, make_recipe
from tests.moshi_assets.support.pipeline import REPOSITORY

RECIPES = sorted((REPOSITORY / "examples" / "recipes").glob("*.yaml"))


def problems(recipe: Any) -> str:
    """What Dagster says against a recipe in the run config of `parse_dataset`; empty where it accepts it."""
    config = {"ops": {"synthesis_tasks": {"config": {"recipe": recipe}}}}
    try:
        dg.validate_run_config(defs.resolve_job_def("parse_dataset"), config)
    except dg.DagsterInvalidConfigError as error:
        return str(error)
    return ""


def keys_of_model(model: type[BaseModel]) -> dict[str, Any]:
    """Keys of a model, and of the models in it."""
    found = {}
    for name, field in model.model_fields.items():
        models = [each for each in (field.annotation, *get_args(field.annotation)) if isinstance(each, type)]
        nested = [each for each in models if issubclass(each, BaseModel)]
        found[name] = keys_of_model(nested[0]) if nested else None
    return found


def keys_of_schema(schema: dg.Shape) -> dict[str, Any]:
    found = {}
    for name, field in schema.fields.items():
        kind = getattr(field.config_type, "inner_type", field.config_type)
        found[name] = keys_of_schema(kind) if isinstance(kind, dg.Shape) and name != "precision" else None
    return found


def test_the_schema_has_the_keys_of_the_model_and_no_others():
    assert keys_of_schema(recipe_schema()) == keys_of_model(Recipe)


def test_a_typo_is_marked_with_the_keys_that_there_are():
    assert 'unexpected config entry "gapp"' in problems({"gapp": 1.0})
    assert "gap" in problems({"gapp": 1.0}).partition("Expected")[2]


@pytest.mark.parametrize("nested", [{"gates": {"max_werr": 0.5}}, {"indextts2": {"beams": 3}}, {"card": {"name": "x"}}])
def test_a_typo_in_a_nested_model_is_marked(nested):
    assert "unexpected config entry" in problems(nested)


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"gap": 1, "worker_count": 2},
        {"engine": "noise", "noise": {"seconds_per_call": 0}},
        {"user_voice": "heart"},
        {"user_voice": ["a.wav", "b.wav"], "assistant_voice": None},
        {"sample_rate": "native"},
        {"sample_rate": 16000},
        {"user_emotion": {"emo_vector": [0.1] * 8}},
        {"indextts2": {"precision": {"gpt": "bf16"}, "generation": {"temperature": 0.8, "max_mel_tokens": 800}}},
    ],
    ids=str,
)
def test_what_the_model_accepts_is_accepted(recipe):
    assert problems(recipe) == ""


@pytest.mark.parametrize("recipe", [{"gap": "wide"}, {"engine": "espeak"}, {"worker_count": 1.5}], ids=str)
def test_a_value_of_another_type_is_marked(recipe):
    assert problems(recipe) != ""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_examples_are_accepted(path):
    assert problems(yaml.safe_load(path.read_text())) == ""


def test_a_whole_recipe_as_the_command_line_sends_it_is_accepted():
    recipe = make_recipe({"name": "talks", "source": "/talks.jsonl"})

    assert problems(recipe.model_dump(mode="json", exclude_none=True)) == ""


def test_what_is_left_out_is_not_filled_in():
    config = {"ops": {"synthesis_tasks": {"config": {"recipe": {"gap": 1.0}}}}}
    resolved = dg.validate_run_config(defs.resolve_job_def("parse_dataset"), config)

    assert resolved["ops"]["synthesis_tasks"]["config"] == {"recipe": {"gap": 1.0}}
