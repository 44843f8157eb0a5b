"""Metrics and significance against other people's code and against the textbook."""

import itertools
import math
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hardneg.data.dataset import Dataset
from hardneg.evaluation.metrics import measure
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare, randomisation_p_value


@dataclass(frozen=True)
class Coarse:
    """Scores at random with many ties; the order within a tie is its own."""

    name: str = "coarse"

    def retrieve(self, dataset, block, depth):
        rows = []
        for query in block.tolist():
            rng = np.random.default_rng(query)
            found = rng.choice(dataset.n_documents, size=rng.integers(0, depth), replace=False)
            score = np.sort(rng.integers(-3, 4, size=len(found)) / 3)[::-1]
            rows += [(query, d, r, s) for r, (d, s) in enumerate(zip(found.tolist(), score, strict=True), 1)]
        schema = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}
        return pl.DataFrame(rows, schema=schema, orient="row")


def graded_dataset(n_queries=60, n_documents=150):
    rng = np.random.default_rng(1)
    queries = pl.DataFrame({"id": [f"query {i}" for i in range(n_queries)], "text": "x"})
    documents = pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": "y"})
    rows = {(int(q), int(d)) for q, d in rng.integers([n_queries, n_documents], size=(800, 2))}
    qrels = pl.DataFrame(
        [(f"query {q}", f"d{d}", (q + d) % 4 - 1, "test") for q, d in sorted(rows)],
        schema=["query_id", "doc_id", "relevance", "split"],
        orient="row",
    )
    return Dataset.from_tables(queries, documents, qrels)


def test_the_command_of_ir_measures_gives_our_numbers_from_our_files(tmp_path):
    result = evaluate(graded_dataset(), Coarse())
    result.write(tmp_path)
    names = {
        "nDCG@10": "nDCG@10",
        "RR@10": "MRR@10",
        "R@10": "Recall@10",
        "R@100": "Recall@100",
        "AP@100": "MAP@100",
    }
    files = [str(tmp_path / "qrels.trec"), str(tmp_path / "run.trec")]
    command = [sys.executable, "-m", "ir_measures", *files, *names, "--places", "-1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {names[name]: float(value) for name, value in (line.split("\t") for line in printed.splitlines())}
    assert theirs == pytest.approx(result.metrics, abs=1e-12)


def textbook(relevance, ranked):
    """Each measure from its definition, for one query; `ranked` lists documents, best first."""
    gains = [max(relevance.get(doc, 0), 0) for doc in ranked]
    ideal = sorted((g for g in relevance.values() if g > 0), reverse=True)
    n_positive = len(ideal)

    def dcg(values):
        return sum(g / math.log2(i + 2) for i, g in enumerate(values[:10]))

    hits = [i + 1 for i, g in enumerate(gains[:100]) if g > 0]
    return {
        "nDCG@10": dcg(gains) / dcg(ideal),
        "MRR@10": next((1 / rank for rank in hits if rank <= 10), 0.0),
        "Recall@10": sum(rank <= 10 for rank in hits) / n_positive,
        "Recall@100": len(hits) / n_positive,
        "MAP@100": sum((i + 1) / rank for i, rank in enumerate(hits)) / n_positive,
    }


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 40), st.integers(-1, 3), min_size=1).filter(lambda r: max(r.values()) > 0),
    st.lists(st.integers(0, 200), unique=True, max_size=130),
)
def test_each_measure_follows_its_definition(relevance, ranked):
    qrels = pl.DataFrame(
        [("q", f"d{d}", r) for d, r in relevance.items()],
        schema=["query_id", "doc_id", "relevance"],
        orient="row",
    )
    run = pl.DataFrame(
        [("q", f"d{d}", rank) for rank, d in enumerate(ranked, 1)],
        schema={"query_id": pl.String, "doc_id": pl.String, "rank": pl.Int32},
        orient="row",
    )
    got = measure(qrels, run).drop("query_id").row(0, named=True)
    # pytrec_eval's "map_cut" and our definition both divide by all positives, found or not.
    assert got == pytest.approx(textbook(relevance, ranked), abs=1e-9)


def enumerate_flips(difference):
    observed = abs(sum(difference))
    patterns = itertools.product([1, -1], repeat=len(difference))
    sums = [abs(sum(s * d for s, d in zip(signs, difference, strict=True))) for signs in patterns]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


@pytest.mark.parametrize("seed", range(5))
def test_few_queries_give_the_exact_p_value(seed):
    difference = np.random.default_rng(seed).normal(0.3, 1, size=8).round(1)
    assert randomisation_p_value(difference, seed=0) == pytest.approx(enumerate_flips(difference.tolist()))


@pytest.mark.parametrize("seed", range(3))
def test_sampled_p_values_agree_with_enumeration(seed):
    difference = np.random.default_rng(seed).normal(0.25, 1, size=14)
    exact = enumerate_flips(difference.tolist())
    assert randomisation_p_value(difference, seed=1, n_draws=20_000) == pytest.approx(exact, abs=0.012)


def test_the_p_value_agrees_with_scipy():
    rng = np.random.default_rng(2)
    difference = rng.normal(0.12, 1, size=200) * (rng.random(200) < 0.7)
    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=9_999, vectorized=True, rng=rng
    )
    assert randomisation_p_value(difference, seed=1) == pytest.approx(theirs.pvalue, abs=0.02)


def test_the_interval_agrees_with_scipys_percentile_bootstrap():
    rng = np.random.default_rng(6)
    before, after = rng.random(150), rng.random(150)
    ids = [f"q{i:03}" for i in range(150)]
    tables = [pl.DataFrame({"query_id": ids, "MAP@100": values}) for values in (before, after)]
    ours = compare(*tables, "MAP@100", seed=1)
    theirs = stats.bootstrap((after - before,), np.mean, method="percentile", rng=rng).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
