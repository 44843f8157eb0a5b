import polars as pl
import pytest

from hardneg.evaluation.metrics import MEASURES, means, measure, measures_within


def qrels(*rows):
    return pl.DataFrame(rows, schema=["query_id", "doc_id", "relevance"], orient="row")


def run(*rows):
    return pl.DataFrame(rows, schema=["query_id", "doc_id", "rank"], orient="row")


def test_a_positive_at_rank_two_gets_the_textbook_values():
    table = measure(qrels(("q", "d1", 1)), run(("q", "d9", 1), ("q", "d1", 2)))
    assert means(table) == pytest.approx(
        {"nDCG@10": 0.6309298, "MRR@10": 0.5, "Recall@10": 1.0, "Recall@100": 1.0, "MAP@100": 0.5}
    )


def test_the_mean_runs_over_all_queries_with_a_positive_also_those_without_results():
    table = measure(qrels(("q1", "d", 1), ("q2", "d", 1)), run(("q1", "d", 1)))
    assert table["query_id"].to_list() == ["q1", "q2"]
    assert means(table) == dict.fromkeys(MEASURES, 0.5)


def test_queries_without_a_positive_are_left_out():
    table = measure(qrels(("q1", "d", 1), ("q2", "d", 0), ("q3", "d", -1)), run(("q2", "d", 1), ("q4", "d", 1)))
    assert table["query_id"].to_list() == ["q1"]


def test_grades_are_the_gains_of_ndcg():
    best = measure(qrels(("q", "a", 2), ("q", "b", 1)), run(("q", "a", 1), ("q", "b", 2)))
    worse = measure(qrels(("q", "a", 2), ("q", "b", 1)), run(("q", "b", 1), ("q", "a", 2)))
    assert best["nDCG@10"][0] == 1.0
    assert worse["nDCG@10"][0] == pytest.approx((1 + 2 * 0.6309298) / (2 + 0.6309298))


def test_a_negative_relevance_counts_as_not_relevant():
    table = measure(qrels(("q", "a", 1), ("q", "b", -2)), run(("q", "b", 1), ("q", "a", 2)))
    assert table["MRR@10"][0] == 0.5


def test_a_repeated_pair_counts_with_its_highest_relevance():
    table = measure(qrels(("q", "a", 1), ("q", "a", 0)), run(("q", "a", 1)))
    assert table["nDCG@10"][0] == 1.0


@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]])
def test_our_ranks_decide_and_not_the_ids(order):
    ranked = run(*[("q", doc, rank) for rank, doc in enumerate(order, start=1)])
    table = measure(qrels(("q", "a", 1)), ranked)
    assert table["MRR@10"][0] == 1 / (1 + order.index("a"))
    assert table["MAP@100"][0] == 1 / (1 + order.index("a"))


def test_an_empty_run_gives_zeros():
    empty = run(("q", "d", 1)).clear()
    assert means(measure(qrels(("q", "d", 1)), empty)) == dict.fromkeys(MEASURES, 0.0)


def test_a_shallow_run_is_not_given_deep_measures():
    assert measures_within(100) == list(MEASURES)
    assert "Recall@100" not in measures_within(99)
    table = measure(qrels(("q", "d", 1)), run(("q", "d", 1)), names=measures_within(10))
    assert table.columns == ["query_id", "nDCG@10", "MRR@10", "Recall@10"]
