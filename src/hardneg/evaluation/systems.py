"""Systems beside each other: checked before anything is done, then measured one by one, each in its own folder."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardneg.addresses import is_endpoint
from hardneg.data.dataset import Dataset
from hardneg.data.layout import Layout
from hardneg.data.reading import read_dataset
from hardneg.errors import InputError, RecipeError
from hardneg.evaluation.metrics import choose_measures
from hardneg.evaluation.quantized import Quantized
from hardneg.evaluation.retrieval import Evaluation, evaluate
from hardneg.files import check_folder
from hardneg.models.given import resolve_model
from hardneg.models.options import check_installed
from hardneg.runs.lock import writing
from hardneg.runs.record import recording
from hardneg.sources import Dense, Source

_LONGEST_NAME = 100  # characters; file systems allow 255 bytes


def evaluate_systems(
    dataset: Dataset | str | Path,
    systems: Sequence[Source],
    *,
    out: Path | None = None,
    mapping: Layout | Mapping[str, Any] | None = None,
    skip_invalid: bool = False,
    depth: int = 100,
    measures: Sequence[str] | None = None,
    primary: str | None = None,
    agree: Callable[[Dataset], None] | None = None,
    **options: Any,  # noqa: ANN401 - of `evaluate`
) -> Iterator[Evaluation]:
    """Measure systems on the same queries, one by one, and write each into a folder of `out`; one alone into `out`.

    `agree` is called with the dataset before anything is measured; it may raise to stop.
    """
    check_folder(out)
    choose_measures(measures, primary, depth=depth)
    names = [system.name for system in systems]
    _check(systems, names)
    data = read_dataset(dataset, mapping=mapping, skip_invalid=skip_invalid)
    if agree is not None:
        agree(data)
    with recording(out, "evaluate"), writing(out):
        for system, folder in zip(systems, _folders(names), strict=True):
            evaluation = evaluate(data, system, depth=depth, measures=measures, primary=primary, **options)
            if out is not None:
                evaluation.write(out if len(systems) == 1 else out / folder)
            yield evaluation


def with_quantized(systems: Sequence[Source], ways: Sequence[str], *, rescore: int) -> list[Source]:
    """Put behind each model the same one with vectors that are kept in each of these ways."""
    if ways and not any(isinstance(system, Dense) for system in systems):
        raise RecipeError("evaluate: --quantize rounds a model's vectors; name one with --model")
    more: list[Source] = []
    for system in systems:
        more.append(system)
        if isinstance(system, Dense):
            more += [Quantized(system, way, rescore=rescore, name=f"{system.name}, {way}") for way in ways]  # type: ignore[arg-type]
    return more


def _check(systems: Sequence[Source], names: Sequence[str]) -> None:
    """Refuse what cannot be measured, or would be measured twice, before anything is."""
    if not systems:
        raise InputError("name what to evaluate: --model NAME, --bm25 ANALYZER, or both")
    models = [system for system in systems if isinstance(system, Dense)]
    here = [each.model for each in models if not is_endpoint(each.model)]
    if here:
        check_installed("measuring a model")
    places = [*map(resolve_model, here), *(str(each.model) for each in models if is_endpoint(each.model))]
    same = [str(Path(place).resolve()) if Path(place).is_dir() else place for place in places]
    for labels in (same, names):
        repeated = [name for name, count in Counter(labels).items() if count > 1]
        if repeated:
            raise InputError(f"{repeated[0]} is to be measured twice under one name; name each system once")


def _folders(names: Sequence[str]) -> list[str]:
    """Name a folder for each system: its own name with other characters than letters, digits, . and - replaced."""
    folders: list[str] = []
    for name in names:
        safe = re.sub(r"[^\w.-]+", "_", name).strip("._")[-_LONGEST_NAME:] or "model"
        taken = {folder.casefold() for folder in folders}
        numbered = (safe, *(f"{safe}-{number}" for number in range(2, len(names) + 2)))
        folders.append(next(each for each in numbered if each.casefold() not in taken))
    return folders
