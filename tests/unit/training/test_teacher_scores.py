"""Teacher scores on their way from the table to the loss."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RunError
from hardneg.losses import KL, InfoNCE, MarginMSE, WeightedSum
from hardneg.training.checks import check_taught
from hardneg.training.folder import TrainingFolder
from hardneg.training.loop import train
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

MIX = WeightedSum((InfoNCE(), KL()), (1.0, 0.2))


def table(rows, **columns):
    scores = pl.DataFrame(rows, schema={"query": pl.Int32, "document": pl.Int32, "score": pl.Float32}, orient="row")
    return scores.with_columns(teacher=pl.lit("one")).with_columns(**columns)


def toy_scores(*, scale=6.0, seed=0):
    """Raw scores of all training pairs and mined negatives."""
    query, document = training_pairs(toy_dataset(), "train")
    positives = pl.DataFrame({"query": query, "document": document})
    pairs = pl.concat([positives, toy_negatives()])
    score = scale * np.random.default_rng(seed).standard_normal(pairs.height)
    return pairs.with_columns(teacher=pl.lit("one"), score=pl.Series(score.astype(np.float32)))


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    toy = toy_dataset()
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


TOY = toy_dataset()


@given(st.data())
def test_the_look_up_equals_a_double_loop_over_texts(data):
    toy = TOY  # its text groups are known after the first example
    some = st.integers(0, 9)
    known = data.draw(st.dictionaries(st.tuples(some, some), st.floats(-9, 9, width=32), min_size=1, max_size=30))
    scores = TeacherScores.from_table(table([(q, d, s) for (q, d), s in known.items()]), toy)
    query = np.array(data.draw(st.lists(some, min_size=1, max_size=6)), np.int32)
    document = np.array(data.draw(st.lists(some, min_size=1, max_size=8)), np.int32)
    found = scores.of(toy, query, document)
    for i, q in enumerate(query.tolist()):
        for j, d in enumerate(document.tolist()):
            assert found[i, j] == known[q, d] if (q, d) in known else math.isnan(found[i, j])


def test_equal_texts_have_the_score_of_the_first_under_any_id(tiny):
    scores = TeacherScores.from_table(table([(0, 5, 2.5), (0, 0, 9.0), (1, 6, -1.0)]), tiny)  # d5 repeats d0
    found = scores.of(tiny, np.array([1, 0], np.int32), np.array([6, 0, 5, 3], np.int32))
    assert found[1].tolist()[1:3] == [2.5, 2.5]
    assert found[0, 0] == -1
    assert np.isnan(found).sum() == 5


def test_several_teachers_are_averaged_where_all_of_them_scored(tiny):
    one = table([(0, 0, 4.0), (0, 6, -2.0), (1, 3, 1.0)])
    two = table([(0, 6, 1.0), (0, 0, 3.0)], teacher=pl.lit("two"))
    scores = TeacherScores.from_table(pl.concat([one, two]), tiny)
    found = scores.of(tiny, np.array([0, 1], np.int32), np.array([0, 6, 3], np.int32))
    assert found[0].tolist()[:2] == [3.5, -0.5]
    assert math.isnan(found[1, 2])
    assert not scores.squashed


def test_a_table_without_names_is_of_one_teacher_and_its_fingerprint_is_of_its_scores(tiny):
    rows = [(0, 0, 4.0), (0, 6, -2.0)]
    plain = TeacherScores.from_table(table(rows).drop("teacher"), tiny)
    assert plain.fingerprint == TeacherScores.from_table(table(rows[::-1]), tiny).fingerprint
    assert plain.fingerprint != TeacherScores.from_table(table([(0, 0, 4.0), (0, 6, -2.5)]), tiny).fingerprint


@pytest.mark.parametrize(
    ("scores", "column", "squashed"),
    [([0.1, 1.0], None, True), ([0.1, 1.5], None, False), ([0.1, 0.9], False, False), ([-3.0, 9.0], True, True)],
)
def test_scores_are_squashed_if_the_table_says_so_or_if_all_lie_between_0_and_1(tiny, scores, column, squashed):
    rows = table([(0, 0, scores[0]), (0, 6, scores[1])], squashed=pl.lit(column, dtype=pl.Boolean))
    assert TeacherScores.from_table(rows, tiny).squashed == squashed


def test_squashed_scores_are_not_averaged_with_raw_ones(tiny):
    mixed = pl.concat([table([(0, 0, 7.0)]), table([(0, 0, 0.7)], teacher=pl.lit("two"))])
    with pytest.raises(RunError, match=r"one \(raw\), two \(between 0 and 1\); score with activation=\"identity\""):
        TeacherScores.from_table(mixed, tiny)
    halves = table([(0, 0, 0.7), (0, 6, 0.1)], squashed=pl.Series([True, False]))
    with pytest.raises(RunError, match="some scores of teacher 'one' are marked as squashed and some not"):
        TeacherScores.from_table(halves, tiny)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table([(0, 0, math.nan)]), "row 1 has no finite score"),
        (table([(0, 0, None)]), "row 1 has no finite score"),
        (table([]), "it has no row"),
        (
            table([(0, 99, 1.0)]),
            "names document 99, but tiny has 8; were the teacher scores scored for another dataset",
        ),
        (table([(0, 0, 1.0)]).drop("query"), "has no column 'query'"),
        (table([(0, 0, 1.0)]).drop("score"), "has no column 'score' of numbers"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tiny, wrong, message):
    with pytest.raises(RunError, match=message):
        TeacherScores.from_table(wrong, tiny)


MINED = toy_negatives()


def checked(loss, scores, negatives=MINED):
    teacher = None if scores is None else TeacherScores.from_table(scores, TOY)
    check_taught(loss, teacher, TOY, training_pairs(TOY, "train"), negatives)


def test_a_loss_and_scores_that_do_not_fit_each_other_are_refused_with_the_way_out():
    with pytest.raises(
        RunError, match=r"^KL\(.*\) learns from a teacher's scores, and there are none; .*hardneg score"
    ):
        checked(MIX, None)
    with pytest.raises(RunError, match=r"InfoNCE\(.*\) learns from none; leave them out"):
        checked(InfoNCE(), toy_scores())
    squashed = toy_scores().with_columns(score=1 / (1 + (-pl.col("score")).exp()))
    with pytest.raises(RunError, match='score again with activation="identity"'):
        checked(WeightedSum((InfoNCE(), MarginMSE()), (1.0, 0.1)), squashed)
    checked(KL(), squashed)
    checked(MarginMSE(), toy_scores())
    checked(MarginMSE(), toy_scores(), None)
    checked(InfoNCE(), None)


def test_scores_that_cover_too_few_pairs_are_refused_by_number():
    few = toy_scores().filter(pl.col("query") < 8)  # 14 pairs: six queries have two positives, the last no negative
    with pytest.raises(RunError, match="of 29 training pairs with mined negatives only 14 have a teacher's score for"):
        checked(KL(), few)
    checked(KL(), toy_scores().filter(pl.col("query") < 9))
    positives = toy_scores().head(30)
    with pytest.raises(RunError, match=r"of 29 training pairs with mined negatives only 0 have .* for one of them"):
        checked(KL(), positives)
    with pytest.raises(
        RunError, match=r"of 30 training pairs only 12 have .* for another document"
    ):  # its other answer
        checked(KL(), positives, None)
    with pytest.raises(RunError, match="of 0 training pairs with mined negatives only 0 have"):
        checked(KL(), toy_scores(), MINED.clear())


FAST = {"batch_size": 8, "epochs": 2, "learning_rate": 1e-3, "precision": "fp32"}


def test_training_follows_the_teacher_also_against_the_labels(start, tmp_path):
    settings = TrainSettings(**FAST | {"epochs": 6, "learning_rate": 3e-3}, loss=MarginMSE(scale=3.0))
    n_negatives = toy_negatives().height
    against = toy_scores().with_columns(score=pl.Series([-0.5] * 30 + [0.5] * n_negatives, dtype=pl.Float32))
    train(start, toy_dataset(), toy_negatives(), scores=against, settings=settings, out=tmp_path)
    records = TrainingFolder(tmp_path).records()
    assert records[-1]["loss"] < 0.5 * records[0]["loss"]
    assert records[-1]["positive_mean"] < records[-1]["negative_mean"]


def test_the_scores_are_part_of_a_runs_identity(start, tmp_path):
    def trained(scores, out):
        settings = TrainSettings(**FAST, loss=MIX)
        path = train(start, toy_dataset(), toy_negatives(), scores=scores, settings=settings, out=tmp_path / out).path
        return (path / "model.safetensors").read_bytes()

    first = trained(toy_scores(), "first")
    assert trained(toy_scores().sort("score"), "first") == first
    assert trained(toy_scores(seed=1), "second") != first
    with pytest.raises(RunError, match="training run with other inputs: scores"):
        trained(toy_scores(seed=1), "first")


def test_a_batch_of_a_step_has_the_scores_of_its_cells(start):
    from accelerate import Accelerator

    from hardneg.training.plan import Step, TrainingData, batch_of
    from hardneg.training.pool.pool import build_pool
    from hardneg.training.sampling.batches import MinedNegatives
    from hardneg.training.step import compute_gradient

    toy, seen = toy_dataset(), []

    class Spy(InfoNCE):
        def __call__(self, matrix):
            seen.append(matrix)
            return super().__call__(matrix)

    class Fixed(torch.nn.Linear):
        def forward(self, queries, documents):
            return self.weight[[0] * len(queries)], self.weight[[0] * len(documents)]

    query, document = training_pairs(toy, "train")
    teacher = TeacherScores.from_table(toy_scores(), toy)
    data = TrainingData(toy, query, document, MinedNegatives(toy_negatives(), n_queries=24), teacher)
    settings, rows = TrainSettings(loss=Spy()), np.arange(0, 20, 3)
    compute_gradient(Step(0, [rows]), data, Fixed(2, 2), Accelerator(cpu=True), settings)
    batch = batch_of(data, rows, epoch=0, settings=settings)
    expected = teacher.of(toy, batch.query, build_pool(toy, batch).document)
    np.testing.assert_array_equal(seen[0].teacher.numpy(), expected)
    assert np.isfinite(expected).any(axis=1).all()
    assert np.isnan(expected).any()
