"""Writes a BEIR folder in other layouts, reads each, and prints what became what; all must have the same labels.

python benchmarks/reading_layouts.py --data data/scifact
"""

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from hardneg import Dataset, read_dataset


def ms_marco(dataset: Dataset, folder: Path) -> Path:
    """Plain files: collection.tsv, queries.SPLIT.tsv and TREC's qrels; texts on one line."""
    place = folder / "msmarco"
    place.mkdir()
    titles = dataset.documents["title"] if "title" in dataset.documents.columns else None
    rows = enumerate(dataset.documents["text"])
    lines = [
        "\t".join(
            [dataset.documents["id"][at], *([one_line(titles[at])] if titles is not None else []), one_line(text)]
        )
        for at, text in rows
    ]
    (place / "collection.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [f"{key}\t{one_line(text)}" for key, text in zip(dataset.queries["id"], dataset.query_texts, strict=True)]
    (place / "queries.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for split in dataset.splits:
        rows = dataset.qrels.filter(pl.col("split") == split).iter_rows()
        lines = [f"{dataset.queries['id'][q]} 0 {dataset.documents['id'][d]} {grade}" for q, d, grade, _ in rows]
        (place / f"qrels.{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def tevatron(dataset: Dataset, folder: Path) -> Path:
    """JSON Lines with passages as objects."""
    path = folder / "tevatron.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for (query, split), rows in dataset.qrels.group_by("query", "split", maintain_order=True):
            passages = {grade > 0: [] for grade in (1, 0)}
            for _, document, grade, _ in rows.iter_rows():
                row = dataset.documents.row(document, named=True)
                passages[grade > 0].append({"docid": row["id"], "title": row.get("title", ""), "text": row["text"]})
            record = {"query_id": dataset.queries["id"][query], "query": dataset.query_texts[query], "split": split}
            record |= {"positive_passages": passages[True], "negative_passages": passages[False]}
            file.write(json.dumps(record) + "\n")
    return path


def spreadsheet(dataset: Dataset, folder: Path) -> Path:
    """CSV as a spreadsheet saves it where the comma is for decimals: semicolons, a byte order mark, capitals."""
    path = folder / "spreadsheet.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Relevance", "Split", "Document", "Query", "Query ID"])
        for query, document, grade, split in dataset.qrels.iter_rows():
            row = [grade, split, dataset.document_texts[document], dataset.query_texts[query]]
            writer.writerow([*row, dataset.queries["id"][query]])
    return path


def mteb(dataset: Dataset, folder: Path) -> Path:
    """Configurations as folders of Parquet files, with candidates to rerank beside them."""
    place = folder / "mteb"
    qrels = dataset.qrels.select(
        pl.Series("query-id", dataset.queries["id"].gather(dataset.qrels["query"])),
        pl.Series("corpus-id", dataset.documents["id"].gather(dataset.qrels["document"])),
        pl.col("relevance").cast(pl.Float64).alias("score"),
        "split",
    )
    for part in ("en-corpus", "en-queries", "en-qrels", "en-top_ranked"):
        (place / part).mkdir(parents=True)
    dataset.documents.rename({"id": "_id"}).write_parquet(place / "en-corpus" / "corpus-00000-of-00001.parquet")
    dataset.queries.rename({"id": "_id"}).write_parquet(place / "en-queries" / "queries-00000-of-00001.parquet")
    for (split,), rows in qrels.group_by("split", maintain_order=True):
        rows.drop("split").write_parquet(place / "en-qrels" / f"{split}-00000-of-00001.parquet")
    return place


def one_line(text: str) -> str:
    return " ".join(text.split())


def labels(dataset: Dataset) -> set[tuple[str, str, int, str]]:
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    return {
        (one_line(query[q]), one_line(document[d]), grade, split) for q, d, grade, split in dataset.qrels.iter_rows()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="A folder in BEIR's layout.")
    folder = parser.parse_args().data
    dataset = read_dataset(folder)
    print(f"{dataset.n_queries:,} queries, {dataset.n_documents:,} documents, {dataset.qrels.height:,} labels")
    print("\n".join(dataset.mapping.lines()))
    writers: list[Callable[[Dataset, Path], Path]] = [ms_marco, tevatron, spreadsheet, mteb]
    with TemporaryDirectory() as temporary:
        for write in writers:
            path = write(dataset, Path(temporary))
            read = read_dataset(path)
            assert labels(read) == labels(dataset), write.__name__
            print(f"\n{path.name}: the same {read.qrels.height:,} labels")
            print("\n".join(read.mapping.lines()))


if __name__ == "__main__":
    main()
