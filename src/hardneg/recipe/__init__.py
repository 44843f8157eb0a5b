"""A whole experiment as one typed object, read from TOML and written back."""

from hardneg.recipe.files import shipped_presets, shipped_recipes
from hardneg.recipe.recipe import Recipe, plan_of
from hardneg.recipe.settings import (
    Also,
    DatasetSettings,
    EvaluateSettings,
    FromCode,
    FromPath,
    FromPython,
    MineSettings,
)
from hardneg.recipe.stage import Stage

__all__ = [
    "Also",
    "DatasetSettings",
    "EvaluateSettings",
    "FromPath",
    "FromCode",
    "FromPython",
    "MineSettings",
    "Recipe",
    "Stage",
    "plan_of",
    "shipped_presets",
    "shipped_recipes",
]
