"""What is wrong with a recipe, found before anything long is done."""

from hardneg.data.dataset import Dataset
from hardneg.models.installed import check_installed
from hardneg.models.resolve import resolve_model
from hardneg.pipeline.score_stage import check_teachers
from hardneg.recipe import Recipe
from hardneg.sources import Dense, RunFile, Vectors, identity


def check_parts(recipe: Recipe) -> None:
    """Touch everything outside the dataset that a recipe names.

    Args:
        recipe: What is to be run.

    Raises:
        RecipeError: The teachers do not fit the loss.
        MissingExtraError: Training, or a tracker, needs a package that is not installed.
        ModelError: A model cannot be loaded or takes no texts as long as is asked, or a file of vectors is not there.
        DatasetError: A run file cannot be read.
        RunError: Negatives shall be refreshed, but no source encodes with the model.
    """
    check_installed("a run, which trains a model,", training=True)
    from hardneg.models.sentence_transformer import load_encoder
    from hardneg.training.inputs import check_trackers
    from hardneg.training.mining_again import check_follows

    check_trackers(recipe.train)
    check_teachers(recipe)
    if recipe.train.refresh is not None:
        check_follows(recipe.sources, recipe.model)
    for model in (recipe.model, *(source.model for source in recipe.sources if isinstance(source, Dense))):
        resolve_model(model)
    for source in recipe.sources:
        identity(source)
    # Each limit by itself; the last one loaded is at hand for the first row.
    for max_tokens in dict.fromkeys((recipe.train.max_tokens, recipe.evaluate.max_tokens)):
        load_encoder(recipe.model, max_tokens=max_tokens)


def check_files(recipe: Recipe, dataset: Dataset) -> None:
    """Make sure that the splits exist and that what sources read from files fits the dataset.

    Args:
        recipe: What is to be run.
        dataset: What it is run on.

    Raises:
        DatasetError: A split does not exist or has no positive, or a run file does not fit.
        ModelError: A file of vectors does not fit.
    """
    dataset.queries_of(recipe.evaluate.split)
    first = dataset.queries_of(recipe.mine.split)[:1]
    for source in recipe.sources:
        if isinstance(source, RunFile | Vectors):
            source.retrieve(dataset, first, 1)
