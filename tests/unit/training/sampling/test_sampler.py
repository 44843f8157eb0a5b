import numpy as np
import polars as pl
import pytest
import torch

from hardneg.errors import Interrupted, RunError
from hardneg.progress import showing
from hardneg.training.loop import train
from hardneg.training.plan import TrainingData, batch_of, plan_steps, serve
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.settings import TrainSettings
from stopping import StopAfter, weights
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

CURRICULUM = Curriculum(shares={"easy": (1.0, 0.0), "hard": (0.0, 1.0)}, window=((0.0, 0.4), (0.6, 1.0)))
SETTINGS = {
    "batch_size": 8,
    "epochs": 2,
    "learning_rate": 1e-3,
    "precision": "fp32",
    "negatives_per_row": 1,
    "curriculum": CURRICULUM,
}


def negatives():
    """Toy negatives, of which documents 30 to 34 are the easy ones."""
    hard = (pl.col("document") - 30) * 0.1
    source = pl.when(pl.col("document") < 35).then(pl.lit("easy")).otherwise(pl.lit("hard"))
    return toy_negatives(per_query=10).with_columns(source=source, score=hard, positive_score=pl.lit(1.0))


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


def test_steps_know_how_far_the_run_is_and_their_batches_follow_the_curriculum(toy):
    settings = TrainSettings(**SETTINGS)
    query, document = training_pairs(toy, "train")
    data = TrainingData(toy, query, document, serve(negatives(), settings, n_queries=toy.n_queries))
    steps = plan_steps(data, settings)
    assert [step.progress for step in steps] == pytest.approx(np.linspace(0, 1, len(steps)))

    def drawn(step):
        batch = batch_of(data.at(step.progress), step.batches[0], epoch=step.epoch, settings=settings)
        return set(batch.negative.tolist())

    assert drawn(steps[0]) <= {30, 31}
    assert drawn(steps[-1]) <= {38, 39}


def test_a_run_with_a_curriculum_that_was_stopped_ends_with_the_bytes_of_one_that_was_not(start, toy, tmp_path):
    settings = TrainSettings(**SETTINGS, dropout=True)
    whole = train(start, toy, negatives(), settings=settings, out=tmp_path / "whole")
    with showing(StopAfter(20)), pytest.raises(Interrupted):
        train(start, toy, negatives(), settings=settings, out=tmp_path / "stopped")
    torch.manual_seed(99)
    train(start, toy, negatives(), settings=settings, out=tmp_path / "stopped")
    assert weights(tmp_path / "stopped") == weights(whole.path.parent)


def test_what_decides_the_grades_is_part_of_what_a_run_was_asked_for(start, toy, tmp_path):
    train(start, toy, negatives(), settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    other = negatives().with_columns(score=-pl.col("score"))
    with pytest.raises(RunError, match="grades"):
        train(start, toy, other, settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    with pytest.raises(RunError, match="curriculum"):
        train(start, toy, negatives(), settings=TrainSettings(**SETTINGS | {"curriculum": None}), out=tmp_path / "run")


def test_a_curriculum_that_the_negatives_do_not_allow_is_refused_before_any_work(start, toy, tmp_path):
    settings = TrainSettings(**SETTINGS)
    for table, message in ((None, "needs mined negatives"), (toy_negatives(), "column 'source'")):
        with pytest.raises(RunError, match=message):
            train(start, toy, table, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
