"""What a recipe mines, as the plan that mining and its audit take."""

from hardneg.negatives.plan import Plan
from hardneg.recipe.recipe import Recipe
from hardneg.recipe.stage import Stage


def plan_of(part: Recipe | Stage, *, seed: int) -> Plan:
    """Take from a recipe, or from one of its stages, what decides which negatives are mined."""
    return Plan(part.mine.split, part.sources, part.filters, part.select, part.mine.depth, seed)
