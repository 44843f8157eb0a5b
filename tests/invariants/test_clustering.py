"""What must hold of a run whose batches are clustered: the same after a stop, and each pair as often as without."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from hardneg.checksums import SUMS
from hardneg.errors import Interrupted
from hardneg.filters import PositiveMargin
from hardneg.models.sentence_transformer import load_model
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.progress import showing
from hardneg.sources import BM25, Dense
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers, live_vectors
from hardneg.training.plan import TrainingData, batch_of, plan_steps, pool_of, redraw
from hardneg.training.refresh.neighbours import Drawing
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.sampling.clusters import Greedy, Metis
from hardneg.training.sampling.neighbours import TrainingPairs, by_source, by_vectors, depth_for, link
from hardneg.training.settings import TrainSettings
from stopping import StopAfter, weights
from tiny_model import build_tiny_model
from toy import toy_dataset

SETTINGS = {"batch_size": 8, "epochs": 3, "learning_rate": 5e-3, "precision": "fp32", "negatives_per_row": 2}


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


def data_of(toy, source, *, ratio=0.95):
    query, document = training_pairs(toy, "train")
    pairs = TrainingPairs.of(toy, query, document)
    found = link(pairs, by_source(pairs, source, depth=depth_for(4, 0)), neighbours=4, skip=0, ratio=ratio)
    return TrainingData(toy, query, document, MinedNegatives(None, n_queries=toy.n_queries), neighbours=found)


def test_each_epoch_has_every_pair_once_in_full_batches_before_and_after_a_redraw(toy):
    data, settings = data_of(toy, BM25(analyzer="plain")), TrainSettings(batch_size=8, epochs=3, clusters="greedy")
    steps = plan_steps(data, settings)
    for plan in (steps, redraw(steps, 6, data, settings)):
        assert [[len(rows) for rows in step.batches] for step in plan] == [[8], [8], [7], [7]] * 3
        for epoch in range(3):
            rows = np.concatenate([step.batches[0] for step in plan if step.epoch == epoch])
            assert sorted(rows.tolist()) == list(range(30))
    changed = redraw(steps, 6, data, settings)
    assert all((one.batches[0] == two.batches[0]).all() for one, two in zip(steps[:6], changed[:6], strict=True))


def test_what_is_near_an_answer_is_no_negative_in_any_batch(toy, start):
    source = Dense(model=start, precision="fp32")
    data, settings = data_of(toy, source), TrainSettings(batch_size=16, clusters="greedy")
    positive = source.score(toy, data.query, data.document)
    weakest = {q: positive[data.query == q].min() for q in np.unique(data.query)}
    n_near = 0
    for step in plan_steps(data, settings):
        batch = batch_of(data, step.batches[0], epoch=0, settings=settings)
        pool = pool_of(data, batch, settings)
        for row, query in enumerate(batch.query):
            score = source.score(toy, np.full(len(pool.document), query), pool.document)
            near = (score >= weakest[query] - 0.05 * abs(weakest[query])) & (np.arange(len(score)) != pool.target[row])
            n_near += near.sum()
            assert not pool.allowed[row, near].any()
            assert pool.allowed[row, pool.target[row]]
    assert n_near > 0


@pytest.mark.parametrize("clusters", [Greedy(neighbours=4), Metis(neighbours=4), Greedy(neighbours=4, source="bm25")])
@pytest.mark.parametrize("mined", [True, False], ids=["mined", "in batch"])
def test_a_run_that_was_stopped_ends_with_the_bytes_of_one_that_was_not(toy, start, tmp_path, clusters, mined):
    plan, negatives = None, None
    if mined:
        dense = Dense(model=start, precision="fp32")
        plan = Plan("train", (dense,), (PositiveMargin(ratio=0.99),), Selection(per_query=5), depth=8)
        negatives = mine_block(toy, toy.queries_of("train"), plan)[1]
    settings = TrainSettings(**SETTINGS, refresh=Refresh(every=3), clusters=clusters, checkpoint_every=2)
    whole = train(start, toy, negatives, settings=settings, plan=plan, out=tmp_path / "whole")
    for pairs in (34, 62):
        with showing(StopAfter(pairs)), pytest.raises(Interrupted):
            train(start, toy, negatives, settings=settings, plan=plan, out=tmp_path / "stopped")
        torch.manual_seed(99)
    again = train(start, toy, negatives, settings=settings, plan=plan, out=tmp_path / "stopped")
    assert again.loss == whole.loss
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")
    assert not (tmp_path / "whole" / "clusters").exists()


def test_a_redraw_follows_the_weights_and_changes_what_comes_after_it_alone(toy, start, tmp_path):
    settings = {**SETTINGS, "clusters": Greedy(neighbours=4)}
    losses = []
    for name, refresh in (("redrawn", Refresh(every=6)), ("kept", None)):
        train(start, toy, settings=TrainSettings(**settings, refresh=refresh), out=tmp_path / name)
        text = (tmp_path / name / "loss.jsonl").read_text().splitlines()
        losses.append([line.split('"loss": ')[1].split(",")[0] for line in text])
    assert losses[0][:6] == losses[1][:6]
    assert losses[0][6:] != losses[1][6:]


def test_of_many_pairs_vectors_lie_in_files_while_they_are_ranked_and_link_the_same(toy, start, tmp_path, monkeypatch):
    pairs = TrainingPairs.of(toy, *training_pairs(toy, "train"))
    towers = TwoTowers(load_model(start, device="cpu"), query_prompt=None, document_prompt=None, bf16=False)
    texts = (toy.query_texts.gather(pairs.queries), toy.document_texts.gather(pairs.documents))
    rounded = (vectors.astype(np.float16).astype(np.float32) for vectors in live_vectors(towers, *texts))
    wanted = link(pairs, by_vectors(pairs, *rounded, depth=depth_for(4, 0)), neighbours=4, skip=0, ratio=0.95)
    monkeypatch.setattr("hardneg.training.refresh.neighbours.WHOLE", 1)
    found = Drawing(tmp_path, Greedy(neighbours=4, ratio=0.95), pairs).draw(0, towers, Accelerator(cpu=True))
    assert (found.links != wanted.links).nnz == 0
    assert [file.name for file in (tmp_path / "clusters").iterdir() if file.name != SUMS] == ["step-00000000.npz"]
