"""Which examples are shown, and what is shown of them."""

from collections import Counter

import polars as pl
import pytest

from hardneg.reports.examples import Caps, examples, pick_queries, rows_of


@pytest.fixture
def mined(contents):
    return contents.mined[0]


def test_the_hardest_are_those_whose_negatives_come_closest_to_the_weakest_positive(mined, candidates, negatives):
    closest = {}
    for row in negatives:
        value = (row["score"] - row["positive_score"]) / abs(row["positive_score"])
        closest[row["query_id"]] = max(closest.get(row["query_id"], value), value)
    expected = sorted(closest, key=lambda query: (-closest[query], query))
    close, drawn, n = pick_queries(mined.negatives, mined.candidates, caps=Caps(5, 3), seed=0)
    assert close == expected[:3]
    assert n == len({row["query_id"] for row in candidates}) == 12
    assert len(drawn) == 5
    assert not set(drawn) & set(close)
    again, other = (pick_queries(mined.negatives, mined.candidates, caps=Caps(5, 3), seed=seed)[1] for seed in (0, 1))
    assert again == drawn
    assert other != drawn


def test_a_query_shows_all_its_negatives_and_the_best_ranked_of_the_rest(mined, candidates, negatives):
    wanted = ["q5", "q0"]
    rows = rows_of(mined.candidates, mined.negatives, wanted)
    assert rows["query_id"].unique(maintain_order=True).to_list() == wanted
    for query in wanted:
        mine = rows.filter(pl.col("query_id") == query)
        theirs = [row for row in candidates if row["query_id"] == query]
        chosen = {row["doc_id"] for row in negatives if row["query_id"] == query}
        dropped = {row["doc_id"]: row["dropped_by"] for row in theirs}
        shown = dict(mine["doc_id", "fate"].iter_rows())
        assert {document for document, fate in shown.items() if fate == "negative"} == chosen
        assert {d for d, fate in shown.items() if fate == "positive"} == {
            d for d, reason in dropped.items() if reason == "known_positives"
        }
        refused = mine.filter(pl.col("fate") == "refused")
        assert all(dropped[row["doc_id"]] == row["reason"] for row in refused.iter_rows(named=True))
        kept = [row for row in theirs if row["dropped_by"] is None and row["doc_id"] not in chosen]
        ranks = sorted(min(r for r in (row["rank.bm25"], row["rank.dense"]) if r) for row in kept)
        best = mine.filter(pl.col("fate") == "kept").select(pl.min_horizontal("rank.bm25", "rank.dense"))
        assert best.to_series().to_list() == ranks[:3]


def test_a_negative_that_no_source_found_is_shown_too():
    candidates = pl.DataFrame(
        {"query_id": ["q"], "doc_id": ["found"], "rank.one": [1], "score.one": [0.5], "dropped_by": ["known_positives"]}
    )
    negatives = pl.DataFrame({"query_id": ["q", "other"], "doc_id": ["filled", "x"], "source": ["random", "random"]})
    rows = rows_of(candidates.lazy(), negatives.lazy(), ["q"])
    assert rows.select("doc_id", "fate", "reason").rows() == [
        ("found", "positive", "known_positives"),
        ("filled", "negative", "random"),
    ]


def test_examples_stop_where_the_page_would_become_too_large_whatever_the_script(mined):
    rows = rows_of(mined.candidates, mined.negatives, [f"q{i}" for i in range(12)])
    long = "漢" * 5_000
    texts = {
        "queries": pl.DataFrame({"id": [f"q{i}" for i in range(18)], "text": [long] * 18}),
        "documents": pl.DataFrame({"id": [f"d{i}" for i in range(30)], "text": [long] * 30}),
    }
    size = 40_000
    found = examples(rows, texts, hardest=["q0", "q11"], n_queries=12, caps=Caps(size=size))
    bytes_shown = sum(len(text.encode()) for texts in (found.queries, found.documents) for text in texts.values())
    assert 0 < bytes_shown <= size
    assert 0 < len(found.shown) < 12
    assert found.shown == [f"q{i}" for i in range(len(found.shown))]
    assert set(found.frame()["query_id"]) == set(found.shown) == set(found.queries)
    assert list(found.hardest) == ["q0"]
    assert all(text.endswith("…") for text in found.documents.values())
    assert f"{len(found.shown)} of 12 queries" in found.lead


def test_what_the_browser_gets_is_what_the_table_says(mined):
    rows = rows_of(mined.candidates, mined.negatives, ["q1", "q3"])
    found = examples(rows, None, hardest=["q1"], n_queries=12, caps=Caps())
    data = found.as_dict()
    assert data["sources"] == ["bm25", "dense"]
    assert [entry["q"] for entry in data["entries"]] == ["q1", "q3"]
    assert [entry["hard"] for entry in data["entries"]] == [True, False]
    pairs = [pair for entry in data["entries"] for pair in entry["pairs"]]
    assert Counter(pair["f"] for pair in pairs) == Counter(rows["fate"])
    for pair, row in zip(pairs, rows.iter_rows(named=True), strict=True):
        assert pair["d"] == row["doc_id"]
        assert pair["k"] == [row["rank.bm25"], row["rank.dense"]]
        assert pair["s"][1] == pytest.approx(row["score.dense"], rel=1e-3)
