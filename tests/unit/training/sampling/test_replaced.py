import json

import numpy as np
import polars as pl
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from hardneg.errors import Interrupted, RecipeError, RunError
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.progress import showing
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.passes.embedding import TwoTowers, live_scores
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.sampling.replacement import ReplacedNegatives, Replacement
from hardneg.training.settings import TrainSettings
from stopping import StopAfter, weights
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


@pytest.mark.parametrize(
    ("score", "entry", "expected"),
    [(0.5, 0.6, True), (0.5, 0.57, False), (-0.5, -0.4, True), (-0.41, -0.4, False), (0.4, 0.4, False), (0, 0, False)],
)
def test_a_drop_is_a_share_of_the_scores_size_whatever_its_sign(score, entry, expected):
    assert Replacement(factor=1.15).dropped(np.float32([score]), np.float32([entry])).tolist() == [expected]


def test_for_positive_scores_the_rule_is_the_papers():
    rng = np.random.default_rng(0)
    score, entry = rng.random((2, 1_000), dtype=np.float32)
    assert np.array_equal(Replacement().dropped(score, entry), score * np.float32(1.15) < entry)


def test_a_bound_spares_what_still_scores_high():
    score, entry = np.float32([0.7, 0.85]), np.float32([1.0, 1.0])
    assert Replacement(below=0.8).dropped(score, entry).tolist() == [True, False]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"factor": 0.9}, {"factor": float("inf")}, {"below": float("nan")}])
def test_what_cannot_be_done_is_refused(wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        Replacement(**wrong)


def test_two_that_choose_a_rows_negatives_are_refused():
    with pytest.raises(RecipeError, match="both choose"):
        TrainSettings(negatives_per_row=1, curriculum=Curriculum(window=((0, 0.5),)), replacement=Replacement())
    with pytest.raises(RecipeError, match="negatives_per_row"):
        TrainSettings(replacement=Replacement())


def textbook(candidates, looks, scores, per_row, factor):
    """One query: a list in use, a queue of the rest; each look compares every one with its score on entry."""
    waiting, use = list(candidates[per_row:]), [(d, scores[0][d]) for d in candidates[:per_row]]
    for look in looks:
        for place, (document, entry) in enumerate(use):
            now = scores[look][document]
            if now < entry - abs(entry) * (1 - 1 / factor) and waiting:
                new = waiting.pop(0)
                use[place] = (new, scores[look][new])
    return [document for document, _ in use]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=3, max_size=3),
    st.integers(1, 4),
    st.lists(st.lists(st.integers(-8, 8), min_size=21, max_size=21), min_size=2, max_size=5),
)
def test_replacing_equals_the_textbook_loop(counts, per_row, levels):
    rows = [(q, 10 * q + at) for q, count in enumerate(counts) for at in range(count)]
    table = pl.DataFrame(rows, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")
    negatives = ReplacedNegatives(table, Replacement(factor=1.5), per_row=per_row, n_queries=4)
    documents = [10 * q + at for q in range(3) for at in range(7)]
    scores = [dict(zip(documents, map(float, level), strict=True)) for level in levels]

    def at(look):
        return lambda query, document: np.array([scores[look][d] for d in document.tolist()], dtype=np.float32)

    queries = np.arange(4, dtype=np.int32)
    negatives.enter(queries, at(0))
    for look in range(1, len(levels)):
        other = ReplacedNegatives(table, Replacement(factor=1.5), per_row=per_row, n_queries=4)
        other.load_state_dict(negatives.state_dict())
        negatives = other
        negatives.replace(queries, at(look))
    for q, count in enumerate(counts):
        own = [10 * q + at for at in range(count)]
        expected = textbook(own, range(1, len(levels)), scores, per_row, 1.5)
        assert negatives.draw(q, turn=0, per_row=per_row, seed=0).tolist() == expected
    assert negatives.draw(3, turn=0, per_row=per_row, seed=0).tolist() == []


def test_live_scores_are_those_of_the_saved_model_and_leave_the_model_as_it_was(toy, start):
    model = SentenceTransformer(str(start), device="cpu").train()
    towers = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)
    query, document = np.array([3, 3, 0], dtype=np.int32), np.array([1, 39, 1], dtype=np.int32)
    state = torch.get_rng_state()
    found = live_scores(towers, Accelerator(), toy, query, document)
    assert found == pytest.approx(Dense(model=start, precision="fp32").score(toy, query, document), abs=1e-6)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


SETTINGS = {
    "batch_size": 8,
    "epochs": 3,
    "learning_rate": 5e-3,
    "precision": "fp32",
    "negatives_per_row": 2,
    "replacement": Replacement(every=2, factor=1.01),
}


def looks(path):
    return [json.loads(line) | {"seconds": 0} for line in (path / "replacement.jsonl").read_text().splitlines()]


def test_a_run_that_replaces_and_was_stopped_ends_with_the_bytes_of_one_that_was_not(toy, start, tmp_path):
    settings = TrainSettings(**SETTINGS, dropout=True)
    table = toy_negatives(per_query=9)
    train(start, toy, table, settings=settings, out=tmp_path / "whole")
    for pairs in (14, 45):
        with showing(StopAfter(pairs)), pytest.raises(Interrupted):
            train(start, toy, table, settings=settings, out=tmp_path / "stopped")
        torch.manual_seed(99)
    train(start, toy, table, settings=settings, out=tmp_path / "stopped")
    found = looks(tmp_path / "whole")
    assert looks(tmp_path / "stopped") == found
    assert [look["step"] for look in found] == list(range(2, 2 * len(found) + 1, 2))
    assert sum(look["replaced"] for look in found) > 0
    assert max(look["looked_at"] for look in found) <= 2 * 2 * 8
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")


def test_after_a_refresh_the_new_negatives_come_into_use_and_a_stop_changes_nothing(toy, start, tmp_path):
    plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=5), depth=8)
    mined = mine_block(toy, toy.queries_of("train"), plan)[1]
    settings = TrainSettings(**SETTINGS | {"epochs": 2}, refresh=Refresh(every=3))
    whole = train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "whole")
    assert len(whole.refreshes) >= 2
    with showing(StopAfter(34)), pytest.raises(Interrupted):
        train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "stopped")
    train(start, toy, mined, settings=settings, plan=plan, out=tmp_path / "stopped")
    assert looks(tmp_path / "stopped") == looks(tmp_path / "whole")
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")


def test_replacement_without_negatives_is_refused_before_any_work(toy, start, tmp_path):
    with pytest.raises(RunError, match="replacement needs mined negatives"):
        train(start, toy, settings=TrainSettings(**SETTINGS), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
