"""A whole experiment as one object."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hardneg.errors import RecipeError
from hardneg.filters import FILTERS, Filter
from hardneg.negatives import Selection
from hardneg.recipe.components import Room, as_table, build, check_keys, pick, typed
from hardneg.recipe.defaults import DEFAULT_MODEL, default_filters, default_sources
from hardneg.recipe.files import find_recipe, read_toml
from hardneg.recipe.place import Place, nearest
from hardneg.recipe.rooms import FILTER, SELECT, SOURCE, TRAIN
from hardneg.recipe.settings import DatasetSettings, EvaluateSettings, FromPath, FromPython, MineSettings
from hardneg.recipe.toml import toml_text
from hardneg.sources import Source
from hardneg.training.settings import TrainSettings, uncounted


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One experiment from dataset to figures, with every default filled in.

    Args:
        name: What to call it in reports; the name of the file if not given.
        dataset: What to mine, train and measure on.
        model: The model to train: a Hub id, a folder, or `package:NAME/FOLDER` inside an installed package. A
            source that needs a model and names none mines with it.
        seed: Of mining and training; from 0. Whatever has a seed of its own takes this one unless it names
            another.
        seeds: Train once for each of these, all different; empty trains once. The negatives are the same for all.
        sources: Where candidates come from.
        filters: Why a candidate may not be a negative; known positives are always refused.
        mine: Which queries are mined for, and how deep.
        select: How negatives are chosen among the rest.
        train: How the model is trained.
        evaluate: What it is measured on and compared with.

    Raises:
        RecipeError: The parts do not fit together.
    """

    name: str
    dataset: DatasetSettings
    model: str = DEFAULT_MODEL
    seed: int = 0
    seeds: tuple[int, ...] = ()
    sources: tuple[Source, ...]
    filters: tuple[Filter, ...]
    mine: MineSettings = field(default_factory=MineSettings)
    select: Selection = field(default_factory=Selection)
    train: TrainSettings = field(default_factory=TrainSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)

    def __post_init__(self) -> None:
        if min(self.seed, *self.seeds, 0) < 0:
            raise RecipeError("seed and seeds must be 0 or more")
        if len(set(self.seeds)) < len(self.seeds):
            raise RecipeError(f"seeds: {list(self.seeds)} names one twice, whose model would count twice; leave it out")
        names = [source.name for source in self.sources]
        if not names:
            raise RecipeError("sources: at least one is needed; leave [[sources]] out for the defaults")
        if not all(name.strip() for name in names):
            raise RecipeError("sources: a name is empty; leave 'name' out for the default, or give another")
        if len(set(names)) < len(names):
            raise RecipeError(f"sources: two share a name ({', '.join(names)}); give one another 'name'")
        for key, named in self._references():
            if named not in names:
                raise RecipeError(f"{key}: no source is called {named!r}; {nearest(named, names)}")

    @classmethod
    def load(cls, path: str | Path, *, changes: Mapping[str, Any] | None = None) -> "Recipe":
        """Read a recipe and check all of it, before any work is done.

        Args:
            path: A TOML file, or the name of a recipe that hardneg ships ("quickstart").
            changes: Top-level keys to use in place of those of the file, for instance another `dataset`.

        Returns:
            The recipe.

        Raises:
            RecipeError: Something does not exist or does not fit; the message names the file and the key, and
                the nearest thing that does exist.
        """
        file = find_recipe(path)
        return _parse(_merged(read_toml(file), changes or {}), Place(file))

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, place: str = "command line") -> "Recipe":
        """Build a recipe from what a TOML file would hold.

        Args:
            table: The keys.
            place: What to name in messages as the place where they stand.

        Returns:
            The recipe.

        Raises:
            RecipeError: Something does not exist or does not fit.
        """
        return _parse(table, Place(Path(place)))

    def resolved(self) -> str:
        """Write the recipe as TOML that says everything and depends on no default."""
        return toml_text(self._tables())

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides results, but for the data, which have a fingerprint of their own.

        The name, the place of the dataset and the block size do not count.
        """
        counted = replace(self, name="", dataset=FromPath(path="-"), mine=replace(self.mine, block_size=1))
        tables = counted._tables()
        tables["train"] = {k: v for k, v in tables["train"].items() if k not in uncounted(self.train)}
        return hashlib.blake2b(toml_text(tables).encode(), digest_size=16).hexdigest()

    def _tables(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "seed": self.seed,
            "seeds": list(self.seeds),
            "dataset": as_table(self.dataset),
            "mine": as_table(self.mine),
            "sources": [as_table(source, room=SOURCE) for source in self.sources],
            "filters": [as_table(each, room=FILTER) for each in self.filters],
            "select": as_table(self.select, rooms=SELECT),
            "train": as_table(self.train, rooms=TRAIN),
            "evaluate": as_table(self.evaluate),
        }

    def _references(self) -> Iterator[tuple[str, str]]:
        """List where hardneg's own parts name a source: (key, name)."""
        shipped = [each for each in self.filters if type(each) in FILTERS.values()]
        parts = [(f"filters: {each.name}", each) for each in shipped]
        for key, part in [*parts, ("select", self.select)]:
            for attribute in ("source", "score"):
                named = getattr(part, attribute, None)
                if isinstance(named, str):
                    yield f"{key}.{attribute}", named
        for named in self.select.quotas or ():
            yield "select.quotas", named


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    tables = {key: {**table[key], **new} for key, new in changes.items() if _are_tables(table.get(key), new)}
    return {**table, **changes, **tables}


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _parse(table: Mapping[str, Any], place: Place) -> Recipe:
    known = {each.name: each for each in fields(Recipe)}
    check_keys(table, known, place)
    if "dataset" not in table:
        raise place.error('dataset must be given, for instance dataset = "path/to/folder"')
    plain: dict[str, Any] = {"name": place.file.stem, "model": DEFAULT_MODEL, "seed": 0, "seeds": ()}
    plain |= {key: typed(known[key], table[key], place.at(key)) for key in plain if key in table}
    seed, model = plain["seed"], place.found(plain["model"])
    plain["model"] = model
    sources, filters = table.get("sources"), table.get("filters")
    parts: dict[str, Any] = {
        "dataset": _dataset(table["dataset"], place.at("dataset")),
        "sources": default_sources(model)
        if sources is None
        else _all(SOURCE, sources, place.at("sources"), seed=seed, model=model),
        "mine": build(MineSettings, table.get("mine", {}), place.at("mine")),
        "select": build(Selection, table.get("select", {}), place.at("select"), rooms=SELECT),
        "train": _train(table.get("train", {}), seed, place.at("train")),
        "evaluate": build(EvaluateSettings, table.get("evaluate", {}), place.at("evaluate")),
    }
    parts["filters"] = (
        default_filters(parts["sources"]) if filters is None else _all(FILTER, filters, place.at("filters"), seed=seed)
    )
    try:
        return Recipe(**plain, **parts)
    except RecipeError as error:
        raise place.error(str(error)) from error


def _dataset(value: object, place: Place) -> DatasetSettings:
    table = {"path": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or len({"path", "python"} & set(table)) != 1:
        raise place.error("give either path, to read a dataset, or python, to build one from source code")
    if "python" in table:
        built: FromPython = build(FromPython, table, place)
        return replace(built, python=tuple(_source_tree(each, place) for each in built.python))
    dataset: FromPath = build(FromPath, table, place)
    if dataset.path.startswith("hf:"):
        return dataset
    return replace(dataset, path=str(place.resolve(dataset.path)))


def _source_tree(name: str, place: Place) -> str:
    """Resolve what is written as a path; a bare name is a package or `stdlib`."""
    is_path = "/" in name or name.startswith((".", "~")) or name.endswith(".py")
    return str(place.resolve(name)) if is_path else name


def _train(value: object, seed: int, place: Place) -> TrainSettings:
    given = {"seed": seed, **value} if isinstance(value, Mapping) else value
    settings: TrainSettings = build(TrainSettings, given, place, rooms=TRAIN)
    return settings


def _all(room: Room, value: object, place: Place, **fallbacks: object) -> tuple[Any, ...]:
    """Build the components of an array of tables."""
    if not isinstance(value, list):
        raise place.error(f"must be an array: write [[{place.key}]] above each {room.kind}")
    return tuple(pick(room, each, place.at(n), fallbacks=fallbacks) for n, each in enumerate(value, start=1))
