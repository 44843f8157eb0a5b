"""A whole experiment as one typed object, read from TOML and written back."""

from hardneg.recipe.files import shipped_recipes
from hardneg.recipe.presets import shipped_presets
from hardneg.recipe.recipe import Recipe
from hardneg.recipe.settings import DatasetSettings, EvaluateSettings, FromCode, FromPath, FromPython, MineSettings
from hardneg.recipe.stage import Stage

__all__ = [
    "DatasetSettings",
    "EvaluateSettings",
    "FromPath",
    "FromCode",
    "FromPython",
    "MineSettings",
    "Recipe",
    "Stage",
    "shipped_presets",
    "shipped_recipes",
]
