"""Fill an index with the vectors that `hardneg encode` wrote, as the page on indexes shows.

    python benchmarks/indexes/fill.py VECTORS DATASET qdrant:FOLDER [--lack N]
    python benchmarks/indexes/fill.py VECTORS DATASET lancedb:FOLDER
    python benchmarks/indexes/fill.py VECTORS DATASET faiss:FILE
    python benchmarks/indexes/fill.py VECTORS DATASET tantivy:FILE   (a run file of its own search for the test queries)
    python benchmarks/indexes/fill.py VECTORS DATASET postgresql://USER@HOST/DATABASE

`--lack N` leaves the last N documents out. What is called docs there is made anew.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hardneg as hn

Row = tuple[int, str, np.ndarray, str]  # number, id, vector and text of a document


def to_qdrant(place: str, rows: list[Row]) -> None:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(url=place) if place.startswith("http") else QdrantClient(path=place)
    size = len(rows[0][2])
    client.delete_collection("docs")
    client.create_collection("docs", models.VectorParams(size=size, distance=models.Distance.COSINE))
    for some in in_parts(rows):
        points = [models.PointStruct(id=n, vector=vector.tolist(), payload={"id": doc}) for n, doc, vector, _ in some]
        client.upsert("docs", points)
    client.close()


def to_lancedb(place: str, rows: list[Row]) -> None:
    import lancedb
    from lancedb.index import IvfHnswSq

    table = [{"id": doc, "vector": vector, "text": text} for _, doc, vector, text in rows]
    made = lancedb.connect(place).create_table("docs", table, mode="overwrite")
    made.create_index("vector", config=IvfHnswSq(distance_type="cosine", num_partitions=1))


def to_postgres(place: str, rows: list[Row]) -> None:
    import psycopg

    with psycopg.connect(place) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute("DROP TABLE IF EXISTS docs")
        cursor.execute(f"CREATE TABLE docs (id text PRIMARY KEY, embedding vector({len(rows[0][2])}), text text)")
        with cursor.copy("COPY docs FROM STDIN") as copy:
            for _, doc, vector, text in rows:
                copy.write_row((doc, str(vector.tolist()), text))
        cursor.execute("CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops)")
        cursor.execute("CREATE INDEX ON docs USING gin (to_tsvector('english', text))")


def to_faiss(place: str, rows: list[Row]) -> None:
    import faiss

    vectors = np.stack([vector for _, _, vector, _ in rows])
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    faiss.write_index(index, place)


def run_of_tantivy(place: str, rows: list[Row], dataset: hn.Dataset) -> None:
    import tantivy

    schema = tantivy.SchemaBuilder().add_text_field("id", stored=True).add_text_field("text", tokenizer_name="en_stem")
    index = tantivy.Index(schema.build())
    writer = index.writer(50_000_000, 1)
    for _, doc, _, text in rows:
        writer.add_document(tantivy.Document(id=doc, text=text))
    writer.commit()
    index.reload()
    searcher, asked = index.searcher(), dataset.queries[dataset.queries_of("test").tolist()]
    with Path(place).open("w") as file:
        for query_id, text in asked.select("id", "text").iter_rows():
            query, _ = index.parse_query_lenient(text, ["text"])
            for rank, (score, at) in enumerate(searcher.search(query, 100).hits, start=1):
                file.write(f"{query_id} Q0 {searcher.doc(at)['id'][0]} {rank} {score:.6f} tantivy\n")


def in_parts(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), 1_000):
        yield rows[start : start + 1_000]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("place")
    parser.add_argument("--lack", type=int, default=0)
    arguments = parser.parse_args()
    vectors = np.load(arguments.vectors / "documents.npy", mmap_mode="r")
    ids = json.loads((arguments.vectors / "documents.ids.json").read_text())
    dataset = hn.read_dataset(arguments.dataset)
    documents = dataset.documents
    text_of: dict[str, Any] = dict(zip(documents["id"], documents["text"], strict=True))
    rows = [(n, doc, vectors[n], text_of[doc]) for n, doc in enumerate(ids[: len(ids) - arguments.lack])]
    kind, _, rest = arguments.place.partition(":")
    fill = {"qdrant": to_qdrant, "lancedb": to_lancedb, "faiss": to_faiss}.get(kind)
    if kind == "tantivy":
        run_of_tantivy(rest, rows, dataset)
    elif fill is None:
        to_postgres(arguments.place, rows)
    else:
        fill(rest, rows)
    print(f"{len(rows):,} documents in docs of {arguments.place}")


if __name__ == "__main__":
    main()
