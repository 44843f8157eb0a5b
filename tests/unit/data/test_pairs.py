import gzip
import json

import polars as pl
import pytest

from hardneg.data.layout import Layout
from hardneg.data.readers.ids import content_ids
from hardneg.data.reading import read_dataset
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
    path.write_text("query,positive,split\nq,a,train\nr,b,test\n")
    assert [row[3] for row in labels(read_dataset(path))] == ["train", "test"]


def test_a_row_without_a_split_beside_rows_with_one_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("query,positive,split\nq,a,train\nr,b,test\ns,c,\n")
    with pytest.raises(DatasetError, match=r"x\.csv:4: no split in column 'split'"):
        read_dataset(path)


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("frage,antwort,falsch\nq,a,b\n")
    columns = {"query": "frage", "positive": "antwort", "negative": "falsch"}
    dataset = read_dataset(path, mapping=columns)
    assert [row[:3] for row in labels(dataset)] == [("q", "a", 1), ("q", "b", 0)]
    with pytest.raises(DatasetError, match=r"no column for the query .* it has: frage, antwort, falsch"):
        read_dataset(path)
    with pytest.raises(DatasetError, match=r"no column 'wrong'; it has: frage"):
        read_dataset(path, mapping=Layout(query="wrong"))


@pytest.mark.parametrize(
    ("name", "content", "message", "reason"),
    [
        ("x.csv", 'query,positive\nq,"a\n\nb"\n,b\n', r"x\.csv:5: no query text", "incomplete pair"),
        ("x.csv", "query,positive\nq,a\nr,\n", r"x\.csv:3: a query without positives", "incomplete pair"),
        (
            "x.csv",
            "query,positive\nq,a\nr,b,c\n",
            r"x\.csv:3: 3 fields where the header has 2",
            "wrong number of fields",
        ),
        ("x.tsv", 'query\tpositive\nq\ta\n"r\t\n', r"x\.tsv:3: a query without positives", "incomplete pair"),
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
        (
            "x.jsonl",
            '{"query": "q", "positive": "a"}\n[1]\n',
            r"x\.jsonl:2: broken JSON: expected an object",
            "broken line",
        ),
        (
            "x.csv",
            'query,positive\n"q\n\n1","a"\n\nr\n',
            r"x\.csv:6: 1 field where the header has 2",
            "wrong number of fields",
        ),
        (
            "x.tsv",
            "query\tpositive\nq\ta\n\nr\n",
            r"x\.tsv:4: 1 field where the header has 2",
            "wrong number of fields",
        ),
        ("x.csv", "query,positive\n\nq,a\n,b\n", r"x\.csv:4: no query text", "incomplete pair"),
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


def test_bytes_that_are_not_utf8_are_named_where_the_number_of_columns_is_looked_for(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"q,p\nr,\xe9\n")
    with pytest.raises(DatasetError, match=r"t\.csv:2: not UTF-8: byte 0xe9 at byte offset 6"):
        read_dataset(tmp_path / "t.csv", mapping={"no_header": True})


def test_separators_of_several_letters_need_no_header(tmp_path):
    (tmp_path / "t.dat").write_text("q::p\nr::s\n")
    mapping = {"separator": "::", "columns": "query,positive", "no_header": True}
    assert labels(read_dataset(tmp_path / "t.dat", mapping=mapping)) == [("q", "p", 1, "train"), ("r", "s", 1, "train")]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DatasetError, match="no pairs in it"):
        read_dataset(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "query,positive\nq,a\nr,b\n\n",
        "query,positive\r\n\r\nq,a\r\n   \r\nr,b\r\n\r\n",
        '\n"query","positive"\n,\n"q",a\nr,b\n , \n',
    ],
)
def test_blank_rows_are_passed_over(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content.encode())
    assert [row[:2] for row in labels(read_dataset(tmp_path / "x.csv"))] == [("q", "a"), ("r", "b")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('query,positive\nq,a\nr,"b\ns,c\n', r"x\.csv:3: broken CSV: unexpected end of data"),
        ("query,positive,query\nq,a,r\n", r"x\.csv:1: column 'query' is there twice"),
    ],
)
def test_broken_quotes_and_repeated_columns_are_refused(tmp_path, content, message):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_dataset(tmp_path / "x.csv")


@pytest.mark.parametrize("line", ["[1]", '{"query": "q", "positive": "a"} {"query": "r", "positive": "b"}'])
def test_a_file_whose_only_line_is_no_object_names_the_line(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(f"{line}\n")
    with pytest.raises(DatasetError, match=r"x\.jsonl:1: broken JSON"):
        read_dataset(tmp_path / "x.jsonl")


FIRST = '{"query": "q", "positive": "a", "negative": ["n"]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": ["r"], "positive": "b"}', "2: 'query' is a list, not a text"),
        ('{"query": "r", "positive": {"text": "b"}}', "2: 'positive' is an object, not a text"),
        ('{"query": "r", "positive": "b", "negative": [["m"]]}', "2: 'negative' holds a list in its list"),
        ('{"query": "r", "positive": "b", "negative": [{"text": "m"}]}', "2: 'negative' holds an object in its list"),
        ('{"query": "r", "positive": true}', "2: 'positive' is true or false, not a text"),
        ('{"query": "r", "positive": "b", "split": ["test"]}', "2: 'split' is a list, not a text"),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_values_that_are_no_texts_are_named(tmp_path, line, message, alone):
    (tmp_path / "x.jsonl").write_text(f"{line}\n" if alone else f"{FIRST}\n{line}\n")
    with pytest.raises(DatasetError) as error:
        read_dataset(tmp_path / "x.jsonl")
    assert f"x.jsonl:{message.replace('2:', '1:') if alone else message}" in str(error.value)


def test_lists_and_texts_in_one_column_are_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"query": "q", "pos": ["a"]}\n{"query": "r", "pos": "b"}\n')
    with pytest.raises(DatasetError, match=r"x\.jsonl:2: 'pos' is a list in some records and not in others"):
        read_dataset(tmp_path / "x.jsonl")


def test_texts_that_look_like_json_are_texts(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"query": "[1]", "pos": ["{}", "true"]}\n{"query": 7, "pos": [8]}\n')
    assert [row[:2] for row in labels(read_dataset(tmp_path / "x.jsonl"))] == [
        ("[1]", "{}"),
        ("[1]", "true"),
        ("7", "8"),
    ]


def test_a_column_of_a_parquet_file_that_holds_no_texts_is_named(tmp_path):
    pl.DataFrame({"query": ["q"], "positive": [[["a"]]]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"x\.parquet: column 'positive' holds List\(List\(String\)\), not texts"):
        read_dataset(tmp_path / "x.parquet")


def test_further_columns_may_have_any_name_and_values_of_any_kind(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"query": "q", "pos": ["a"], "row": 1, "m": 1}\n{"query": "r", "pos": ["b"], "row": 2, "m": {"k": "v"}}\n'
    )
    dataset = read_dataset(tmp_path / "x.jsonl")
    assert [row[:2] for row in labels(dataset)] == [("q", "a"), ("r", "b")]
    assert dataset.queries.select("row", "m").rows() == [(1, "1"), (2, '{"k": "v"}')]


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match=r"x\.parquet: cannot be read as Parquet"):
        read_dataset(tmp_path / "x.parquet")
