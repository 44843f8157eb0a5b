"""What is PostgreSQL's alone: types, schemas, lost connections, and that nothing is written."""

import numpy as np
import psycopg
import pytest

import hardneg as hn
from hardneg.errors import ModelError, RecipeError, StorageError
from hardneg.sources import Dense, PgVector, PostgresText
from hardneg.sources.indexes import postgres
from index_toy import BLOCK, ENCODER, index_toy, vectors_of
from local_postgres import emptied, server


@pytest.fixture
def dataset(monkeypatch):
    monkeypatch.setattr(Dense, "encoder", lambda _: ENCODER)
    return index_toy()


@pytest.fixture
def database():
    connection = emptied()
    connection.execute("DROP SCHEMA IF EXISTS rag CASCADE")
    yield connection
    connection.close()


OF = Dense(model="any")


def test_a_number_as_id_half_precision_and_a_schema(database, dataset):
    database.execute(
        'CREATE SCHEMA rag; CREATE TABLE rag."Pass%ages" (nr bigint PRIMARY KEY, "the vector" halfvec(16))'
    )
    numbered = dataset.documents.with_columns(id=dataset.documents["id"].str.strip_prefix("doc-"))
    labels = dataset.corpus.with_ids(dataset.qrels)
    labels = labels.with_columns(doc_id=labels["doc_id"].str.strip_prefix("doc-"))
    dataset = hn.Dataset.from_tables(dataset.queries, numbered, labels)
    with database.cursor() as cursor:
        rows = [(at, str(vector.tolist())) for at, vector in enumerate(vectors_of(dataset))]
        cursor.executemany('INSERT INTO rag."Pass%%ages" VALUES (%s, %s)', [*rows, (900, None)])
    source = PgVector("rag.Pass%ages", server(), of=OF, id_field="nr", vector="the vector", metric="cosine")
    rows, best = source.retrieve(dataset, BLOCK, 5), OF.retrieve(dataset, BLOCK, 5)
    np.testing.assert_allclose(rows["score"], best["score"], atol=1e-3)
    assert not hn.mine(dataset, sources=[source], per_query=1).findings  # a row without a vector is no record


def test_columns_and_types_that_do_not_fit_are_named(database, dataset):
    database.execute("CREATE TABLE docs (id text, embedding vector(16), text text)")
    database.execute("INSERT INTO docs VALUES ('doc-0', %s, 'word1')", [str((2 * vectors_of(dataset)[0]).tolist())])
    for options, message in (
        (
            {"id_field": "idd"},
            r"no column 'idd', which id_field names; did you mean 'id'\? \(known: id, embedding, text\)",
        ),
        ({"vector": "embeddings"}, "no column 'embeddings', which vector names; did you mean 'embedding'"),
    ):
        with pytest.raises(RecipeError, match=message):
            hn.mine(dataset, sources=[PgVector("docs", server(), of=OF, **options)])
    with pytest.raises(ModelError, match="column 'text' is of type text, not of vectors"):
        hn.mine(dataset, sources=[PgVector("docs", server(), of=OF, vector="text")])
    with pytest.raises(ModelError, match="compares by dot, and its vectors are not of unit length"):
        hn.mine(dataset, sources=[PgVector("docs", server(), of=OF)])
    with pytest.raises(RecipeError, match="metric is 'manhattan'; set it to cosine, dot, l2"):
        PgVector("docs", server(), of=OF, metric="manhattan")


def test_a_column_without_a_dimension_and_a_pool_that_is_deeper_than_the_index_can(database, dataset):
    database.execute("CREATE TABLE docs (id text, embedding vector)")
    with database.cursor() as cursor:
        rows = zip(dataset.documents["id"], map(str, vectors_of(dataset).tolist()), strict=True)
        cursor.executemany("INSERT INTO docs VALUES (%s, %s)", list(rows))
    source = PgVector("docs", server(), of=OF, pool=2_000)
    rows, best = source.retrieve(dataset, BLOCK, 90), OF.retrieve(dataset, BLOCK, 90)
    assert rows.equals(best)  # to the bit: it stores what it is given


def test_a_column_of_words_made_beforehand(database, dataset):
    database.execute("CREATE TABLE docs (id text, words tsvector)")
    with database.cursor() as cursor:
        rows = zip(dataset.documents["id"], dataset.document_texts, strict=True)
        cursor.executemany("INSERT INTO docs VALUES (%s, to_tsvector('english', %s))", list(rows))
    rows = PostgresText("docs", server(), text="words").retrieve(dataset, BLOCK, 5)
    assert rows.height == 60


def test_a_connection_that_is_lost_is_opened_anew(database, dataset, monkeypatch):
    database.execute("CREATE TABLE docs (id text, words text)")
    database.execute("INSERT INTO docs VALUES ('doc-0', 'word1')")
    monkeypatch.setattr("hardneg.sources.indexes.asking._FIRST_WAIT_S", 0.001)
    source = PostgresText("docs", server(), text="words")
    before = source.fingerprint()
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert source.fingerprint() == before
    database.execute("UPDATE docs SET words = words")
    assert source.fingerprint() != before


def test_nothing_can_be_written(database):
    connection = postgres._connection(server(), 30.0, "pgvector")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("CREATE TABLE mine (id text)")


def test_a_server_that_is_not_there_and_a_database_that_is_not(dataset):
    away = PgVector("docs", "postgresql://me@127.0.0.1:1/postgres", of=OF, patience_s=0)
    with pytest.raises(
        StorageError, match=r"table 'docs' at postgresql://127.0.0.1:1/postgres does not answer .*refused"
    ):
        hn.mine(dataset, sources=[away])
    other = PgVector("docs", server().replace("/postgres", "/none").replace("none:", "postgres:"), of=OF, patience_s=0)
    with pytest.raises(ModelError, match=r'refuses: .*database "none" does not exist.*; look at the user and database'):
        hn.mine(dataset, sources=[other])
