"""Masks in general, the mask by the model's own scores, and what a step measures of both."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.losses import LOSSES
from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.inputs import _describe_mask
from hardneg.training.masks import MASKS, Cells, Mask, OwnScore, narrow
from hardneg.training.plan import Step, TrainingData
from hardneg.training.pool.pool import judged_negative
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.settings import TrainSettings
from hardneg.training.step import compute_gradient


@dataclass(frozen=True)
class Everything:
    """Takes every negative away, or tries to give all documents back."""

    keeps: bool = False

    def prepare(self, dataset, query):
        pass

    def fingerprint(self):
        return "x"

    def keep(self, matrix, cells):
        return torch.full_like(matrix.allowed, self.keeps)


def cells(dataset, query, document):
    return Cells(dataset, np.array(query, np.int32), np.array(document, np.int32))


def matrix(scores, target, allowed=None):
    values = torch.tensor(scores, requires_grad=True)
    allowed = torch.ones_like(values, dtype=torch.bool) if allowed is None else torch.tensor(allowed)
    return ScoreMatrix(values, torch.tensor(target), allowed)


def by_text_group(dataset, documents):
    return sorted(documents, key=lambda document: dataset.text_group[document])


def test_every_mask_of_the_map_fits_the_protocol():
    assert all(issubclass(mask, Mask) for mask in MASKS.values())


def test_own_score_drops_what_scores_above_the_positive_by_more_than_the_margin(tiny):
    columns = by_text_group(tiny, [0, 1, 2, 3])
    row = {0: 0.5, 1: 0.55, 2: 0.65, 3: 0.4}
    given = matrix([[row[document] for document in columns]], [columns.index(0)])
    found = narrow(given, OwnScore(margin=0.1), cells(tiny, [0], columns))
    assert dict(zip(columns, found.allowed[0].tolist(), strict=True)) == {0: True, 1: True, 2: False, 3: True}


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.5]))
def test_own_score_equals_its_double_loop(seed, margin):
    rng = np.random.default_rng(seed)
    scores, target = rng.uniform(-1, 1, (3, 5)).astype(np.float32), rng.integers(0, 5, 3)
    allowed = rng.random((3, 5)) < 0.7
    dataset = unlabelled(5)
    found = narrow(
        ScoreMatrix(*map(torch.from_numpy, (scores, target, allowed))),
        OwnScore(margin=margin),
        cells(dataset, [0, 1, 2], by_text_group(dataset, range(5))),
    )
    for i in range(3):
        for j in range(5):
            expected = bool(allowed[i][j]) and not scores[i][j] > np.float32(scores[i][target[i]]) + np.float32(margin)
            assert bool(found.allowed[i, j]) == (expected or j == target[i])


def unlabelled(n_documents):
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["a", "b", "c"]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": [f"text {i}" for i in range(n_documents)]}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )


def test_no_mask_can_take_the_target_or_add_what_was_not_allowed(tiny):
    columns = by_text_group(tiny, [0, 1, 2])
    target = [columns.index(0), columns.index(1)]
    given = matrix([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]], target, [[True, False, False], [False, False, True]])
    where = cells(tiny, [0, 1], columns)
    assert narrow(given, Everything(), where).allowed.sum() == 2
    assert narrow(given, Everything(), where).allowed[range(2), target].all()
    kept = narrow(given, Everything(keeps=True), where).allowed
    assert kept.equal(given.allowed.scatter(1, given.target.unsqueeze(1), True))


def test_documents_judged_not_relevant_are_spared_in_the_rows_of_their_query(tiny):
    columns = by_text_group(tiny, [0, 1, 7])  # d7 is judged not relevant to q0
    target = [columns.index(0), columns.index(1)]
    found = narrow(matrix([[0.0] * 3] * 2, target), Everything(), cells(tiny, [0, 1], columns))
    assert found.allowed[:, columns.index(7)].tolist() == [True, False]


@given(st.data())
def test_judged_negatives_are_those_of_a_double_loop_over_texts(data):
    texts = data.draw(st.lists(st.sampled_from(["a", "A", " a", "b", "c", "d"]), min_size=2, max_size=8))
    pair = st.tuples(st.integers(0, 2), st.integers(0, len(texts) - 1))
    labels = data.draw(st.dictionaries(pair, st.integers(0, 1), min_size=1, max_size=12))
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["x", "y", "z"]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(len(texts))], "text": texts}),
        pl.DataFrame(
            [(f"q{q}", f"d{d}", relevance, "train") for (q, d), relevance in labels.items()],
            schema=["query_id", "doc_id", "relevance", "split"],
            orient="row",
        ),
    )
    group = dataset.text_group.tolist()
    columns = [group.index(each) for each in sorted(set(group))]
    rows = [2, 0, 0]
    found = judged_negative(dataset, np.array(rows, np.int32), np.array(columns, np.int32))
    for i, query in enumerate(rows):
        for j, document in enumerate(columns):
            expected = any(
                q == query and group[d] == group[document] and not relevance for (q, d), relevance in labels.items()
            )
            assert found[i, j] == expected


@pytest.mark.parametrize("loss", [cls() for cls in LOSSES.values()], ids=repr)
def test_a_masked_negative_gets_no_gradient_from_any_loss(tiny, loss):
    columns = by_text_group(tiny, [0, 1, 2])
    scores = [0.0, 0.0, 0.0]
    scores[columns.index(0)], scores[columns.index(1)], scores[columns.index(2)] = 0.5, 0.9, 0.45
    given = matrix([scores], [columns.index(0)])
    narrowed = narrow(given, OwnScore(), cells(tiny, [0], columns))
    teacher = torch.zeros(1, 3).scatter(1, given.target.unsqueeze(1), 10.0)
    loss(replace(narrowed, teacher=teacher)).backward()
    assert given.scores.grad[0, columns.index(1)] == 0
    assert given.scores.grad[0, columns.index(2)] > 0 > given.scores.grad[0, columns.index(0)]
    assert not narrowed.allowed.requires_grad


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_a_margin_below_zero_is_refused(margin):
    with pytest.raises(RecipeError, match="margin of own_score"):
        OwnScore(margin=margin)


def test_a_mask_and_its_fingerprint_are_part_of_a_runs_identity():
    assert _describe_mask(None) == {}
    assert _describe_mask(Everything()) == {"mask": "Everything(keeps=False)", "mask_fingerprint": "x"}


def test_a_recipe_names_a_mask_as_it_names_a_loss():
    from hardneg.components import Room, as_table, build
    from hardneg.place import Place

    rooms = {"loss": Room("loss", LOSSES, Loss), "mask": Room("mask", MASKS, Mask)}
    place = Place(Path(__file__))
    given = {"mask": {"use": "guide", "model": "some/guide", "margin": 0.05, "relative": True}}
    settings = build(TrainSettings, given, place, rooms=rooms)
    assert settings.mask == MASKS["guide"]("some/guide", margin=0.05, relative=True)
    assert build(TrainSettings, as_table(settings, rooms=rooms), place, rooms=rooms) == settings
    assert build(TrainSettings, {"mask": "own_score"}, place, rooms=rooms).mask == OwnScore()
    assert build(TrainSettings, {}, place, rooms=rooms).mask is None
    assert "mask" not in as_table(TrainSettings(), rooms=rooms)
    with pytest.raises(RecipeError, match="unknown mask 'own_scores'; did you mean 'own_score'"):
        build(TrainSettings, {"mask": "own_scores"}, place, rooms=rooms)


class LinearTowers(torch.nn.Module):
    """A vector for each text, learned."""

    def __init__(self, texts):
        super().__init__()
        self.place = {text: at for at, text in enumerate(texts)}
        self.vectors = torch.nn.Parameter(torch.randn(len(texts), 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, queries, documents):
        return tuple(self.vectors[[self.place[text] for text in texts]] for texts in (queries, documents))


@pytest.mark.parametrize("mask", [None, OwnScore(margin=0.5)])
def test_a_step_measures_what_a_double_loop_over_its_batches_finds(tiny, mask):
    table = pl.DataFrame({"query": [0, 0, 1, 2], "document": [6, 3, 7, 6]}, schema_overrides={"query": pl.Int32})
    query, document = np.array([0, 1, 1, 2], np.int32), np.array([0, 1, 4, 2], np.int32)
    data = TrainingData(tiny, query, document, MinedNegatives(table, n_queries=4))
    towers = LinearTowers([*tiny.query_texts, *tiny.document_texts])
    step = Step(0, [np.array([0, 1]), np.array([2, 3])])
    measured = compute_gradient(step, data, towers, Accelerator(cpu=True), TrainSettings(mask=mask))

    vector = {text: towers.vectors[at].detach().numpy() for text, at in towers.place.items()}
    positives, negatives, above, masked = [], [], 0, 0
    for rows in step.batches:
        mined = [d for q, d in table.rows() if q in query[rows]]
        pool = {tiny.text_group[d]: d for d in [*mined[::-1], *document[rows].tolist()[::-1]]}
        for q, d in zip(query[rows].tolist(), document[rows].tolist(), strict=True):
            own = vector[tiny.query_texts[q]]
            positive = float(own @ vector[tiny.document_texts[d]])
            positives.append(positive)
            for other in pool.values():
                if tiny.is_answer(np.array([q]), np.array([other])).item():
                    continue
                found = float(own @ vector[tiny.document_texts[int(other)]])
                if mask is not None and found > positive + mask.margin:
                    masked += 1
                    continue
                negatives.append(found)
                above += found > positive
    assert measured.positive_mean == pytest.approx(np.mean(positives), rel=1e-5)
    assert measured.negative_mean == pytest.approx(np.mean(negatives), rel=1e-5)
    assert measured.share_above == pytest.approx(above / len(negatives))
    assert measured.mask_rate == pytest.approx(masked / (masked + len(negatives)))
    assert (masked > 0) == (mask is not None)


def test_a_step_whose_negatives_are_all_masked_measures_none_and_moves_nothing(tiny):
    data = TrainingData(tiny, np.array([1, 2], np.int32), np.array([1, 2], np.int32), MinedNegatives(None, n_queries=4))
    towers = LinearTowers([*tiny.query_texts, *tiny.document_texts])
    settings = TrainSettings(mask=Everything())
    measured = compute_gradient(Step(0, [np.arange(2)]), data, towers, Accelerator(cpu=True), settings)
    assert (measured.loss, measured.grad_norm, measured.mask_rate) == (0, 0, 1)
    assert math.isnan(measured.negative_mean)
    assert math.isnan(measured.share_above)
