"""The settings of a dataset."""

from .reading import RecipeError, load_recipe, make_recipe, read_recipe_settings
from .recipe import Recipe

__all__ = ["Recipe", "RecipeError", "load_recipe", "make_recipe", "read_recipe_settings"]
