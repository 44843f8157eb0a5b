"""Datasets that differ in their labels alone share their texts and all that was made of them."""

import gc
import pickle
import weakref

import polars as pl

from hardneg.audits.planted import audit_planted
from hardneg.data.corpus import Corpus, _groups, of_texts, unknown_ids
from hardneg.data.dataset import Dataset
from hardneg.filters import NearDuplicate
from hardneg.filters.shingles import document_shingles
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.search.bm25 import BM25Index
from hardneg.sources import BM25
from labelled_toy import labelled_toy


def test_other_labels_have_the_same_corpus_and_other_texts_another(tiny):
    fewer = tiny.without_labels(tiny.qrels.head(1))
    assert fewer.corpus is tiny.corpus
    assert fewer.qrels.height == tiny.qrels.height - 1
    assert (fewer.splits, fewer.query_split.tolist()) == (tiny.splits, tiny.query_split.tolist())
    assert tiny.with_labels(tiny.qrels.tail(2)).corpus is tiny.corpus
    other = Dataset(tiny.queries, tiny.documents.head(8).clone(), tiny.qrels, corpus=tiny.corpus)
    assert other.corpus is not tiny.corpus


def test_a_fingerprint_is_that_of_a_dataset_made_anew(tiny):
    fewer = tiny.without_labels(tiny.qrels.select("query", "document").head(2))
    made = Dataset(tiny.queries, tiny.documents, fewer.qrels, tiny.name)
    assert fewer.fingerprint == made.fingerprint != tiny.fingerprint
    assert fewer.texts_fingerprint == made.texts_fingerprint == tiny.texts_fingerprint
    assert fewer.labels_fingerprint == made.labels_fingerprint != tiny.labels_fingerprint


def test_what_is_derived_is_made_once_kept_by_use_and_goes_with_the_corpus(tiny):
    made = []

    @of_texts(keep=2)
    def lengths(dataset, unit):
        made.append(unit)
        return pl.Series([unit])

    corpus = Corpus(tiny.queries, tiny.documents)
    dataset = Dataset(tiny.queries, tiny.documents, tiny.qrels, corpus=corpus)
    assert lengths(dataset, "a") is lengths(dataset.with_labels(tiny.qrels), "a")
    lengths(dataset, "b"), lengths(dataset, "a"), lengths(dataset, "c"), lengths(dataset, "a")
    assert made == ["a", "b", "c"]
    gone = weakref.ref(corpus)
    del corpus, dataset
    gc.collect()
    assert gone() is None


def test_a_planted_audit_of_three_seeds_does_no_work_on_texts_twice(monkeypatch):
    built = {"bm25": 0, "shingles": 0}
    build, shingle = BM25Index.build.__func__, document_shingles.__wrapped__

    def counted_build(cls, *args, **options):
        built["bm25"] += 1
        return build(cls, *args, **options)

    monkeypatch.setattr(BM25Index, "build", classmethod(counted_build))

    @of_texts(keep=2)
    def counted_shingles(dataset, size):
        built["shingles"] += 1
        return shingle(dataset, size)

    monkeypatch.setattr("hardneg.filters.near_duplicate.document_shingles", counted_shingles)
    dataset = labelled_toy()
    groups = []

    def counted_groups(texts):
        groups.append(len(texts))
        return _groups(texts)

    monkeypatch.setattr("hardneg.data.corpus._groups", counted_groups)
    plan = Plan("train", (BM25(analyzer="plain"),), (NearDuplicate(),), Selection(per_query=3), depth=20, seed=0)
    audit_planted(dataset, plan, seeds=(0, 1, 2))
    assert built == {"bm25": 1, "shingles": 1}
    assert sorted(groups) == sorted([dataset.n_queries, dataset.n_documents])


def test_a_dataset_goes_to_another_process_without_what_was_computed(tiny):
    @of_texts(keep=1)
    def local(dataset):
        return lambda: dataset.n_documents

    local(tiny)
    arrived = pickle.loads(pickle.dumps(tiny))
    assert arrived.fingerprint == tiny.fingerprint
    assert arrived.corpus.documents is arrived.documents


def test_ids_and_positions_are_one_join_in_both_directions(tiny):
    rows = pl.DataFrame(
        {"score": [0.5, 0.1], "document": [2, 0], "query": [1, 0]},
        schema_overrides={"query": pl.Int32, "document": pl.Int32},
    )
    named = tiny.with_ids(rows)
    assert named.columns == ["query_id", "doc_id", "score"]
    assert named["query_id"].to_list() == [tiny.queries["id"][1], tiny.queries["id"][0]]
    assert named["doc_id"].to_list() == [tiny.documents["id"][2], tiny.documents["id"][0]]
    assert tiny.positions(named).select(rows.columns).equals(rows)
    assert not list(unknown_ids(tiny.positions(named)))
    unknown = pl.concat([named, named.with_columns(doc_id=pl.lit("gone"))])
    assert [(name, row["doc_id"], row["document"]) for name, row in unknown_ids(tiny.positions(unknown))] == [
        ("doc_id", "gone", None)
    ]
