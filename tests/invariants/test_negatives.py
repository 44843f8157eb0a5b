"""What must hold for the negatives of any dataset, any filters and any selection."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.filters import NearDuplicate, PositiveMargin, RankWindow, ScoreRange, apply_filters
from hardneg.negatives import Selection, SimANS, Top, Uniform, Weighted, select

SOURCES = ("bm25", "dense", "random")
N_QUERIES, N_DOCUMENTS = 6, 14


@st.composite
def mined(draw) -> tuple[Dataset, pl.DataFrame]:
    """A dataset with repeated texts and labels of all kinds, and candidates with negative scores too."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    words = [
        "Straße",
        "STRASSE",
        "strasse ",
        "ﬁle",
        "file",
        "a b c d e",
        "a b c d f",
        "a  b c D e",
        "x",
        "y",
        "z",
    ]
    texts = rng.choice(words, N_DOCUMENTS).tolist()
    queries = rng.choice(["open", "Open ", "sort", "list", "close", "join"], N_QUERIES).tolist()
    n_labels = draw(st.integers(N_QUERIES, 20))
    qrels = pl.DataFrame(
        {
            "query_id": [f"q{q}" for q in [*range(N_QUERIES), *rng.integers(0, N_QUERIES, n_labels)]],
            "doc_id": [f"d{d}" for d in rng.integers(0, N_DOCUMENTS, N_QUERIES + n_labels)],
            "relevance": [1] * N_QUERIES + rng.integers(-1, 3, n_labels).tolist(),
            "split": rng.choice(["train", "test"], N_QUERIES + n_labels),
        }
    )
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(N_QUERIES)], "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(N_DOCUMENTS)], "text": texts}),
        qrels,
    )
    return dataset, candidates_for(dataset, rng)


def candidates_for(dataset: Dataset, rng: np.random.Generator) -> pl.DataFrame:
    every = pl.DataFrame(
        {
            "query": np.repeat(np.arange(N_QUERIES), N_DOCUMENTS),
            "document": np.tile(np.arange(N_DOCUMENTS), N_QUERIES),
        }
    ).cast(pl.Int32)
    for source in SOURCES:
        rank = rng.permuted(np.tile(np.arange(1, N_DOCUMENTS + 1), (N_QUERIES, 1)), axis=1).ravel()
        score = (
            np.full(len(rank), None) if source == "random" else np.where(rng.random(len(rank)) < 0.9, 3.0 - rank, None)
        )
        every = every.with_columns(
            pl.Series(f"rank.{source}", np.where(rank <= 5, rank, None).tolist(), dtype=pl.Int32),
            pl.Series(f"score.{source}", score.tolist(), dtype=pl.Float32),
        )
    found = pl.any_horizontal(pl.col(f"rank.{source}").is_not_null() for source in SOURCES)
    positive = dataset.positives.contains(every["query"].to_numpy(), every["document"].to_numpy())
    return every.filter(found | pl.Series(positive))


some_filters = st.lists(
    st.sampled_from(
        [
            NearDuplicate(threshold=0.5),
            PositiveMargin(ratio=0.95),
            PositiveMargin(absolute=1.0, score="dense", unscored="drop"),
            RankWindow("dense", low=2, high=4),
            ScoreRange("bm25", high=1.0),
        ]
    ),
    max_size=3,
)
selections = st.builds(
    Selection,
    per_query=st.integers(3, 9),
    strategy=st.sampled_from([Top(), Uniform(), Weighted(temperature=2.0), SimANS(a=0.1, b=-1.0)]),
    quotas=st.sampled_from([None, {"bm25": 1, "dense": 2}, {"random": 1, "dense": 1, "bm25": 1}]),
    shortage=st.sampled_from(["keep_short", "fill_random", "drop_query"]),
    score=st.sampled_from([None, "dense"]),
)
seeds = st.integers(0, 2**31)
unhurried = settings(deadline=None, max_examples=25)


@unhurried
@given(mined(), some_filters, selections, seeds)
def test_no_negative_answers_its_query_under_any_id_and_nothing_dropped_is_handed_out(data, filters, selection, seed):
    dataset, candidates = data
    filtered = apply_filters(candidates, dataset, filters)
    negatives = select(filtered, dataset, selection, seed=seed)
    pairs = set(negatives.select("query", "document").rows())
    texts = dataset.document_texts.str.to_lowercase().str.replace_all("ß", "ss").str.replace_all("ﬁ", "fi")
    texts = texts.str.replace_all(r"\s+", " ").str.strip_chars().to_list()
    asked = dataset.query_texts.str.to_lowercase().str.strip_chars().to_list()
    answers = {
        (asked[q], texts[d]) for q, d, r in dataset.qrels.select("query", "document", "relevance").rows() if r > 0
    }
    assert not {(asked[q], texts[d]) for q, d in pairs} & answers
    dropped = filtered.filter(pl.col("dropped_by").is_not_null()).select("query", "document").rows()
    assert not pairs & set(dropped)


@unhurried
@given(mined(), some_filters, selections, seeds)
def test_a_query_gets_the_same_negatives_in_any_block(data, filters, selection, seed):
    dataset, candidates = data
    whole = select(apply_filters(candidates, dataset, filters), dataset, selection, seed=seed)
    parts = []
    for low, high in ((0, 1), (1, 4), (4, N_QUERIES)):
        block = candidates.filter(pl.col("query").is_between(low, high - 1))
        parts.append(select(apply_filters(block, dataset, filters), dataset, selection, seed=seed))
    assert pl.concat(parts).equals(whole)


@unhurried
@given(mined(), selections, seeds)
def test_numbers_and_quotas_are_kept(data, selection, seed):
    dataset, candidates = data
    filtered = apply_filters(candidates, dataset, [])
    negatives = select(filtered, dataset, selection, seed=seed)
    assert negatives["query"].is_sorted()
    text = dataset.text_group[negatives["document"].to_numpy()]
    assert not pl.DataFrame({"query": negatives["query"], "text": text}).is_duplicated().any()
    for (query,), rows in negatives.group_by("query"):
        assert rows.height <= selection.per_query
        assert selection.shortage != "drop_query" or rows.height == selection.per_query
        for source, number in (selection.quotas or {}).items():
            own = filtered.filter((pl.col("query") == query) & pl.col("dropped_by").is_null())
            own = own.filter(pl.col(f"rank.{source}").is_not_null())
            chosen = set(dataset.text_group[rows["document"].to_numpy()].tolist())
            left = set(dataset.text_group[own["document"].to_numpy()].tolist()) - chosen
            assert rows.filter(pl.col("source") == source).height >= number or not left


@unhurried
@given(mined(), st.floats(0.01, 1.0), st.floats(0.0, 5.0))
def test_nothing_that_passes_a_margin_scores_above_the_weakest_positive(data, ratio, absolute):
    dataset, candidates = data
    filtered = apply_filters(candidates, dataset, [PositiveMargin(ratio=ratio, absolute=absolute, score="dense")])
    passed = filtered.filter(pl.col("dropped_by").is_null() & pl.col("score.dense").is_not_null())
    labels = dataset.qrels.filter(pl.col("relevance") > 0).select("query", "document").unique()
    weakest = (
        filtered.join(labels, on=["query", "document"]).group_by("query").agg(positive=pl.col("score.dense").min())
    )
    compared = passed.join(weakest, on="query").filter(pl.col("positive").is_not_null())
    judged = dataset.judged_negatives.contains(compared["query"].to_numpy(), compared["document"].to_numpy())
    score, positive = compared["score.dense"].to_numpy()[~judged], compared["positive"].to_numpy()[~judged]
    assert (score < positive).all() if ratio < 1 or absolute > 0 else (score < positive + 1e-6).all()
    assert (score <= positive - absolute + 1e-5).all()
    assert (score <= positive - np.abs(positive) * (1 - ratio) + 1e-5).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_filling_up_never_hands_out_what_was_dropped(seed):
    # Everything but d12 and d13 was found and dropped, so only those are left to draw.
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": ["q0"], "text": ["open"]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(N_DOCUMENTS)], "text": [f"text {i}" for i in range(N_DOCUMENTS)]}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )
    candidates = pl.DataFrame(
        {"query": [0] * 12, "document": range(12), "rank.dense": range(1, 13), "score.dense": [1.0] * 12},
        schema={"query": pl.Int32, "document": pl.Int32, "rank.dense": pl.Int32, "score.dense": pl.Float32},
    )
    filtered = apply_filters(candidates, dataset, [PositiveMargin(ratio=0.95)])
    negatives = select(filtered, dataset, Selection(shortage="fill_random"), seed=seed)
    assert sorted(negatives["document"]) == [12, 13]
