import gzip
import json

import polars as pl
import pytest

from hardneg.data.pairs import PairColumns, content_ids, read_pairs
from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError


def labels(dataset):
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    return [(query[q], document[d], relevance, split) for q, d, relevance, split in dataset.qrels.iter_rows()]


TRIPLES = [
    {"query": "q1", "positive": "p1", "negative": "n1", "topic": "a"},
    {"query": "q2", "positive": "p2", "negative": "n1", "topic": "b"},
    {"query": "q1", "positive": "p2", "negative": "n2", "topic": "c"},
]
LABELS = [
    ("q1", "p1", 1, "train"),
    ("q1", "n1", 0, "train"),
    ("q2", "p2", 1, "train"),
    ("q2", "n1", 0, "train"),
    ("q1", "p2", 1, "train"),
    ("q1", "n2", 0, "train"),
]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv", "tsv", "parquet"])
def test_triples_read_the_same_from_every_format(tmp_path, suffix):
    path = tmp_path / f"pairs.{suffix}"
    table = pl.DataFrame(TRIPLES)
    if suffix == "parquet":
        table.write_parquet(path)
    elif "jsonl" in suffix:
        text = "".join(json.dumps(row) + "\n" for row in TRIPLES).encode()
        path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    else:
        table.write_csv(path, separator="," if suffix == "csv" else "\t")
    dataset = read_dataset(path)
    assert labels(dataset) == LABELS
    assert dataset.queries["text"].to_list() == ["q1", "q2"]
    assert dataset.queries["topic"].to_list() == ["a", "b"]
    assert dataset.name == "pairs"


def test_ids_are_hashes_of_the_text_and_never_change():
    ids = content_ids(pl.Series(["open a file", "sort a list"]), prefix="q")
    assert ids.to_list() == ["qb5dd91d00451234f", "qfc4335f77c2d3a41"]


def test_lists_of_positives_and_negatives_are_spread(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"anchor": "q", "pos": ["a", "b"], "neg": ["c"]}\n{"anchor": "r", "pos": ["c"], "neg": []}\n')
    assert labels(read_dataset(path)) == [
        ("q", "a", 1, "train"),
        ("q", "b", 1, "train"),
        ("q", "c", 0, "train"),
        ("r", "c", 1, "train"),
    ]


def test_numbered_negatives_are_all_read(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('question,answer,negative_1,negative_2\nq,"a\nb",c,d\nr,e,f,\n')
    assert [row[:3] for row in labels(read_dataset(path))] == [
        ("q", "a\nb", 1),
        ("q", "c", 0),
        ("q", "d", 0),
        ("r", "e", 1),
        ("r", "f", 0),
    ]


def test_a_split_column_names_the_splits(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("query,positive,split\nq,a,train\nr,b,test\ns,c,\n")
    assert [row[3] for row in labels(read_dataset(path))] == ["train", "test", "train"]


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("frage,antwort,falsch\nq,a,b\n")
    columns = PairColumns(query="frage", positive="antwort", negative="falsch")
    dataset = read_pairs(path, columns=columns, rejections=Rejections())
    assert [row[:3] for row in labels(dataset)] == [("q", "a", 1), ("q", "b", 0)]
    with pytest.raises(DatasetError, match=r"no column for the query .* it has: frage, antwort, falsch"):
        read_pairs(path, rejections=Rejections())
    with pytest.raises(DatasetError, match=r"no column 'wrong'; it has: frage"):
        read_pairs(path, columns=PairColumns(query="wrong"), rejections=Rejections())


@pytest.mark.parametrize(
    ("name", "content", "message", "reason"),
    [
        ("x.csv", 'query,positive\nq,"a\n\nb"\n,b\n', r"x\.csv:5: no query text", "incomplete pair"),
        ("x.csv", "query,positive\nq,a\nr,\n", r"x\.csv:3: a query without positives", "incomplete pair"),
        (
            "x.csv",
            "query,positive\nq,a\nr,b,c\n",
            r"x\.csv:3: 3 fields where the header has 2",
            "broken line",
        ),
        ("x.tsv", 'query\tpositive\nq\ta\n"r\n', r"x\.tsv:3: a query without positives", "incomplete pair"),
        (
            "x.jsonl",
            '{"query": "q", "positive": "a"}\n\n{"query": "r"}\n',
            r"x\.jsonl:3: a query",
            "incomplete pair",
        ),
        (
            "x.jsonl",
            '{"query": "q", "positive": "a"}\n{"query": \n',
            r"x\.jsonl:2: broken JSON",
            "broken line",
        ),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path, name, content, message, reason):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_dataset(path)
    dataset = read_dataset(path, skip_invalid=True)
    assert dataset.skipped == {reason: 1}
    assert dataset.n_queries == 1


@pytest.mark.parametrize(("name", "content"), [("x.csv", b"query,positive\nq,a\xff\n"), ("x.csv", b"q\xff,p\n")])
def test_bytes_that_are_not_utf8_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=r"x\.csv:[12]: not UTF-8: byte 0xff"):
        read_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DatasetError, match="no pairs in it"):
        read_dataset(tmp_path / name)


def test_lists_and_texts_in_one_column_are_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"query": "q", "pos": ["a"]}\n{"query": "r", "pos": "b"}\n')
    with pytest.raises(DatasetError, match="'pos' is a list in some records"):
        read_dataset(tmp_path / "x.jsonl")


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match=r"x\.parquet: cannot be read as Parquet"):
        read_dataset(tmp_path / "x.parquet")
