import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.negatives import NEGATIVES_SCHEMA, Selection, SimANS, Uniform, Weighted, select


def chosen(candidates, dataset, query=0, *, seed=0, **values):
    table = select(candidates, dataset, Selection(**values), seed=seed)
    return table.filter(pl.col("query") == query).select("document", "source").rows()


def test_top_takes_the_best_rank_of_any_source(candidates, ten):
    # d7 is first for the random source; d4 is third for BM25 and dense alike, and BM25 comes first.
    assert chosen(candidates, ten) == [(7, "random"), (3, "bm25"), (4, "bm25"), (5, "dense")]
    assert chosen(candidates, ten, per_query=2) == [(7, "random"), (3, "bm25")]


def test_quotas_are_filled_in_their_order_and_a_taken_document_gives_way_to_the_next(candidates, ten):
    quotas = {"dense": 2, "bm25": 1, "random": 1}
    assert chosen(candidates, ten, quotas=quotas) == [(4, "dense"), (5, "dense"), (3, "bm25"), (7, "random")]
    assert chosen(candidates, ten, quotas={"dense": 1, "bm25": 2}) == [
        (4, "dense"),
        (3, "bm25"),
        (7, "random"),
        (5, "dense"),
    ]


def test_what_a_quota_cannot_fill_goes_to_the_other_sources(candidates, ten):
    assert chosen(candidates, ten, quotas={"random": 3}, per_query=3) == [
        (7, "random"),
        (3, "bm25"),
        (4, "bm25"),
    ]


def test_a_text_counts_once_for_a_query(candidates, ten):
    assert chosen(candidates, ten, query=1) == [(8, "bm25")]


def test_a_named_score_orders_all_sources_on_one_scale(candidates, ten):
    assert chosen(candidates, ten, score="dense") == [(4, "bm25"), (5, "dense"), (3, "bm25"), (7, "random")]


def test_scores_of_different_scales_are_never_compared(candidates, ten):
    # By value alone every BM25 score would beat every dense one; the sources take turns instead.
    found = chosen(candidates, ten, strategy=Weighted(temperature=1e-6), per_query=3)
    assert found == [(3, "bm25"), (4, "dense"), (7, "random")]


def test_scores_and_positive_scores_are_those_of_the_choosing_source(candidates, ten):
    table = select(candidates, ten, Selection(), seed=0)
    found = {row["document"]: row for row in table.filter(pl.col("query") == 0).to_dicts()}
    assert found[3] == {
        "query": 0,
        "document": 3,
        "source": "bm25",
        "rank": 2,
        "score": 8.0,
        "positive_score": 9.0,
        "teacher_score": None,
        "p_positive": None,
        "weight": 1.0,
    }
    assert (found[5]["score"], found[5]["positive_score"]) == pytest.approx((0.6, 0.9))
    assert (found[7]["score"], found[7]["positive_score"]) == (None, None)


def test_a_named_score_is_the_one_reported_beside_its_weakest_positive(candidates, ten):
    table = select(candidates, ten, Selection(score="dense"), seed=0)
    row = table.filter(pl.col("query") == 1).row(0, named=True)
    assert (row["score"], row["positive_score"]) == pytest.approx((0.2, 0.5))


def test_short_queries_are_kept_dropped_or_filled(candidates, ten):
    kept = select(candidates, ten, Selection(per_query=4, shortage="keep_short"), seed=0)
    assert kept["query"].to_list() == [0, 0, 0, 0, 1]
    dropped = select(candidates, ten, Selection(per_query=4, shortage="drop_query"), seed=0)
    assert dropped["query"].to_list() == [0, 0, 0, 0]
    filled = select(candidates, ten, Selection(per_query=4, shortage="fill_random"), seed=0)
    assert filled["query"].to_list() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert filled["source"].to_list()[4:] == ["bm25", "fill", "fill", "fill"]


def test_a_query_without_any_eligible_candidate_gets_none_or_only_random_ones(candidates, ten):
    refused = candidates.with_columns(dropped_by=pl.lit("positive_margin"))
    assert select(refused, ten, Selection(), seed=0).is_empty()
    filled = select(refused, ten, Selection(per_query=2, shortage="fill_random"), seed=0)
    assert filled["query"].to_list() == [0, 0, 1, 1]
    assert set(filled["source"]) == {"fill"}


@pytest.mark.parametrize("strategy", [Uniform(), Weighted(), SimANS()])
def test_the_seed_decides_and_row_order_does_not(candidates, ten, strategy):
    selection = Selection(per_query=2, strategy=strategy)
    tables = [select(candidates, ten, selection, seed=seed) for seed in range(12)]
    assert len({tuple(table["document"]) for table in tables}) > 1
    assert select(candidates.sample(fraction=1, shuffle=True, seed=1), ten, selection, seed=3).equals(tables[3])


def test_an_empty_table_gives_an_empty_table(candidates, ten):
    for shortage in ("keep_short", "fill_random", "drop_query"):
        table = select(candidates.clear(), ten, Selection(shortage=shortage), seed=0)
        assert table.schema == NEGATIVES_SCHEMA
        assert table.is_empty()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"per_query": 0}, "per_query is 0"),
        ({"shortage": "repeat"}, "shortage is 'repeat'; set it to keep_short or fill_random or drop_query"),
        ({"quotas": {"bm25": 0}}, "quota of 'bm25' is 0"),
        ({"per_query": 4, "quotas": {"bm25": 2, "dense": 3}}, "add up to 5, above per_query = 4; set per_query = 5"),
    ],
)
def test_a_selection_that_cannot_be_is_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        Selection(**values)


def test_unknown_names_are_answered_with_those_there_are(candidates, ten):
    with pytest.raises(RecipeError, match="quota names 'bm52', but the sources are: bm25, dense, random"):
        select(candidates, ten, Selection(quotas={"bm52": 1}), seed=0)
    with pytest.raises(RecipeError, match="no score of 'teacher'"):
        select(candidates, ten, Selection(score="teacher"), seed=0)


def test_unfiltered_candidates_are_refused(candidates, ten):
    with pytest.raises(ValueError, match="apply_filters first"):
        select(candidates.drop("dropped_by"), ten, Selection(), seed=0)


def test_a_source_without_a_column_of_scores_has_none(candidates, ten):
    assert select(candidates.drop("score.random"), ten, Selection(), seed=0).equals(
        select(candidates, ten, Selection(), seed=0)
    )


def annotated(candidates):
    told = [None, 0.25, None, 0.75, 0.9, 1.0, None, None, 0.5, None]
    return candidates.with_columns(
        pl.Series("p_positive", told, dtype=pl.Float32),
        pl.Series("teacher_score", [9.0, 1.0, 2.0, *[None] * 7], dtype=pl.Float32),
    )


def test_weigh_takes_likely_answers_less_seriously(candidates, ten):
    table = select(annotated(candidates), ten, Selection(weigh=True), seed=0)
    found = {row["document"]: row for row in table.to_dicts()}
    assert {d: row["weight"] for d, row in found.items()} == {3: 0.75, 4: 1.0, 5: 0.25, 7: 0.0, 8: 0.5}
    assert {d: row["p_positive"] for d, row in found.items()} == {3: 0.25, 4: None, 5: 0.75, 7: 1.0, 8: 0.5}
    assert {d: row["teacher_score"] for d, row in found.items()} == {3: 1.0, 4: 2.0, 5: None, 7: None, 8: None}


def test_without_weigh_all_weigh_one_and_the_choice_is_the_same(candidates, ten):
    plain = select(annotated(candidates), ten, Selection(), seed=0)
    assert plain["weight"].to_list() == [1.0] * 5
    weighed = select(annotated(candidates), ten, Selection(weigh=True), seed=0)
    assert plain.drop("weight").equals(weighed.drop("weight"))
    told = ["teacher_score", "p_positive"]
    assert plain.drop(told).equals(select(candidates, ten, Selection(), seed=0).drop(told))


def test_weigh_without_a_learned_filter_and_documents_that_fill_weigh_one(candidates, ten):
    assert set(select(candidates, ten, Selection(weigh=True), seed=0)["weight"]) == {1.0}
    filled = select(annotated(candidates), ten, Selection(per_query=4, weigh=True, shortage="fill_random"), seed=0)
    filling = filled.filter(pl.col("source") == "fill")
    assert filling.height == 3
    assert filling["weight"].to_list() == [1.0] * 3
    assert filling["p_positive"].null_count() == 3
