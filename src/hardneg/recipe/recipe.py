"""A whole experiment as one object."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hardneg.addresses import address_of
from hardneg.arguments import check_places, shown
from hardneg.components import Room, as_table, build, check_keys, pick, settable_fields, typed
from hardneg.domains.code.languages import LANGUAGE_OF
from hardneg.errors import RecipeError
from hardneg.filters import Filter
from hardneg.leave import allowing
from hardneg.models.given import Loaded, named_model
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.place import Place
from hardneg.recipe.files import PRESET, find_recipe, is_of_others, merged, read_toml, with_preset
from hardneg.recipe.rooms import (
    DEFAULT_MODEL,
    FILTER,
    SCORER,
    SELECT,
    SOURCE,
    TEACHER_FALLBACKS,
    TRAIN,
    default_filters,
    default_sources,
)
from hardneg.recipe.settings import (
    Also,
    DatasetSettings,
    EvaluateSettings,
    FromCode,
    FromPath,
    FromPython,
    MineSettings,
)
from hardneg.recipe.stage import Stage, check_order, trained_in
from hardneg.recipe.toml import toml_text
from hardneg.scoring import Scorer
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
        seeds: Train once for each of these, all different; empty trains once. The negatives are the same for all, but
            where a stage mines with a model trained before.
        sources: Where candidates come from.
        filters: Why a candidate may not be a negative; known positives are always refused.
        mine: Which queries are mined for, and how deep.
        select: How negatives are chosen among the rest.
        teachers: Score what was mined, for a loss that learns from their scores; several are averaged.
        train: How the model is trained.
        also: Further datasets to train on beside the first, each with its own negatives and prompts. A run mines those
            that bring none as it mines the first, and measures on each that has the split to test on.
        evaluate: What it is measured on and compared with.
        stage: Trainings one after another; empty trains once, as the rest of the recipe says.

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
    teachers: tuple[Scorer, ...] = ()
    train: TrainSettings = field(default_factory=TrainSettings)
    also: tuple[Also, ...] = ()
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)
    stage: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        if min(self.seed, *self.seeds, 0) < 0:
            raise RecipeError("seed and seeds must be 0 or more")
        if len(set(self.seeds)) < len(self.seeds):
            raise RecipeError(f"seeds: {list(self.seeds)} names one twice, whose model would count twice; leave it out")
        teachers = [teacher.name for teacher in self.teachers]
        if len(set(teachers)) < len(teachers):
            raise RecipeError(f"teachers: two share a name ({', '.join(teachers)}); give one another 'name'")
        check_order(self.stages)
        if "in_batch" in self.evaluate.rows and not any(stage.train.in_batch for stage in self.stages):
            raise RecipeError("evaluate.rows: 'in_batch' needs in-batch negatives, and train.in_batch is false")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is trained, in order; without `stage`, the rest of the recipe as the only one."""
        return self.stage or (
            Stage(
                name="mined",
                sources=self.sources,
                filters=self.filters,
                mine=self.mine,
                select=self.select,
                train=self.train,
            ),
        )

    @property
    def trusts(self) -> bool:
        """Whether models may run code of their own when they are trained, and so when they are measured."""
        return any(stage.train.trust_remote_code for stage in self.stages)

    @classmethod
    def load(cls, path: str | Path, *, changes: Mapping[str, Any] | None = None, allow_code: bool = False) -> "Recipe":
        """Read a recipe and check all of it, before any work is done.

        Args:
            path: A TOML file, or the name of a recipe that hardneg ships ("quickstart").
            changes: Top-level keys to use in place of those of the file, for instance another `dataset`. The keys of
                a `preset` among them go before those of the file too, and after the other changes.
            allow_code: Whether a recipe that lies in the folder of a run or of a model may name code: components as
                `module:Class`, and models that bring their own. Your own recipe always may.

        Returns:
            The recipe.

        Raises:
            RecipeError: Something does not exist or does not fit; the message names the file and the key, and
                the nearest thing that does exist.
        """
        check_places("Recipe.load", optional=False, path=path)
        file = find_recipe(path)
        table, new = read_toml(file), changes or {}
        if PRESET in new:
            table = {key: value for key, value in table.items() if key != PRESET}
            new = with_preset(new, Place(Path("--preset")))
        with allowing(code=allow_code):
            return _parse(merged(table, new), Place(file, foreign=is_of_others(file)))

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, place: str = "command line", foreign: bool = False) -> "Recipe":
        """Build a recipe from what a TOML file would hold.

        Args:
            table: The keys; those of a `preset` come after its own.
            place: What to name in messages as the place where they stand.
            foreign: Whether the table may be another's than the user's, so that it may name no code of its own.

        Returns:
            The recipe.

        Raises:
            RecipeError: Something does not exist or does not fit.
        """
        if not isinstance(table, Mapping):
            raise RecipeError(f"Recipe.from_table: give a table as a TOML file holds it, not {shown(table)}")
        return _parse(table, Place(Path(place), foreign=foreign))

    def resolved(self) -> str:
        """Write the recipe as TOML that says everything and depends on no default."""
        return toml_text(self._tables())

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides results, but for the data, which have a fingerprint of their own.

        The name, the place of the dataset and the block size do not count.
        """
        also = tuple(replace(each, dataset="-", negatives=each.negatives and "-") for each in self.also)
        counted = replace(self, name="", dataset=FromPath(path="-"), also=also)
        return hashlib.blake2b(toml_text(counted._tables(counted=True)).encode(), digest_size=16).hexdigest()

    def _tables(self, *, counted: bool = False) -> dict[str, Any]:
        tables = {
            "name": self.name,
            "model": self.model,
            "seed": self.seed,
            "seeds": list(self.seeds),
            "dataset": as_table(self.dataset),
            **_work(self, counted=counted),
            **({"teachers": [as_table(each, room=SCORER) for each in self.teachers]} if self.teachers else {}),
            **({"also": [as_table(each) for each in self.also]} if self.also else {}),
            "evaluate": as_table(self.evaluate),
        }
        stages = [{"name": stage.name, **_work(stage, counted=counted)} for stage in self.stage]
        return tables | ({"stage": stages} if stages else {})


def plan_of(part: Recipe | Stage, *, seed: int) -> Plan:
    """Take from a recipe, or from one of its stages, what decides which negatives are mined."""
    return Plan(part.mine.split, part.sources, part.filters, part.select, part.mine.depth, seed)


def _work(part: Recipe | Stage, *, counted: bool) -> dict[str, Any]:
    """Write what recipe and stage share; `counted` leaves out what decides no result."""
    left_out = uncounted(part.train) if counted else ()
    train = {key: value for key, value in as_table(part.train, rooms=TRAIN).items() if key not in left_out}
    return {
        "mine": as_table(replace(part.mine, block_size=1) if counted else part.mine),
        "sources": [as_table(source, room=SOURCE) for source in part.sources],
        "filters": [as_table(each, room=FILTER) for each in part.filters],
        "select": as_table(part.select, rooms=SELECT),
        "train": train,
    }


def _parse(table: Mapping[str, Any], place: Place) -> Recipe:
    by_name = {each.name: each for each in fields(Recipe)}
    table = with_preset(table, place)
    check_keys(table, [*by_name, PRESET], place)
    if "dataset" not in table:
        raise place.error('dataset must be given: dataset = "path/to/folder" here, or --dataset path/to/folder')
    plain: dict[str, Any] = {"name": place.file.stem, "model": DEFAULT_MODEL, "seed": 0, "seeds": ()}
    if isinstance(table.get("model"), Path | Loaded):  # from Python
        table = {**table, "model": str(named_model(table["model"], purpose="model"))}
    plain |= {key: typed(by_name[key], table[key], place.at(key)) for key in plain if key in table}
    seed, model = plain["seed"], place.found(plain["model"])
    plain["model"] = model
    parts = {
        "dataset": _dataset(table["dataset"], place.at("dataset")),
        **_parse_work(table, place, seed=seed, model=model),
        "teachers": _all(SCORER, table.get("teachers", []), place.at("teachers"), **TEACHER_FALLBACKS),
        "also": _parse_also(table.get("also", []), place.at("also")),
        "evaluate": build(EvaluateSettings, table.get("evaluate", {}), place.at("evaluate")),
        "stage": _parse_stages(table, place.at("stage"), seed=seed, model=model),
    }
    try:
        return Recipe(**plain, **parts)
    except RecipeError as error:
        raise place.error(str(error)) from error


def _parse_work(table: Mapping[str, Any], place: Place, *, seed: int, model: str) -> dict[str, Any]:
    """Build what recipe and stage share."""
    sources, filters = table.get("sources"), table.get("filters")
    mine: MineSettings = build(MineSettings, table.get("mine", {}), place.at("mine"))
    parts: dict[str, Any] = {
        "sources": default_sources(model)
        if sources is None
        else _all(SOURCE, sources, place.at("sources"), seed=seed, model=model, split=mine.split),
        "mine": mine,
        "select": build(Selection, table.get("select", {}), place.at("select"), rooms=SELECT),
        "train": _train(table.get("train", {}), seed, place.at("train")),
    }
    parts["filters"] = (
        default_filters(parts["sources"]) if filters is None else _all(FILTER, filters, place.at("filters"), seed=seed)
    )
    return parts


def _parse_stages(table: Mapping[str, Any], place: Place, *, seed: int, model: str) -> tuple[Stage, ...]:
    """Build the stages; what one does not say is as at the top of the recipe."""
    given, stages = table.get("stage", []), []
    if not isinstance(given, list):
        raise place.error("must be an array: write [[stage]] above each stage")
    shared = {key: value for key, value in table.items() if key in settable_fields(Stage) and key != "name"}
    for number, stage_table in enumerate(given, start=1):
        here = place.at(number)
        if not isinstance(stage_table, Mapping):
            raise here.error(f"must be a table, not {stage_table!r}")
        check_keys(stage_table, settable_fields(Stage), here)
        name = typed(settable_fields(Stage)["name"], stage_table.get("name", f"stage{number}"), here.at("name"))
        parts = _parse_work(merged(shared, stage_table), here, seed=seed, model=model)
        try:
            stages.append(Stage(name=name, **parts))
        except RecipeError as error:
            raise here.error(str(error)) from error
        model = trained_in(name)
    return tuple(stages)


def _parse_also(value: object, place: Place) -> tuple[Also, ...]:
    """Build what is said of further datasets; paths begin at the recipe's folder."""
    if not isinstance(value, list):
        raise place.error("must be an array: write [[also]] above each further dataset")
    parts: list[Also] = [build(Also, each, place.at(number)) for number, each in enumerate(value, start=1)]
    return tuple(
        replace(
            each,
            dataset=each.dataset and _data_place(each.dataset, place),
            negatives=each.negatives and str(place.resolve(each.negatives)),
        )
        for each in parts
    )


def _data_place(path: str, place: Place) -> str:
    is_named = path.startswith("hf:") or address_of(path) is not None
    return path if is_named else str(place.resolve(path))


def _dataset(value: object, place: Place) -> DatasetSettings:
    table = {"path": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or len({"path", "python", "code"} & set(table)) != 1:
        raise place.error("give either path, to read a dataset, or python or code, to build one from source code")
    for key, kind in {"python": FromPython, "code": FromCode}.items():
        if key in table:
            built = build(kind, table, place)
            return replace(built, **{key: tuple(_source_tree(each, place) for each in getattr(built, key))})
    dataset: FromPath = build(FromPath, table, place)
    return replace(dataset, path=_data_place(dataset.path, place))


def _source_tree(name: str, place: Place) -> str:
    """Resolve what is written as a path; a bare name is a package or `stdlib`."""
    is_path = "/" in name or name.startswith((".", "~")) or Path(name).suffix in LANGUAGE_OF
    return str(place.resolve(name)) if is_path else name


def _train(value: object, seed: int, place: Place) -> TrainSettings:
    given = {"seed": seed, **value} if isinstance(value, Mapping) else value
    settings: TrainSettings = build(TrainSettings, given, place, rooms=TRAIN)
    return settings


def _all(room: Room, value: object, place: Place, **fallbacks: object) -> tuple[Any, ...]:
    """Build the components of an array of tables."""
    if not isinstance(value, list):
        heading = re.sub(r"\[\d+\]", "", place.key)
        raise place.error(f"must be an array: write [[{heading}]] above each {room.kind}")
    return tuple(pick(room, each, place.at(n), fallbacks=fallbacks) for n, each in enumerate(value, start=1))
