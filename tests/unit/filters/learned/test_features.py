from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.filters.learned import other_queries
from hardneg.filters.learned.features import Features
from hardneg.planting.planting import plant
from hardneg.progress import showing
from watching import Watching

N_QUERIES, N_DOCUMENTS = 9, 12
QUERY_TEXTS = ["a b c", "a d", "e f g", "b c", "h", "a d", "c e", "f h a", "zz"]  # 1 and 5 are the same
TRAIN = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 3), (2, 2), (2, 4), (3, 0), (3, 5), (5, 6), (5, 2), (8, 7)]
TEST = [(2, 9), (4, 10), (6, 0), (7, 1), (7, 2)]  # 2 is in both splits; 4, 6 and 7 are in this one alone


@dataclass(frozen=True)
class Told:
    """Vectors and scores of pairs that were drawn once."""

    name: str = "told"

    def vectors_of_documents(self, dataset):
        return np.random.default_rng(1).normal(size=(dataset.n_documents, 5)).astype(np.float32)

    def vectors_of_queries(self, dataset, queries):
        return np.random.default_rng(2).normal(size=(dataset.n_queries, 5)).astype(np.float32)[queries]

    def score(self, dataset, query, document):
        return np.random.default_rng(3).normal(size=(N_QUERIES, N_DOCUMENTS)).astype(np.float32)[query, document]


def labelled(train, test):
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(list("abcdefgh"), rng.integers(1, 7))) for _ in range(N_DOCUMENTS)]
    rows = [(q, d, 1, "test") for q, d in test] + [(q, d, 1, "train") for q, d in train]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(N_QUERIES)], "text": QUERY_TEXTS}),
        pl.DataFrame({"id": [f"d{i}" for i in range(N_DOCUMENTS)], "text": texts}),
        pl.DataFrame(
            [(f"q{q}", f"d{d}", relevance, split) for q, d, relevance, split in rows],
            schema=["query_id", "doc_id", "relevance", "split"],
            orient="row",
        ),
    )


@pytest.fixture
def dataset():
    return labelled(TRAIN, TEST)


@pytest.fixture
def rows() -> pl.DataFrame:
    """All pairs; the source `a` knows the rank and score of some."""
    rng = np.random.default_rng(7)
    n = N_QUERIES * N_DOCUMENTS
    known = rng.random(n) < 0.6
    return pl.DataFrame(
        {
            "query": np.repeat(np.arange(N_QUERIES, dtype=np.int32), N_DOCUMENTS),
            "document": np.tile(np.arange(N_DOCUMENTS, dtype=np.int32), N_QUERIES),
            "rank.a": np.where(known, rng.integers(1, 20, n), None).tolist(),
            "score.a": np.where(known, rng.normal(size=n), None).tolist(),
            "rank.b": np.where(rng.random(n) < 0.5, 1, None).tolist(),
            "teacher_score": rng.random(n).astype(np.float32),
        },
        schema_overrides={"rank.a": pl.Int32, "rank.b": pl.Int32, "score.a": pl.Float32},
    )


FEATURES = Features("train", Told(), (Told("words"),))


def test_what_goes_from_query_to_query_is_shown(dataset, rows):
    with showing(display := Watching()):
        FEATURES.describe(rows, dataset)
    compared = {"comparing words", "comparing vectors with known answers", "comparing with similar queries"}
    assert compared <= display.finished()
    totals = {description: total for description, total, _ in display.tasks}
    assert {totals[each] for each in compared} == {N_QUERIES}


def number(value):
    return np.nan if value is None else float(value)


def against(name, scores, query, document, positives):
    own = scores[query, document]
    known = [scores[query, d] for d in positives[query] if not np.isnan(scores[query, d])]
    lowest, mean, highest = (min(known), sum(known) / len(known), max(known)) if known else (np.nan,) * 3
    return {
        name: own,
        f"{name}/positive": own / abs(lowest),
        f"{name}-lowest_positive": own - lowest,
        f"{name}-mean_positive": own - mean,
        f"{name}-highest_positive": own - highest,
    }


def largest_and_mean(values):
    return (max(values), sum(values) / len(values)) if values else (np.nan, np.nan)


def slowly(rows, dataset, n_neighbours):
    """Describe row by row, from the lists of labels alone."""
    words = [set(text.split()) for text in dataset.documents["text"]]
    vector_d = Told().vectors_of_documents(dataset).astype(float)
    vector_q = Told().vectors_of_queries(dataset, np.arange(N_QUERIES)).astype(float)
    grid = {name: np.full((N_QUERIES, N_DOCUMENTS), np.nan) for name in ("score.a", "teacher_score")}
    for row in rows.iter_rows(named=True):
        for name, table in grid.items():
            table[row["query"], row["document"]] = number(row[name])
    pairs = np.divmod(np.arange(N_QUERIES * N_DOCUMENTS), N_DOCUMENTS)
    told = Told().score(dataset, *pairs).reshape(N_QUERIES, N_DOCUMENTS).astype(float)
    positives = [sorted(d for q, d in TRAIN if q == query) for query in range(N_QUERIES)]
    text_answers = {text: {d for q, d in TRAIN if QUERY_TEXTS[q] == text} for text in QUERY_TEXTS}
    members = [q for q in range(N_QUERIES) if positives[q] and q not in {q for q, _ in TEST}]
    described = []
    for row in rows.iter_rows(named=True):
        q, d = row["query"], row["document"]
        others = [p for p in positives[q] if p != d]
        jaccard = [len(words[d] & words[p]) / len(words[d] | words[p]) for p in others]
        similar = [vector_d[d] @ vector_d[p] for p in others]
        strangers = sorted((-(vector_q[m] @ vector_q[q]), m) for m in members if QUERY_TEXTS[m] != QUERY_TEXTS[q])
        asked = [-minus for minus, m in strangers if d in positives[m]]
        answers = [vector_d[d] @ vector_d[p] for _, m in strangers[:n_neighbours] for p in positives[m]]
        other_texts = [t for t, found in text_answers.items() if d in found and t != QUERY_TEXTS[q]]
        own_words = set(QUERY_TEXTS[q].split())
        described.append(
            {
                "rank.a": number(row["rank.a"]),
                "rank.b": number(row["rank.b"]),
                "n_sources": (row["rank.a"] is not None) + (row["rank.b"] is not None),
                **against("score.a", grid["score.a"], q, d, positives),
                **against("score.words", told, q, d, positives),
                **against("teacher", grid["teacher_score"], q, d, positives),
                "words.of_query": len(own_words & words[d]) / len(own_words),
                "words.jaccard_max": largest_and_mean(jaccard)[0],
                "words.jaccard_mean": largest_and_mean(jaccard)[1],
                "words.query": len(own_words),
                "words.document": len(words[d]),
                "similarity.max": largest_and_mean(similar)[0],
                "similarity.mean": largest_and_mean(similar)[1],
                "neighbours.asked": max(asked, default=np.nan),
                "neighbours.answers": largest_and_mean(answers)[1],
                "labels.document": len(other_texts),
                "labels.shared": sum(len(text_answers[t] & text_answers[QUERY_TEXTS[q]]) for t in other_texts),
                "n_positives": len(positives[q]),
            }
        )
    return described


@pytest.mark.parametrize("n_neighbours", [2, 10])
def test_every_column_equals_a_loop_over_the_labels(dataset, rows, monkeypatch, n_neighbours):
    monkeypatch.setattr(other_queries, "_NEIGHBOURS", n_neighbours)
    described, expected = FEATURES.describe(rows, dataset), slowly(rows, dataset, n_neighbours)
    assert described.columns == list(expected[0])
    for name in described.columns:
        wanted = [row[name] for row in expected]
        np.testing.assert_allclose(described[name].to_numpy(), wanted, rtol=1e-5, atol=1e-6, err_msg=name)
        assert described[name].dtype == pl.Float32


def test_a_hidden_positive_is_described_as_if_it_had_never_been_labelled(dataset, rows):
    planted = plant(dataset, "train", seed=1)
    query, document = np.divmod(planted.hidden.keys, planted.hidden.width)
    hidden = set(zip(query.tolist(), document.tolist(), strict=True))
    assert len(hidden) >= 5
    never = labelled([pair for pair in TRAIN if pair not in hidden], TEST)
    assert FEATURES.describe(rows, planted.dataset).equals(FEATURES.describe(rows, never), null_equal=True)
    assert not FEATURES.describe(rows, dataset).equals(FEATURES.describe(rows, never), null_equal=True)


@pytest.mark.parametrize("test", [[(2, 0), (2, 11), (4, 3), (6, 2), (7, 8)], [(2, 1), (4, 1), (6, 1), (7, 1)]])
def test_labels_of_another_split_change_nothing(dataset, rows, test):
    assert FEATURES.describe(rows, dataset).equals(FEATURES.describe(rows, labelled(TRAIN, test)), null_equal=True)


def test_neither_the_order_of_the_rows_nor_the_other_queries_matter(dataset, rows):
    described = FEATURES.describe(rows, dataset)
    order = np.random.default_rng(0).permutation(rows.height)
    for name, column in FEATURES.describe(rows[order], dataset).to_dict().items():
        np.testing.assert_allclose(column.to_numpy(), described[name].to_numpy()[order], rtol=1e-6, err_msg=name)
    alone = [FEATURES.describe(rows.filter(pl.col("query") == query), dataset) for query in range(N_QUERIES)]
    assert pl.concat(alone).equals(described, null_equal=True)


def test_without_known_positives_what_compares_with_them_is_unknown(dataset, rows):
    described = FEATURES.describe(rows.filter(pl.col("query") == 4), dataset)  # its only label is of the other split
    for name in described.columns:
        compares = name.endswith(("positive", "jaccard_max", "jaccard_mean")) or name.startswith("similarity")
        assert described[name].is_nan().all() == compares, name
    assert described["n_positives"].to_list() == [0.0] * N_DOCUMENTS


def test_what_is_not_there_has_no_column(dataset, rows):
    plain = replace(FEATURES, vectors=None, scorers=()).describe(rows.drop("teacher_score"), dataset).columns
    assert not [name for name in plain if name.startswith(("teacher", "similarity", "neighbours", "score.words"))]


def test_no_rows_have_the_same_columns(dataset, rows):
    assert FEATURES.describe(rows.clear(), dataset).schema == FEATURES.describe(rows, dataset).schema
