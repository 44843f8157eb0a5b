"""What a component that lives outside the package may do at each of the five seams, driven by a recipe."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hardneg as hn
import outside
from hardneg.costs.bills import mining_bills
from hardneg.errors import InputError, ModelError, RecipeError
from hardneg.filters import PositiveMargin
from hardneg.filters.protocol import Fittable
from hardneg.models.protocol import Encoder
from hardneg.recipe import Recipe, plan_of
from hardneg.scoring.bi_encoder import vector_scores
from hardneg.scoring.protocol import Fingerprinted, Priced, Scaled
from hardneg.scoring.store import known_squashed
from hardneg.sources.protocol import Checks, Encodes
from tiny_model import build_tiny_model
from toy import toy_dataset

RECIPE = """
dataset = "{folder}/data"
model = "{folder}/tiny"

[[sources]]
use = "outside:TheirDense"

[mine]
depth = 10

[select]
per_query = 3

[train]
batch_size = 8
epochs = 2
precision = "fp32"
loss = {{ use = "outside:Softplus" }}
mask = {{ use = "outside:NotAbove", margin = 0.3 }}
refresh = {{ every = 3 }}

[evaluate]
rows = []
depth = 10
"""
FILTERS = """
[[filters]]
use = "outside:UsualLength"

[[filters]]
use = "teacher_threshold"
above = 1.5
scorer = { use = "outside:PaidLengths" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place, toy = tmp_path_factory.mktemp("outside"), toy_dataset()
    toy.write(place / "data")
    build_tiny_model(place, [*toy.query_texts, *toy.document_texts])
    return place


def load(folder, name, text) -> Recipe:
    (folder / name).write_text(text.format(folder=folder) if "{folder}" in text else text)
    return Recipe.load(folder / name)


@pytest.fixture(scope="module")
def recipe(folder) -> Recipe:
    return load(folder, "whole.toml", RECIPE.format(folder=folder) + FILTERS)


@pytest.fixture(scope="module")
def run(folder, recipe) -> Path:
    outside.SEARCHED_WITH.clear()
    hn.run(recipe, out=folder / "run")
    return folder / "run"


def test_what_they_offer_is_seen():
    source, filter_, scorer = outside.TheirDense("m"), outside.UsualLength(), outside.PaidLengths()
    assert isinstance(source, Encodes)
    assert isinstance(source, Checks)
    assert isinstance(filter_, Fittable)
    assert all(isinstance(scorer, each) for each in (Fingerprinted, Priced, Scaled))
    assert known_squashed(scorer) is False


def test_a_source_is_searched_with_the_newest_weights_while_training(run):
    rounds = [json.loads(line) for path in run.rglob("refresh.jsonl") for line in path.read_text().splitlines()]
    assert len(rounds) >= 2
    assert {each["problem"] for each in rounds} == {None}
    assert len(set(outside.SEARCHED_WITH)) == 1 + len(rounds)  # the recipe's model, and that of each round
    assert all(each["new_score"] is not None for each in rounds)


def test_a_source_without_a_model_of_the_training_is_refused_a_refresh(folder):
    other = load(folder, "other.toml", RECIPE.replace("TheirDense", 'TheirDense"\nmodel = "elsewhere/other'))
    with pytest.raises(InputError, match="would find the same negatives again"):
        hn.run(other, out=folder / "other")


def test_a_source_is_checked_before_any_work(folder):
    few = load(folder, "few.toml", RECIPE.replace('TheirDense"', 'TheirDense"\nleast_documents = 1000'))
    complaint = r"theirs: \d+ documents for \d+ queries of train"
    with pytest.raises(RecipeError, match=complaint):
        hn.run(few, out=folder / "few")
    assert not [*(folder / "few").rglob("candidates")]
    source = outside.TheirDense(str(folder / "tiny"), least_documents=1_000)
    with pytest.raises(RecipeError, match=complaint):
        hn.mine(toy_dataset(), sources=[source], filters=[], out=folder / "mined")
    assert not (folder / "mined").exists()
    with pytest.raises(RecipeError, match=complaint):
        hn.evaluate(toy_dataset(), source, split="train")


def test_the_model_of_a_source_is_looked_for_before_any_work(folder):
    text = RECIPE.replace("refresh = {{ every = 3 }}", "").replace("TheirDense", 'TheirDense"\nmodel = "/nowhere')
    with pytest.raises(ModelError, match="/nowhere does not exist"):
        hn.run(load(folder, "nowhere.toml", text), out=folder / "nowhere")


def test_the_default_margin_compares_the_score_of_a_source_that_encodes(folder):
    both = RECIPE.replace("[[sources]]", '[[sources]]\nuse = "bm25"\n\n[[sources]]', 1)
    assert load(folder, "both.toml", both).filters[-1] == PositiveMargin(ratio=0.95, score="theirs")


def test_a_filter_is_fitted_once_on_the_candidates_that_reach_it(run, recipe):
    (told,) = run.rglob("usual_length-0.json")
    found = json.loads(told.read_text())
    assert found["split"] == "train"
    assert found["candidates"] > 0
    funnel = json.loads(next(run.rglob("funnel.json")).read_text())
    assert funnel["dropped"]["usual_length"] > 0
    dealt = hn.read_dataset(run / "dataset")
    mined = hn.mine(dealt, sources=recipe.sources, filters=recipe.filters, select=recipe.select, depth=10)
    assert mined.funnel["dropped"]["usual_length"] == funnel["dropped"]["usual_length"]
    assert mined.plan.filters[0].fitted.endswith("usual_length-0.npz")


def test_a_scorer_is_asked_and_priced(folder, run, recipe):
    candidates = pl.concat(map(pl.read_parquet, sorted(run.rglob("candidates/*.parquet"))))
    scored = candidates["teacher_score"].drop_nulls()
    assert scored.max() > 1
    toy = toy_dataset()
    (bill,) = mining_bills(toy, plan_of(recipe, seed=0))
    assert bill.judge == "lengths"
    assert bill.price == pytest.approx(0.01 * bill.n_pairs)
    alone = plan_of(load(folder, "alone.toml", RECIPE), seed=0)
    assert bill.n_pairs >= len(scored)
    assert mining_bills(toy, alone) == []


def test_a_loss_and_a_mask_train(run, recipe):
    assert recipe.train.loss == outside.Softplus()
    assert recipe.train.mask == outside.NotAbove(margin=0.3)
    assert outside.NotAbove.prepared
    losses = [json.loads(line)["loss"] for line in next(run.rglob("loss.jsonl")).read_text().splitlines()]
    assert np.isfinite(losses).all()
    assert len(losses) > 3


def test_an_encoder_is_asked_once_for_each_text_and_its_vectors_give_the_scores(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path))
    toy, encoder = toy_dataset(), outside.TheirEncoder(str(folder / "tiny"))
    assert isinstance(encoder, Encoder)
    query, document = (each.astype(np.int32) for each in np.divmod(np.arange(24 * 40), 40))
    theirs = outside.TheirDense(str(folder / "tiny")).score(toy, query, document)
    np.testing.assert_allclose(vector_scores(encoder, toy, query, document), theirs, atol=1e-5)
    monkeypatch.setattr(encoder, "model", None)  # what was encoded is kept
    again = vector_scores(encoder, toy_dataset(), query, document)
    np.testing.assert_allclose(again, theirs, atol=1e-5)


def test_a_recipe_is_written_back_with_the_names_of_their_classes(folder, recipe):
    text = recipe.resolved()
    for name in ("TheirDense", "UsualLength", "PaidLengths", "Softplus", "NotAbove"):
        assert f'"outside:{name}"' in text
    assert load(folder, "again.toml", text) == recipe
