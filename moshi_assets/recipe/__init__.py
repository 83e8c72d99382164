"""Every setting of a dataset, and nothing but settings."""

from .recipe import Recipe, RecipeError, load_recipe, make_recipe, read_recipe_settings

__all__ = ["Recipe", "RecipeError", "load_recipe", "make_recipe", "read_recipe_settings"]
