"""What goes into a training run: checked, loaded, and described so that two runs can be told apart."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import torch
from sentence_transformers import SentenceTransformer

from hardneg.data.dataset import Dataset
from hardneg.data.query_form import form_of
from hardneg.data.text import digest
from hardneg.errors import ModelError, RecipeError
from hardneg.models.fingerprint import fingerprint
from hardneg.models.given import resolve_model
from hardneg.models.own_code import read_query_form
from hardneg.models.sentence_transformer import check_similarity, load_model
from hardneg.models.towers import named_prompts
from hardneg.scoring.protocol import Fingerprinted
from hardneg.training.lora import ready_weights
from hardneg.training.masks import Mask
from hardneg.training.mixture import Mixture
from hardneg.training.passes.recomputing import recompute_layers
from hardneg.training.sampling.batches import weight_of
from hardneg.training.sampling.clusters import Clusters
from hardneg.training.sampling.curriculum import Curriculum, graded_by
from hardneg.training.settings import OBSERVATION_SETTINGS, TrainSettings, uncounted
from hardneg.training.teacher_scores import TeacherScores


def check_query_form(model: str | Path, dataset: Dataset) -> str | None:
    """Make sure that a model goes on with the form of queries that it was trained on; one that names none takes any."""
    form, model_form = form_of(dataset), read_query_form(resolve_model(model))
    if model_form is not None and model_form != (form or "last"):
        raise ModelError(
            f"model {str(model)!r} was trained on queries of the form {model_form!r}, those of {dataset.name} have "
            f"{f'the form {form!r}' if form else 'no history'}: make the dataset anew with "
            f"`hardneg data conversations DATASET --form '{model_form}' -o OUT`, or start from a model without a form"
        )
    return form


def load_for_training(
    model: str | Path, settings: TrainSettings, *, device: torch.device, prompts: Mapping[str, str] | None = None
) -> SentenceTransformer:
    """Load a model with the prompts and dropout that the settings ask for, adapters ready to learn.

    Weights are float32, also of a model that was saved in half precision: small moves of a bfloat16 weight are lost
    in rounding. Without dropout the model runs as in evaluation: that switches off every kind of dropout in any
    architecture.
    """
    loaded = load_model(model, device=str(device), trust_remote_code=settings.trust_remote_code).float()
    check_similarity(loaded)
    dimension = loaded.get_embedding_dimension()
    if dimension is not None and max(settings.matryoshka, default=0) > dimension:
        raise RecipeError(
            f"training: matryoshka cuts vectors to {max(settings.matryoshka)} dimensions, but those of the model have "
            f"{dimension}"
        )
    ready_weights(loaded, settings.lora, merge=settings.merge_adapters, seed=settings.seed)
    if settings.gradient_checkpointing:
        recompute_layers(loaded)
    _set_prompts(loaded, settings)
    loaded.prompts |= prompts or {}  # of further datasets, under other names
    return loaded.train(settings.dropout)


def _set_prompts(model: SentenceTransformer, settings: TrainSettings) -> None:
    """Give a model the prompts that it is trained with, under the names that `encode_query` looks for first."""
    given = {"query": settings.query_prompt, "document": settings.document_prompt}
    model.prompts = {**model.prompts, **{kind: prompt for kind, prompt in given.items() if prompt is not None}}
    model.prompts = named_prompts(model)


def describe_inputs(
    model: SentenceTransformer,
    dataset: Dataset,
    negatives: pl.DataFrame | None,
    *,
    split: str,
    settings: TrainSettings,
    precision: str,
    n_processes: int,
    teacher: TeacherScores | None = None,
    mixture: Mixture | None = None,
) -> dict[str, Any]:
    """List all that decides the trained weights, by name; equal lists give equal weights on a CPU."""
    described = {
        "model": fingerprint(model),
        "dataset": dataset.fingerprint,
        "negatives": _hash_negatives(negatives),
        "split": split,
    }
    elsewhere = {*OBSERVATION_SETTINGS, *uncounted(settings), "mask", "own_negatives"}  # told by what they hash to
    described |= {name: str(value) for name, value in vars(settings).items() if name not in elsewhere}
    described |= _describe_mask(settings.mask)
    described |= _describe_clusters(settings.clusters)
    described |= {} if mixture is None else mixture.describe()
    described |= {} if teacher is None else {"scores": teacher.fingerprint}
    described |= _describe_grades(negatives, settings.curriculum)
    return described | {"precision": precision, "processes": n_processes}


def _describe_mask(mask: Mask | None) -> dict[str, str]:
    """Name a mask and what it depends on beside its settings."""
    return {} if mask is None else {"mask": str(mask), "mask_fingerprint": mask.fingerprint()}


def _describe_clusters(clusters: Clusters | None) -> dict[str, str]:
    """Name what neighbours are found by, where files or weights count beside the settings."""
    source = None if clusters is None else clusters.source
    return {"clusters_source": source.fingerprint()} if isinstance(source, Fingerprinted) else {}


def _describe_grades(negatives: pl.DataFrame | None, curriculum: Curriculum | None) -> dict[str, str]:
    """Hash what a curriculum reads of the negatives beside what everybody reads."""
    if negatives is None or curriculum is None:
        return {}
    columns = [digest(negatives[column].cast(pl.String)) for column in graded_by(curriculum)]
    return {"grades": digest(pl.Series(columns))}


def _hash_negatives(negatives: pl.DataFrame | None) -> str | None:
    if negatives is None:
        return None
    state = hashlib.blake2b(digest_size=16)
    for column in ("query", "document"):
        state.update(negatives[column].to_numpy().astype("<i4").tobytes())
    weight = negatives.select(weight_of(negatives)).to_series()
    if (weight < 1).any():
        state.update(weight.to_numpy().astype("<f4").tobytes())
    return state.hexdigest()
