"""Bills of embedding APIs: which texts of a dataset they will be asked to encode, found out before any is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import reduce
from operator import add

import numpy as np
import polars as pl

from hardneg.addresses import is_endpoint
from hardneg.costs.bills import mining_bills, recipe_bills
from hardneg.data.dataset import Dataset
from hardneg.endpoints.bill import Bill
from hardneg.errors import RecipeError
from hardneg.models.options import ModelOptions
from hardneg.models.protocol import PricedEncoder
from hardneg.models.served.cost import EncodingCost
from hardneg.negatives.plan import Plan
from hardneg.recipe import Recipe
from hardneg.scoring.protocol import Priced


def encoding_bills(dataset: Dataset, *components: object, split: str | None = None) -> list[EncodingCost]:
    """Estimate what servers will be asked to encode for sources, filters and scorers: each text once for each model.

    Args:
        dataset: Whose texts; all documents are encoded, whatever is searched for.
        *components: Components, or tuples of them; models are looked for in all that they hold.
        split: Queries of this split alone; None means all.

    Returns:
        A bill for each model.
    """
    encoders = dict.fromkeys(part.encoder() for part in _served(components))
    return [_bill(each, dataset, split) for each in encoders if isinstance(each, PricedEncoder)]


def bills_of_mining(dataset: Dataset, plan: Plan) -> Iterator[Sequence[Bill]]:
    """Estimate what mining will ask of servers: first to encode, then, once that was agreed to, to judge."""
    yield encoding_bills(dataset, plan, split=plan.split)
    yield mining_bills(dataset, plan)


def bills_of_recipe(dataset: Dataset, recipe: Recipe) -> Iterator[Sequence[Bill]]:
    """Estimate what the stages of a recipe will ask of servers: first to encode, then, once agreed to, to judge."""
    yield recipe_encoding_bills(dataset, recipe)
    yield recipe_bills(dataset, recipe)


def recipe_encoding_bills(dataset: Dataset, *recipes: Recipe) -> list[EncodingCost]:
    """Estimate what servers will be asked to encode for the stages of recipes."""
    bills: dict[str, EncodingCost] = {}
    for recipe in recipes:
        for stage in recipe.stages:
            for bill in encoding_bills(dataset, stage, recipe.teachers, split=stage.mine.split):
                bills.setdefault(str(bill), bill)
    return list(bills.values())


def all_bills(dataset: Dataset, *recipes: Recipe) -> list[Bill]:
    """Estimate what the stages of recipes will ask of servers, to encode and to judge, without sending anything.

    A RecipeError where what a judge will be asked follows from vectors that are not there yet.
    """
    bills: list[Bill] = [*recipe_encoding_bills(dataset, *recipes)]
    if not any(each.n_asked for each in bills):
        return [*bills, *recipe_bills(dataset, *recipes)]
    if any(isinstance(part, Priced) for recipe in recipes for part in _parts((recipe.stages, recipe.teachers))):
        raise RecipeError(
            f"{'; '.join(map(str, bills))}. What the judge will be asked is known only once these are encoded: run "
            "`hardneg encode` with that model first, which keeps the vectors, and then this again"
        )
    return bills


def _bill(encoder: PricedEncoder, dataset: Dataset, split: str | None) -> EncodingCost:
    queries = np.arange(dataset.n_queries) if split is None else dataset.queries_of(split)
    # The store encodes the queries of one split together, so that these are counted, too.
    groups = [dataset.query_split == number for number in np.unique(dataset.query_split[queries])]
    texts = [dataset.query_texts.filter(pl.Series(each)) for each in groups]
    costs = [encoder.estimate(each, kind="query") for each in texts]
    return reduce(add, [encoder.estimate(dataset.document_texts, kind="document"), *costs])


def _served(component: object) -> Iterator[ModelOptions]:
    return (part for part in _parts(component) if isinstance(part, ModelOptions) and is_endpoint(part.model))


def _parts(component: object) -> Iterator[object]:
    """List a component and all components that it holds."""
    if isinstance(component, tuple | list):
        for each in component:
            yield from _parts(each)
    elif is_dataclass(component) and not isinstance(component, type):
        yield component
        for each in fields(component):
            yield from _parts(getattr(component, each.name, None))
