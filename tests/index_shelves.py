"""Indexes of others to test against: each is filled with records, changed, and named as a source."""

from contextlib import ExitStack

from hardneg.sources import SOURCES

METRICS = ("cosine", "dot", "l2")


class QdrantShelf:
    """A collection of Qdrant, kept in this process by Qdrant's own client."""

    use = "qdrant"

    def __init__(self, monkeypatch, folder):
        from qdrant_client import QdrantClient

        self.client, self.n = QdrantClient(":memory:"), 0
        monkeypatch.setattr("hardneg.sources.indexes.qdrant._client", lambda *_: self.client)

    def fill(self, ids, vectors, texts=None, *, metric="cosine", name="docs"):
        from qdrant_client import models

        distance = {"cosine": "Cosine", "dot": "Dot", "l2": "Euclid"}[metric]
        self.client.create_collection(name, models.VectorParams(size=vectors.shape[1], distance=distance))
        self.add(ids, vectors, texts, name=name)

    def add(self, ids, vectors, texts=None, *, name="docs"):
        for doc_id, vector in zip(ids, vectors, strict=True):
            self.replace(self.n, doc_id, vector, name=name)
            self.n += 1

    def replace(self, at, doc_id, vector, *, name="docs"):
        """Give the record that came `at` another vector."""
        from qdrant_client import models

        self.client.upsert(name, [models.PointStruct(id=at, vector=vector.tolist(), payload={"meta": {"id": doc_id}})])

    def source(self, of, *, name="docs", **options):
        return SOURCES["qdrant"](name, url="http://localhost:6333", of=of, **{"id_field": "meta.id"} | options)

    def close(self):
        self.client.close()


class LanceShelf:
    """A table of LanceDB in a folder."""

    use = "lancedb"

    def __init__(self, monkeypatch, folder):
        import lancedb

        self.folder = folder / "lance"
        self.database = lancedb.connect(str(self.folder))

    def fill(self, ids, vectors, texts=None, *, metric="cosine", name="docs"):
        import pyarrow as pa

        kind = pa.list_(pa.float32(), vectors.shape[1])
        self.database.create_table(name, schema=pa.schema({"id": pa.string(), "vector": kind}))
        self.metric = metric
        self.add(ids, vectors, texts, name=name)

    def add(self, ids, vectors, texts=None, *, name="docs"):
        rows = [{"id": doc_id, "vector": vector} for doc_id, vector in zip(ids, vectors, strict=True)]
        if rows:
            self.database.open_table(name).add(rows)

    def replace(self, at, doc_id, vector, *, name="docs"):
        table = self.database.open_table(name)
        table.delete(f"id = '{doc_id}'")
        table.add([{"id": doc_id, "vector": vector}])

    def source(self, of, *, name="docs", **options):
        return SOURCES["lancedb"](name, self.folder, of=of, **{"metric": self.metric} | options)

    def close(self):
        pass


class PostgresShelf:
    """A table of a real PostgreSQL."""

    use = "pgvector"

    def __init__(self, monkeypatch, folder):
        from local_postgres import emptied, server

        self.connection, self.address = emptied(), server()

    def fill(self, ids, vectors, texts=None, *, metric="cosine", name="docs"):
        kind, classes = f"vector({vectors.shape[1]})", {"cosine": "cosine", "dot": "ip", "l2": "l2"}
        self.connection.execute(f"CREATE TABLE {name} (at serial, id text, embedding {kind}, text text)")
        self.connection.execute(f"CREATE INDEX ON {name} USING hnsw (embedding vector_{classes[metric]}_ops)")
        self.add(ids, vectors, texts, name=name)

    def add(self, ids, vectors, texts=None, *, name="docs"):
        texts = [""] * len(ids) if texts is None else texts
        with self.connection.cursor() as cursor:
            rows = [
                (doc_id, str(vector.tolist()), text) for doc_id, vector, text in zip(ids, vectors, texts, strict=True)
            ]
            cursor.executemany(f"INSERT INTO {name} (id, embedding, text) VALUES (%s, %s, %s)", rows)

    def replace(self, at, doc_id, vector, *, name="docs"):
        statement = f"UPDATE {name} SET embedding = %s WHERE id = %s"
        self.connection.execute(statement, (str(vector.tolist()), doc_id))

    def source(self, of, *, name="docs", **options):
        return SOURCES["pgvector"](name, self.address, of=of, **options)

    def close(self):
        self.connection.close()


class ElasticShelf:
    """An index of a server that answers as Elasticsearch does."""

    use, flavour = "elasticsearch", "elasticsearch"

    def __init__(self, monkeypatch, folder):
        from local_elasticsearch import serving

        self.stack, self.n = ExitStack(), 0
        self.store, self.address = self.stack.enter_context(serving(self.flavour))

    def fill(self, ids, vectors, texts=None, *, metric="cosine", name="docs"):
        self.store.create(name, vectors.shape[1], metric)
        self.add(ids, vectors, texts, name=name)

    def add(self, ids, vectors, texts=None, *, name="docs"):
        texts = [""] * len(ids) if texts is None else texts
        for doc_id, vector, text in zip(ids, vectors, texts, strict=True):
            self.store.put(name, f"key-{self.n}", {"vector": vector.tolist(), "text": text, "meta": {"id": doc_id}})
            self.n += 1

    def replace(self, at, doc_id, vector, *, name="docs"):
        self.store.put(name, f"key-{at}", {"vector": vector.tolist(), "text": "", "meta": {"id": doc_id}})

    def source(self, of, *, name="docs", **options):
        return SOURCES["elasticsearch"](name, self.address, of=of, **{"id_field": "meta.id"} | options)

    def close(self):
        self.stack.close()


class PostgresTextShelf(PostgresShelf):
    """The same table, by its words."""

    use = "postgres_text"

    def source(self, of=None, *, name="docs", **options):
        return SOURCES["postgres_text"](name, self.address, **options)


class ElasticTextShelf(ElasticShelf):
    use = "elasticsearch_text"

    def source(self, of=None, *, name="docs", **options):
        return SOURCES["elasticsearch_text"](name, self.address, **{"id_field": "meta.id"} | options)


class OpenSearchShelf(ElasticShelf):
    flavour = "opensearch"


SHELVES = {
    "qdrant": QdrantShelf,
    "lancedb": LanceShelf,
    "pgvector": PostgresShelf,
    "elasticsearch": ElasticShelf,
    "opensearch": OpenSearchShelf,
}
TEXT_SHELVES = {"postgres_text": PostgresTextShelf, "elasticsearch_text": ElasticTextShelf}
