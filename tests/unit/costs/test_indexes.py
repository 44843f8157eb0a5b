"""From which size an approximate index is cheaper: arithmetic on made trials, and a real trial of few documents."""

import math

import pytest

from hardneg.costs import indexes
from hardneg.costs.indexes import cheaper_index, try_indexes

# Exact search takes a microsecond a document and query; an index 5 ms a query, and 10 µs a document to build.
EXACT = [(n, 1e-6 * n) for n in indexes.SIZES]
GRAPH = {"build": [(n, 1e-5 * n * math.log2(n)) for n in indexes.SIZES], "search": [(n, 5e-3) for n in indexes.SIZES]}


class Made:
    def trial(self, name, given):
        assert (name, given["dim"]) == ("indexes", 8)
        return {"exact": EXACT, **GRAPH}


@pytest.mark.parametrize("queries", [1_000, 20_000, 10**6])
def test_an_index_is_cheaper_from_where_building_and_asking_it_take_less(monkeypatch, queries):
    monkeypatch.setattr(indexes, "is_installed", lambda name: True)
    found = cheaper_index(Made(), documents=10**6, queries=queries, dim=8, depth=10)
    assert found.kind == "hnsw"

    def saved(n):
        return queries * 1e-6 * n - (1e-5 * n * math.log2(n) + queries * 5e-3)

    assert saved(found.documents * 1.1) > 0 > saved(found.documents * 0.9)
    assert f"From about {found.documents:,} documents on" in str(found)


def test_for_few_queries_no_index_pays(monkeypatch):
    monkeypatch.setattr(indexes, "is_installed", lambda name: True)
    found = cheaper_index(Made(), documents=10**6, queries=100, dim=8, depth=10)
    assert found.documents is None
    assert "with any number of documents" in str(found)


def test_it_is_asked_only_where_there_are_many_documents_and_faiss(monkeypatch):
    assert cheaper_index(Made(), documents=49_999, queries=1, dim=8, depth=10) is None
    monkeypatch.setattr(indexes, "is_installed", lambda name: False)
    assert cheaper_index(Made(), documents=10**6, queries=1, dim=8, depth=10) is None


def test_a_trial_times_both():
    tried = try_indexes({"sizes": [1_100, 1_200], "dim": 8, "depth": 5, "pool": 50})
    assert [n for n, _ in tried["exact"]] == [1_100, 1_200]
    assert all(seconds > 0 for line in tried.values() for _, seconds in line)
