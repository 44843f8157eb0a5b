"""What is looked at while a recipe's model is trained: what it is measured by, on other queries."""

from dataclasses import replace

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.evaluation.metrics import PRIMARY
from hardneg.recipe.settings import EvaluateSettings
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.sample import watched_split
from hardneg.training.watch.settings import Watch


def watch_of(settings: TrainSettings, evaluate: EvaluateSettings) -> Watch | None:
    """Fill in what a watch leaves to the recipe: the measure that decides, and what rankings leave out."""
    watch = settings.watch
    if watch is None:
        return None
    measure = watch.measure or (None if evaluate.deciding == PRIMARY else evaluate.deciding)
    return replace(watch, measure=measure, exclude=watch.exclude or evaluate.exclude)


def check_watch(watch: Watch, dataset: Dataset, *, trained: str, tested: str) -> None:
    """Make sure that there is something to look at, which is neither trained on nor what is tested at the end."""
    split = watched_split(watch, dataset, trained=trained)
    if split == tested:
        raise RecipeError(
            f"watch: split {split!r} is what the model is tested on at the end, and a test that was looked at all "
            "along proves nothing; name another by watch.split"
        )
