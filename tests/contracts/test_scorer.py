"""What holds for every entry of `SCORERS` that needs nothing but a model."""

import dataclasses
import inspect

import numpy as np
import polars as pl
import pytest

from hardneg.scoring import SCORERS, Scorer, stored_scores
from hardneg.scoring.protocol import Fingerprinted
from hardneg.scoring.store import score_table
from tiny_cross_encoder import build_tiny_cross_encoder
from tiny_model import build_tiny_model
from toy import toy_dataset

OFFLINE = {"cross_encoder": build_tiny_cross_encoder, "bi_encoder": build_tiny_model}
ELSEWHERE = {"cross_fitted", "llm_judge"}  # need training or a server: tests/unit/teaching, tests/unit/scoring_llm
QUERY, DOCUMENT = (each.astype(np.int32) for each in np.divmod(np.arange(24 * 40), 40))


@pytest.fixture(scope="module")
def dataset():
    return toy_dataset()


@pytest.fixture(scope="module", params=sorted(OFFLINE))
def scorer(request, dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = OFFLINE[request.param](folder, [*dataset.query_texts, *dataset.document_texts])
    return SCORERS[request.param](model=str(model))


def test_every_scorer_of_the_room_is_tried():
    assert SCORERS.keys() - ELSEWHERE == OFFLINE.keys()


def test_it_is_a_frozen_dataclass_whose_repr_makes_it_again(scorer):
    assert isinstance(scorer, Scorer)
    assert isinstance(scorer, Fingerprinted)
    assert scorer.name == "teacher"
    assert scorer == eval(repr(scorer), {cls.__name__: cls for cls in SCORERS.values()})
    for field in dataclasses.fields(scorer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(scorer, field.name, None)


def test_it_gives_each_pair_a_finite_score(scorer, dataset):
    score = scorer.score(dataset, QUERY, DOCUMENT)
    assert score.dtype == np.float32
    assert score.shape == QUERY.shape
    assert np.isfinite(score).all()
    assert len(np.unique(score)) > 100


def test_its_scores_as_a_table_say_whose_they_are_and_on_which_scale(scorer, dataset):
    pairs = pl.DataFrame({"query": QUERY[:50], "document": DOCUMENT[:50]})
    table = score_table(scorer, dataset, pairs)
    np.testing.assert_array_equal(table["score"].to_numpy(), scorer.score(dataset, QUERY[:50], DOCUMENT[:50]))
    assert table["teacher"].unique().to_list() == ["teacher"]
    assert table["squashed"].unique().to_list() == [getattr(scorer, "activation", "identity") == "sigmoid"]


def test_the_other_pairs_and_their_order_change_no_bit(scorer, dataset):
    whole = scorer.score(dataset, QUERY, DOCUMENT)
    rng = np.random.default_rng(5)
    for size in (1, 7, 100, len(QUERY)):
        rows = rng.permutation(len(QUERY))[:size]
        np.testing.assert_array_equal(scorer.score(dataset, QUERY[rows], DOCUMENT[rows]), whole[rows])


def test_the_store_gives_what_the_scorer_gives_cold_and_warm(scorer, dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path))
    whole = scorer.score(dataset, QUERY, DOCUMENT)
    part = slice(300, 500)
    for rows in (part, slice(None), slice(None)):
        np.testing.assert_array_equal(stored_scores(scorer, dataset, QUERY[rows], DOCUMENT[rows]), whole[rows])


def test_no_pairs_have_no_scores(scorer, dataset):
    nothing = np.empty(0, np.int32)
    assert scorer.score(dataset, nothing, nothing).shape == (0,)


def test_its_fingerprint_is_stable(scorer):
    assert scorer.fingerprint() == scorer.fingerprint()
    assert scorer.fingerprint()


def test_it_says_what_it_does(scorer):
    assert inspect.getdoc(type(scorer)).startswith("Score")
