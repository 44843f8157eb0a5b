"""The one check that every softmax loss makes."""

import math

from hardneg.errors import RecipeError


def checked_temperature(temperature: float, *, loss: str, name: str = "temperature") -> None:
    """Make sure that scores can be divided by a temperature; a RecipeError names the loss if not."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise RecipeError(f"{name} of {loss} must be above 0, not {temperature}")
