"""The options that say what is mined, the same on `mine`, `audit` and `calibrate`, and the recipe that they make."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hardneg.cli.layout_options import Layout, reads_dataset, takes
from hardneg.cli.model_options import AllowCode
from hardneg.cli.options import DatasetPath, Preset, Seed, SkipInvalid, from_here, given

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset
    from hardneg.recipe import Recipe

T = TypeVar("T")

_KINDS = {
    "dataset": DatasetPath,
    "split": Annotated[
        str | None, typer.Option(help="Take the queries with a positive in this split; train if not given.")
    ],
    "recipe": Annotated[str | None, typer.Option(help="Take sources, filters and selection from a recipe.")],
    "allow_code": AllowCode,
    "preset": Preset,
    "model": Annotated[str | None, typer.Option(help="Model of dense sources that name none.")],
    "source": Annotated[
        list[str] | None,
        typer.Option(help="A source, with options if need be: bm25, 'dense(max_tokens=128)'. Repeat for more."),
    ],
    "filter": Annotated[
        list[str] | None,
        typer.Option(help="A filter: near_duplicate, 'positive_margin(ratio=0.9)'. Repeat for more."),
    ],
    "per_query": Annotated[int | None, typer.Option(min=1, help="Negatives for each query; 8 if not given.")],
    "depth": Annotated[int | None, typer.Option(min=1, help="Candidates of each source; 100 if not given.")],
    "block_size": Annotated[
        int | None, typer.Option(min=1, help="Queries at a time; bounds memory, not the result; 4096 if not given.")
    ],
    "seed": Seed,
    "skip_invalid": SkipInvalid,
    "layout": Layout,
}


@dataclass(frozen=True)
class MiningOptions:
    """What is mined, as the options of a command say."""

    dataset: str
    layout: Layout
    skip_invalid: bool
    recipe: "Recipe"

    def read(self) -> "Dataset":
        """Read the dataset."""
        from hardneg.data.reading import read_dataset

        return read_dataset(self.dataset, mapping=self.layout, skip_invalid=self.skip_invalid)


def says_mining(*, without: Sequence[str] = ()) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command a dataset and the options that say how to mine, which its parameter `mining` takes together."""
    kinds = {name: kind for name, kind in _KINDS.items() if name not in without}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=_DEFAULTS.get(name))
        for name, kind in kinds.items()
    ]
    return lambda command: reads_dataset(takes("mining", options, _mining)(command))


_APART = ("dataset", "layout", "skip_invalid", "recipe", "model")
_DEFAULTS = {"skip_invalid": False, "allow_code": False} | dict.fromkeys(("dataset", "layout"), inspect.Parameter.empty)


def _mining(said: dict[str, Any]) -> MiningOptions:
    """Read a recipe, or the defaults, and change what options say otherwise."""
    from hardneg.cli.components import parse_component
    from hardneg.recipe import Recipe

    dataset, layout, skips, recipe, model = (said.pop(name) for name in _APART)
    sources, filters, per_query, _ = (said.pop(name, None) for name in ("source", "filter", "per_query", "allow_code"))
    changes: dict[str, Any] = {"dataset": from_here(dataset), **given(seed=said.pop("seed"), preset=said.pop("preset"))}
    changes |= {"mine": given(**said)}  # split, depth and the size of blocks
    changes |= {"model": from_here(model)} if model else {}
    changes |= {"sources": [parse_component(text) for text in sources]} if sources else {}
    if layout.candidates and not sources:  # what the data bring is judged by filters, and audited
        changes |= {"sources": [{"use": "given", "path": from_here(dataset)}]}
    changes |= {"filters": [parse_component(text) for text in filters]} if filters else {}
    changes |= {"select": {"per_query": per_query}} if per_query else {}
    loaded = Recipe.load(recipe, changes=changes) if recipe else Recipe.from_table(changes)
    return MiningOptions(dataset, layout, skips, loaded)
