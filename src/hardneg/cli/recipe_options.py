"""The recipe and the scorer that the options of `mine`, `audit` and `calibrate` describe."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardneg.cli.options import from_here, given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hardneg.recipe import Recipe
    from hardneg.scoring import Scorer


def read_recipe(
    dataset: str,
    *,
    recipe: str | None,
    preset: str | None,
    model: str | None,
    source: "Sequence[str] | None",
    filter: "Sequence[str] | None" = None,
    per_query: int | None,
    seed: int | None,
    **mining: str | int | None,
) -> "Recipe":
    """Read a recipe, or the defaults, and change what options say otherwise."""
    from hardneg.cli.components import parse_component
    from hardneg.recipe import Recipe

    changes: dict[str, Any] = {
        "dataset": from_here(dataset),
        "mine": given(**mining),
        **given(seed=seed, preset=preset),
    }
    changes |= {"model": from_here(model)} if model else {}
    changes |= {"sources": [parse_component(text) for text in source]} if source else {}
    changes |= {"filters": [parse_component(text) for text in filter]} if filter else {}
    changes |= {"select": {"per_query": per_query}} if per_query else {}
    return Recipe.load(recipe, changes=changes) if recipe else Recipe.from_table(changes)


def check_floor(floor: float, command: str) -> None:
    """Refuse a coverage that no setting can have, or that any setting has."""
    from hardneg.errors import RecipeError

    if not 0 <= floor <= 1:
        raise RecipeError(f"{command}: --floor is {floor}; set it to 0 or more and at most 1, say 0.9")


def read_scorer(text: str, *, fallbacks: "Mapping[str, object] | None" = None) -> "Scorer":
    """Build a scorer from how it is typed: `cross_encoder(model="…")`."""
    from hardneg.cli.components import parse_component
    from hardneg.components import pick
    from hardneg.place import Place
    from hardneg.recipe.rooms import SCORER

    scorer: Scorer = pick(SCORER, parse_component(text), Place(Path("--scorer")), fallbacks=fallbacks)
    return scorer
