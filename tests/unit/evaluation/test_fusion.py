"""Two rankings made one, against the definition written as loops."""

import numpy as np
import polars as pl
import pytest

from hardneg.evaluation.fusion import by_ranks, by_scores, tuned_weight


def run_of(seed, *, queries=5, documents=8, listed=6):
    rng, rows = np.random.default_rng(seed), []
    for query in range(queries):
        for rank, document in enumerate(rng.permutation(documents)[:listed], start=1):
            rows.append((f"q{query}", f"d{document}", rank, float(listed - rank) + rng.random()))
    return pl.DataFrame(rows, schema=["query_id", "doc_id", "rank", "score"], orient="row")


def as_lists(run):
    return {
        query: rows["doc_id"].to_list()
        for (query,), rows in run.sort("query_id", "rank").group_by("query_id", maintain_order=True)
    }


def textbook(first, second, part):
    fused = {}
    for query in first["query_id"].unique().sort():
        scores = {}
        for number, run in enumerate((first, second)):
            rows = run.filter(query_id=query)
            for row in rows.iter_rows(named=True):
                scores[row["doc_id"]] = scores.get(row["doc_id"], 0.0) + part(number, row, rows["score"].to_list())
        fused[query] = sorted(scores, key=lambda name: (-scores[name], name))
    return fused


def test_reciprocal_ranks_are_added():
    first, second = run_of(1), run_of(2)
    assert as_lists(by_ranks(first, second)) == textbook(first, second, lambda _, row, __: 1 / (60 + row["rank"]))


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_scores_are_scaled_within_a_query_and_weighted(weight):
    first, second = run_of(3), run_of(4)

    def part(number, row, scores):
        return (weight if number else 1 - weight) * (row["score"] - min(scores)) / (max(scores) - min(scores))

    fused = by_scores(first, second, weight=weight)
    expected = textbook(first, second, part)
    # What no run scores above 0 is ordered by name in both.
    assert {query: names[:4] for query, names in as_lists(fused).items()} == {
        q: names[:4] for q, names in expected.items()
    }
    assert fused["rank"].to_list()[:3] == [1, 2, 3]


def test_equal_scores_count_as_the_best():
    run = pl.DataFrame({"query_id": ["q"], "doc_id": ["a"], "rank": [1], "score": [3.0]})
    other = run.with_columns(doc_id=pl.lit("b"))
    assert by_scores(run, other, weight=0.6)["score"].to_list() == [0.6, 0.4]


def test_the_weight_is_that_of_the_better_system_where_only_one_is_right():
    right = pl.DataFrame({"query_id": ["q", "q"], "doc_id": ["a", "b"], "rank": [1, 2], "score": [2.0, 1.0]})
    wrong = right.with_columns(doc_id=pl.Series(["b", "a"]))
    qrels = pl.DataFrame({"query_id": ["q"], "doc_id": ["a"], "relevance": [1]})
    assert tuned_weight(wrong, right, qrels, name="nDCG@10") == 0.5  # the nearest to equal shares; a tie goes by name
    qrels = qrels.with_columns(doc_id=pl.lit("b"))
    assert tuned_weight(right, wrong, qrels, name="nDCG@10") == 0.6
    assert tuned_weight(wrong, right, qrels, name="nDCG@10") == 0.4
