import json
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_answers import draw
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError, RunError
from hardneg.filters import PositiveMargin, PositivePercentile, TeacherPercentile
from hardneg.filters.expectation import fit_expectation
from hardneg.filters.positive_bound import fit_bound
from hardneg.filters.protocol import Refittable, with_fitted
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import mine
from hardneg.planting.fitting import Rehearsal, fit_filters
from hardneg.planting.planting import plant
from hardneg.sources import BM25, gather
from hardneg.sources.retrieval import retrieval_table
from toy import toy_dataset

PLAN = Plan("train", (BM25(analyzer="plain"),), (), Selection(per_query=2), depth=20)
BOTH = pytest.mark.parametrize("per_query", [False, True])


@dataclass(frozen=True, eq=False)
class Levels:
    """Scores of pairs as they were drawn: a level for each query, and more for answers."""

    table: np.ndarray
    name: str = "levels"

    def retrieve(self, dataset, block, depth):
        document = np.argsort(-self.table[block], axis=1, kind="stable")[:, :depth].astype(np.int32)
        return retrieval_table(block, document, np.take_along_axis(self.table[block], document, 1).astype(np.float32))

    def score(self, dataset, query, document):
        return self.table[query, document].astype(np.float32)


def levels(seed, *, n_queries=120, n_documents=300, answers=6, between=0.3):
    """A dataset of queries with several answers, and a model that scores each query on a level of its own."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 0.1, (n_queries, n_documents)) + rng.normal(0.5, between, (n_queries, 1))
    pairs = [(query, each) for query in range(n_queries) for each in rng.choice(n_documents, answers, replace=False)]
    for query, document in pairs:
        score[query, document] += 0.2
    queries, documents = ([f"{kind} {i}" for i in range(n)] for kind, n in (("q", n_queries), ("d", n_documents)))
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": queries, "text": queries}),
        pl.DataFrame({"id": documents, "text": documents}),
        pl.DataFrame(
            {
                "query_id": [f"q {query}" for query, _ in pairs],
                "doc_id": [f"d {document}" for _, document in pairs],
                "relevance": [1] * len(pairs),
                "split": ["train"] * len(pairs),
            }
        ),
    )
    return dataset, Levels(score)


def verdicts(filter_, dataset, source, folder):
    plan = fit_filters(replace(PLAN, sources=(source,), filters=(filter_,), depth=300), dataset, folder)
    rows = gather(dataset, plan.sources, dataset.queries_of("train"), 300)
    return plan.filters[0].keep(rows, dataset), rows


@BOTH
def test_the_bound_is_that_of_plain_loops(per_query):
    query, score = draw(4, n_queries=40)
    bound = fit_bound(query, score, np.ones(len(score), dtype=bool), percentile=15, per_query=per_query)
    deviations = []
    for at, (each, value) in enumerate(zip(query, score, strict=True)):
        others = [s for i, (q, s) in enumerate(zip(query, score, strict=True)) if q == each and i != at]
        mean, between, within = 0.0, 0.0, 1.0
        if per_query:
            fitted = fit_expectation(query, score)
            mean, between, within = fitted.mean, fitted.between, fitted.within
        centre = (between * sum(others) + within * mean) / (between * len(others) + within)
        if per_query and not others:
            continue
        deviations.append((value - centre) / (within + between * within / (between * len(others) + within)) ** 0.5)
    k = int(0.15 * (len(deviations) + 1))
    assert bound.quantile == pytest.approx(sorted(deviations)[k - 1])
    total, n = score[query == 7].sum(), (query == 7).sum()
    expected = bound.expectation
    by_hand = (expected.between * total + expected.within * expected.mean) / (expected.between * n + expected.within)
    spread = (expected.within + expected.between * expected.within / (expected.between * n + expected.within)) ** 0.5
    assert bound.at(np.array([total]), np.array([n])) == pytest.approx(by_hand + bound.quantile * spread)


def test_of_ninety_nine_positives_ten_percent_are_below_the_tenth_lowest(tmp_path):
    score = np.random.default_rng(0).permutation(np.arange(1.0, 100.0))
    bound = fit_bound(np.arange(99), score, np.ones(99, dtype=bool), percentile=10, per_query=False)
    assert bound.at(np.array([50.0]), np.array([1])) == 10.0


@BOTH
@given(seed=st.integers(0, 20), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_another_scale_and_another_origin_change_no_verdict(per_query, seed, scale, shift):
    query, score = draw(seed, n_queries=30)
    rng = np.random.default_rng(seed)
    total, n, candidate = rng.normal(size=50), rng.integers(0, 5, 50), rng.normal(size=50)
    plain = fit_bound(query, score, np.ones(len(score), dtype=bool), percentile=20, per_query=per_query).at(total, n)
    other = fit_bound(
        query, scale * score + shift, np.ones(len(score), dtype=bool), percentile=20, per_query=per_query
    ).at(scale * total + n * shift, n)
    np.testing.assert_allclose(other, scale * plain + shift, rtol=1e-6, atol=1e-6)
    clear = np.abs(candidate - plain) > 1e-4
    np.testing.assert_array_equal((candidate < plain)[clear], (scale * candidate + shift < other)[clear])


def test_a_constant_ratio_means_another_thing_on_another_scale(tmp_path):
    dataset, source = levels(1)
    shifted = Levels(source.table + 5)
    kept = [verdicts(PositiveMargin(ratio=0.95), dataset, each, tmp_path / str(i))[0].mean()
            for i, each in enumerate((source, shifted))]  # fmt: skip
    assert kept[0] - kept[1] > 0.3
    filter_ = PositivePercentile("levels", percentile=10)
    same = [verdicts(filter_, dataset, each, tmp_path / f"p{i}")[0] for i, each in enumerate((source, shifted))]
    assert (same[0] != same[1]).mean() < 0.001  # but for 32 bits


@BOTH
@pytest.mark.parametrize("percentile", [5, 20])
def test_about_so_many_percent_of_hidden_answers_pass(tmp_path, per_query, percentile):
    dataset, source = levels(2, n_queries=300)
    planted = plant(dataset, "train", seed=0)
    filter_ = PositivePercentile("levels", percentile=percentile, per_query=per_query)
    keep, rows = verdicts(filter_, planted.dataset, source, tmp_path)  # all documents are found
    hidden = planted.is_hidden(rows["query"].to_numpy(), rows["document"].to_numpy())
    assert hidden.sum() > 800
    assert keep[hidden].mean() * 100 == pytest.approx(percentile, abs=percentile / 2)


def test_a_bound_for_each_query_refuses_less_where_queries_have_levels_of_their_own(tmp_path):
    dataset, source = levels(3)
    for_all, for_each = (
        verdicts(PositivePercentile("levels", percentile=10, per_query=each), dataset, source, tmp_path / str(each))[0]
        for each in (False, True)
    )
    assert for_each.mean() > for_all.mean() + 0.1
    by_query = np.array(np.split(for_all, 120)).mean(axis=1)
    assert (by_query < 0.05).any()  # the one bound leaves the queries of a high level next to nothing


def test_where_queries_have_one_positive_each_the_bound_for_each_is_that_for_all(tmp_path):
    dataset, source = levels(5, answers=1)
    filter_ = PositivePercentile("levels", percentile=10)
    for_all, for_each = (
        verdicts(replace(filter_, per_query=each), dataset, source, tmp_path / str(each))[0] for each in (False, True)
    )
    np.testing.assert_array_equal(for_all, for_each)


def test_fitting_looks_at_the_positives_of_the_split_and_nothing_else():
    toy = toy_dataset()
    rows = gather(toy, PLAN.sources, toy.queries_of("train"), PLAN.depth)
    positives = rows.filter(pl.Series(toy.positives.contains(rows["query"].to_numpy(), rows["document"].to_numpy())))
    assert Rehearsal(PLAN, toy).positives().equals(positives)


def test_answers_that_no_source_finds_do_not_lower_the_bound(tmp_path):
    dataset, source = levels(7)
    far = Levels(source.table - 9 * (np.arange(300) % 3 == 0))  # a third of all documents is out of reach
    filter_ = PositivePercentile("levels", percentile=10)
    fitted = fit_filters(replace(PLAN, sources=(far,), filters=(filter_,)), dataset, tmp_path)
    report = json.loads((tmp_path / "positive_percentile-0.json").read_text())
    assert report["found"] < 0.7 * report["positives"] == 0.7 * 720
    rows = Rehearsal(replace(PLAN, sources=(far,)), dataset).positives()
    found = rows.filter(pl.col("rank.levels").is_not_null())["score.levels"].cast(pl.Float64)
    assert report["quantile"] == found.sort()[int(0.1 * (len(found) + 1)) - 1] > 0
    assert fitted.filters[0].keep(rows, dataset).mean() > 0.3  # those out of reach


@BOTH
def test_it_is_mined_with_by_name_and_what_it_learnt_is_kept(tmp_path, per_query):
    filter_ = f"positive_percentile(score='bm25', percentile=10, per_query={per_query})"
    mined = mine(toy_dataset(), sources=["bm25"], filters=[filter_], out=tmp_path)
    assert mined.funnel["dropped"]["positive_percentile"] > 0
    assert (tmp_path / "filters" / "positive_percentile-0.npz").exists()
    again = mine(toy_dataset(), sources=["bm25"], filters=[filter_], block_size=5)
    assert again.negatives.equals(mined.negatives)


def test_positives_without_a_score_teach_nothing_and_candidates_without_one_are_kept_or_not(candidates, tiny, tmp_path):
    filter_ = PositivePercentile("dense", percentile=50)
    report = filter_.refit(
        candidates.filter(pl.col("document").is_in([0, 1, 4]) & (pl.col("query") < 2)), tmp_path / "a"
    )
    assert (report["positives"], report["found"], report["queries_with_several"]) == (4, 4, 1)
    known = candidates.filter(
        tiny.positives.contains(candidates["query"].to_numpy(), candidates["document"].to_numpy())
    )
    assert filter_.refit(known, tmp_path / "b")["positives"] == 3  # that of q2 has no score
    fitted = with_fitted(filter_, str(tmp_path / "b"))
    assert isinstance(fitted, Refittable)
    unknown = candidates["score.dense"].is_null().to_numpy()
    kept, dropped = (replace(fitted, unscored=each).keep(candidates, tiny) for each in ("keep", "drop"))
    np.testing.assert_array_equal(kept, dropped | unknown)
    assert not dropped[unknown].any()
    np.testing.assert_array_equal(
        dropped[~unknown], candidates["score.dense"].drop_nulls().to_numpy() < np.float32(0.8)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("positive_percentile(score='dense', percentile=0)", "percentile is 0; set it above 0 and below 100"),
        ("positive_percentile(score='dense', percentile=100)", "percentile is 100"),
        ("positive_percentile(score='dense', unscored='maybe')", "should be 'keep' or 'drop', not 'maybe'"),
        ("positive_percentile(percentile=5)", "'score' must be given"),
        ("teacher_percentile(scorer={'use': 'cross_encoder', 'model': 'm'}, percentile=101)", "percentile is 101"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(text, message):
    with pytest.raises(RecipeError, match=message):
        mine(toy_dataset(), sources=["bm25"], filters=[text])


def test_too_few_positives_for_a_percentile_are_an_error_that_says_how_many_it_takes():
    with pytest.raises(RecipeError, match=r"1 % of 9 labelled positives .* not one of them; set it to 10 or more"):
        fit_bound(np.arange(9), np.arange(9.0), np.ones(9, dtype=bool), percentile=1, per_query=False)
    assert fit_bound(np.arange(9), np.arange(9.0), np.ones(9, dtype=bool), percentile=10, per_query=False).quantile == 0
    with pytest.raises(RecipeError, match=r"0 labelled positives .* is none at all"):
        fit_bound(np.arange(0), np.arange(0.0), np.ones(0, dtype=bool), percentile=50, per_query=False)


def test_one_that_was_not_fitted_or_whose_file_is_damaged_says_so(candidates, tiny, tmp_path):
    with pytest.raises(RecipeError, match="positive_percentile: the filter was not fitted"):
        PositivePercentile("dense").keep(candidates, tiny)
    (tmp_path / "bound.npz").write_text("no arrays")
    with pytest.raises(RunError, match=r"bound.npz cannot be read \(\w+\), where positive_percentile was fitted"):
        PositivePercentile("dense", fitted=str(tmp_path / "bound.npz")).keep(candidates, tiny)
    with pytest.raises(RunError, match=r"gone.npz cannot be read \(FileNotFoundError\)"):
        PositivePercentile("dense", fitted=str(tmp_path / "gone.npz")).keep(candidates, tiny)


@BOTH
def test_a_teacher_is_asked_for_the_positives_and_judges_as_its_scores_in_a_source_would(tmp_path, per_query):
    dataset, source = levels(6)
    judged = TeacherPercentile(Levels(source.table, name="teacher"), percentile=10, per_query=per_query)
    by_teacher, _ = verdicts(judged, dataset, source, tmp_path / "teacher")
    of_source = PositivePercentile("levels", percentile=10, per_query=per_query)
    np.testing.assert_array_equal(by_teacher, verdicts(of_source, dataset, source, tmp_path / "source")[0])
    assert 0 < by_teacher.mean() < 1
