"""What is wrong with a recipe, found before anything long is done."""

from hardneg.addresses import is_endpoint
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.evaluation.excluding import excluded_from
from hardneg.models.given import resolve_model
from hardneg.models.options import check_installed
from hardneg.pipeline.score_stage import check_teachers
from hardneg.recipe import Recipe, plan_of
from hardneg.recipe.stage import stages_in, trained_in
from hardneg.recipe.watching import check_watch, watch_of
from hardneg.sources import identity
from hardneg.sources.protocol import Encodes


def check_parts(recipe: Recipe) -> None:
    """Touch everything outside the dataset that a recipe names."""
    check_installed("a run, which trains a model,", training=True)
    import torch

    from hardneg.models.sentence_transformer import load_encoder
    from hardneg.training.checks import check_extras
    from hardneg.training.inputs import load_for_training
    from hardneg.training.refresh.mine import check_follows

    check_also(recipe)
    check_teachers(recipe)
    before = recipe.model
    for stage in recipe.stages:
        check_extras(stage.train)
        if stage.train.refresh is not None and stage.sources:
            check_follows(stage.sources, before)
        if stage.train.mask is not None:
            stage.train.mask.fingerprint()  # a guide is a model too
        before = trained_in(stage.name)
    # A source that mines with the model of an earlier stage has nothing to look at yet.
    sources = [source for stage in recipe.stages for source in stage.sources if not stages_in(source)]
    encoders = [source.model for source in sources if isinstance(source, Encodes)]
    for model in (recipe.model, *(each for each in encoders if not is_endpoint(each))):
        resolve_model(model)
    filters = [each for stage in recipe.stages for each in stage.filters if stage.sources and not stages_in(each)]
    for part in (*sources, *filters):
        identity(part)
    # Each limit by itself; the last one loaded is at hand for the first row.
    limits = (*(stage.train.max_tokens for stage in recipe.stages), recipe.evaluate.max_tokens)
    for max_tokens in dict.fromkeys(limits):
        load_encoder(recipe.model, max_tokens=max_tokens, trust_remote_code=recipe.trusts)
    for settings in (stage.train for stage in recipe.stages if stage.train.lora is not None):
        load_for_training(recipe.model, settings, device=torch.device("cpu"))


def check_also(recipe: Recipe) -> None:
    """Make sure that a recipe does with several datasets only what can be done with several."""
    from hardneg.training.mixture import check_mixable

    if recipe.also and recipe.teachers:
        raise RecipeError("also: teachers score one dataset; take [[teachers]] out, or [[also]]")
    for stage in recipe.stages if recipe.also else ():
        check_mixable(stage.train)


def check_alone(recipe: Recipe, purpose: str) -> None:
    """Make sure that a recipe is of one dataset, where nothing else is done."""
    if recipe.also:
        raise RecipeError(f"also: {purpose} knows one dataset; take [[also]] out, or do it with `hardneg run`")


def check_files(recipe: Recipe, dataset: Dataset) -> None:
    """Make sure that the splits exist and that what sources read from files fits the dataset."""
    dataset.queries_of(recipe.evaluate.split)
    excluded_from(dataset, recipe.evaluate.exclude, split=recipe.evaluate.split)
    for stage in recipe.stages:
        dataset.queries_of(stage.mine.split)
        watch = watch_of(stage.train, recipe.evaluate)
        if watch is not None:
            check_watch(watch, dataset, trained=stage.mine.split, tested=recipe.evaluate.split)
        if stage.sources:
            plan_of(stage, seed=recipe.seed).check(dataset)
