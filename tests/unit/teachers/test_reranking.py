from dataclasses import dataclass

import numpy as np
import pytest

from hardneg.evaluation.retrieval import evaluate
from hardneg.sources import BM25
from hardneg.teachers.reranking import rerank
from toy import toy_dataset


@dataclass(frozen=True)
class Oracle:
    """Scores answers above all others, or below them."""

    sign: float = 1.0
    name: str = "oracle"

    def score(self, dataset, query, document):
        return self.sign * dataset.positives.contains(query, document).astype(np.float32)


FIRST = BM25(analyzer="plain")


def test_before_is_the_first_stage_as_evaluate_measures_it():
    dataset = toy_dataset()
    reranking = rerank(dataset, FIRST, Oracle(), depth=20)
    plain = evaluate(dataset, FIRST, split="train", depth=20).per_query
    assert reranking.before.equals(plain.select("query_id", "nDCG@10", "MRR@10"))


def test_after_is_the_order_of_the_teacher():
    dataset = toy_dataset()
    reranking = rerank(dataset, FIRST, Oracle(), depth=20)
    found = FIRST.retrieve(dataset, dataset.queries_of("train"), 20)
    has_answer = dataset.positives.contains(found["query"].to_numpy(), found["document"].to_numpy())
    answered = np.unique(found["query"].to_numpy()[has_answer])
    ids = dataset.queries["id"].gather(answered).to_list()
    values = dict(reranking.after.select("query_id", "MRR@10").iter_rows())
    assert {query for query, value in values.items() if value == 1.0} == set(ids)
    assert {query for query, value in values.items() if value == 0.0} == set(values) - set(ids)
    assert reranking.gain("MRR@10").losses == 0
    worse = rerank(dataset, FIRST, Oracle(sign=-1.0), depth=20)
    assert worse.gain("MRR@10").wins == 0
    assert worse.gain("MRR@10").difference < 0


def test_equal_scores_leave_the_order_of_the_first_stage():
    same = rerank(toy_dataset(), FIRST, Oracle(sign=0.0), depth=20)
    assert same.after.equals(same.before)


def test_cap_is_a_seeded_choice_of_queries():
    dataset = toy_dataset()
    few = rerank(dataset, FIRST, Oracle(), depth=20, max_queries=5)
    more = rerank(dataset, FIRST, Oracle(), depth=20, max_queries=9)
    assert few.before.height == 5
    assert set(few.before["query_id"]) < set(more.before["query_id"])
    figures = few.figures()
    assert figures["n_queries"] == 5
    assert figures["first_stage"] == "bm25"
    for name in ("nDCG@10", "MRR@10"):
        assert figures["before"][name]["low"] <= figures["before"][name]["value"] <= figures["before"][name]["high"]
        gain = figures["after"][name]["value"] - figures["before"][name]["value"]
        assert figures["gain"][name]["difference"] == pytest.approx(gain)


def test_depth_below_the_cut_off_is_refused():
    with pytest.raises(ValueError, match="depth must be at least 10"):
        rerank(toy_dataset(), FIRST, Oracle(), depth=9)
