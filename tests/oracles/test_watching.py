"""A look is an evaluation: of a dataset of the sample's queries and documents, by the model that is saved after it."""

import pytest

from hardneg.evaluation.retrieval import evaluate
from hardneg.models.store import new_vectors_in
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.sample import draw_sample
from hardneg.training.watch.settings import Watch
from tiny_model import build_tiny_model
from watched_toy import SETTINGS, WATCH, watched_dataset, watched_negatives


@pytest.mark.parametrize("measure", ["nDCG@10", "RR@10", "AP"])
def test_looks_are_what_evaluate_says_of_the_models_at_both_ends(tmp_path, measure):
    dataset = watched_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    watch = Watch(**WATCH, measure=measure)
    settings = TrainSettings(**SETTINGS, max_tokens=8, watch=watch)
    trained = train(start, dataset, watched_negatives(), settings=settings, out=tmp_path / "run")
    sample = draw_sample(watch, dataset, split="dev")
    for look, model in ((trained.watched.first, start), (trained.watched.last, trained.path)):
        with new_vectors_in(tmp_path / "vectors"):
            system = Dense(model=str(model), precision="fp32", max_tokens=8)
            found = evaluate(sample.dataset, system, split="dev", measures=[measure])
        assert look.value == pytest.approx(found.metrics[measure], abs=1e-6)


def test_a_look_at_everything_is_the_evaluation_at_the_end(tmp_path):
    dataset = watched_dataset()
    start = build_tiny_model(tmp_path, [*dataset.query_texts, *dataset.document_texts])
    settings = TrainSettings(**SETTINGS, watch={"every": 3, "queries": "all", "beside": "all"})
    trained = train(start, dataset, watched_negatives(), settings=settings, out=tmp_path / "run")
    assert trained.watched.whole == pytest.approx(trained.watched.last.value, abs=1e-6)
    assert trained.watched.about.is_whole
