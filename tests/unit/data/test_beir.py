import gzip
import json

import polars as pl
import pytest

from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError


def test_documents_queries_and_splits_are_read(beir):
    dataset = read_dataset(beir)
    assert dataset.name == "set"
    assert dataset.documents["id"].to_list() == ["d0", "d1", "d2"]
    assert dataset.document_texts[0] == "Files open a file"
    assert dataset.queries.columns == ["id", "text"]
    assert dataset.splits == ["test", "train"]
    assert dataset.qrels.rows() == [(1, 1, 2, "test"), (0, 0, 1, "train"), (0, 2, 0, "train")]
    assert dataset.skipped == {}


def test_a_gzipped_corpus_reads_the_same(beir):
    plain = read_dataset(beir)
    (beir / "corpus.jsonl.gz").write_bytes(gzip.compress((beir / "corpus.jsonl").read_bytes()))
    (beir / "corpus.jsonl").unlink()
    assert read_dataset(beir).documents.equals(plain.documents)


def test_empty_titles_leave_no_title_column(beir):
    records = [
        {"_id": "d0", "title": "", "text": "a"},
        {"_id": "d1", "text": "b"},
        {"_id": "d2", "text": "c"},
    ]
    (beir / "corpus.jsonl").write_text("\n".join(map(json.dumps, records)))
    assert read_dataset(beir).documents.columns == ["id", "text"]


def test_integer_ids_become_strings(beir):
    (beir / "queries.jsonl").write_text('{"_id": 0, "text": "a"}\n{"_id": 1, "text": "b"}\n')
    (beir / "qrels" / "train.tsv").write_text("0\td0\t1\n")
    (beir / "qrels" / "test.tsv").write_text("1\td1\t1\n")
    assert read_dataset(beir).queries["id"].to_list() == ["0", "1"]


def test_metadata_keys_become_columns_with_their_values_intact(beir):
    awkward = 'tab\t quote" back\\slash \n line\u2028 é'
    records = [
        {"_id": "d0", "text": "a", "metadata": {"history": ["x", awkward], "note": awkward, "year": 3}},
        {"_id": "d1", "text": "b", "metadata": {"year": 4, "text": "kept apart", "none": None}},
        {"_id": "d2", "text": "c", "group": 7},
    ]
    (beir / "corpus.jsonl").write_text("\n".join(map(json.dumps, records)))
    documents = read_dataset(beir).documents
    assert documents["history"].to_list() == [["x", awkward], None, None]
    assert documents["note"].to_list() == [awkward, None, None]
    assert documents["year"].to_list() == [3, 4, None]
    assert documents["metadata.text"].to_list() == [None, "kept apart", None]
    assert documents["group"].to_list() == [None, None, 7]
    assert documents["none"].dtype == pl.String


def test_metadata_of_unlike_types_is_kept_as_json_text(beir):
    records = [
        {"_id": "d0", "text": "a", "metadata": {"x": 1}},
        {"_id": "d1", "text": "b", "metadata": {"x": [True]}},
        {"_id": "d2", "text": "c"},
    ]
    (beir / "corpus.jsonl").write_text("\n".join(map(json.dumps, records)))
    kept = read_dataset(beir).documents["metadata"].to_list()
    assert [None if text is None else json.loads(text) for text in kept] == [{"x": 1}, {"x": [True]}, None]


def test_repeated_records_of_equal_text_are_merged(beir):
    with (beir / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "d1", "title": "", "text": "sort a list"}\n')
    assert read_dataset(beir).n_documents == 3


def test_one_id_with_two_texts_names_both_lines(beir):
    with (beir / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "d1", "title": "", "text": "another text"}\n')
    with pytest.raises(DatasetError, match=r"corpus\.jsonl:5: id 'd1' has different texts \(first on line 2\)"):
        read_dataset(beir)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"_id": "d9", "text": "cut', "broken JSON: Unterminated string starting at character 23"),
        (b"[1, 2]", "expected an object in braces, found list"),
        (b'{"_id": "d9", "text": NaN}', "NaN is not JSON"),
        (b'{"_id": "d9", "text": "\xff"}', "not UTF-8: byte 0xff at byte offset 180"),
        (b'{"_id": "d9", "title": "no text"}', "no 'text'; every record needs '_id' and 'text'"),
        (b'{"_id": null, "text": "a"}', "no '_id'"),
        (b'{"_id": "", "text": "a"}', "no '_id'"),
        (b'{"_id": "d9", "text": ["a"]}', "'text' is a list, not a text"),
    ],
)
def test_a_bad_line_is_named_or_skipped(beir, line, message):
    path = beir / "corpus.jsonl"
    path.write_bytes(path.read_bytes() + b"\n" + line + b"\n" + b'{"_id": "d3", "text": "last"}\n')
    with pytest.raises(DatasetError, match=rf"corpus\.jsonl:5: .*{message}"):
        read_dataset(beir)
    dataset = read_dataset(beir, skip_invalid=True)
    assert dataset.documents["id"].to_list() == ["d0", "d1", "d2", "d3"]
    assert dataset.skipped == {"broken line": 1}


def test_a_byte_order_mark_makes_no_difference(beir):
    expected = read_dataset(beir).fingerprint
    for path in (beir / "queries.jsonl", beir / "corpus.jsonl", beir / "qrels" / "train.tsv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_dataset(beir).fingerprint == expected


def test_a_damaged_gzip_file_is_named(packed):
    path = packed / "corpus.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DatasetError, match=r"corpus\.jsonl\.gz.*damaged gzip"):
        read_dataset(packed)


def test_an_empty_corpus_is_refused(beir):
    (beir / "corpus.jsonl").write_text("\n")
    with pytest.raises(DatasetError, match=r"corpus\.jsonl: no documents in it"):
        read_dataset(beir)


def test_an_unknown_id_names_file_and_line_or_is_skipped(beir):
    with (beir / "qrels" / "train.tsv").open("a") as file:
        file.write("q0\tnowhere\t1\nnobody\td0\t1\n")
    with pytest.raises(DatasetError, match=r"train\.tsv:5: query id 'nobody' is not in queries\.jsonl"):
        read_dataset(beir)
    dataset = read_dataset(beir, skip_invalid=True)
    assert dataset.skipped == {"unknown id": 2}
    assert dataset.qrels.height == 3


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels"])
def test_a_missing_file_is_named(beir, name):
    if name == "qrels":
        for file in (beir / "qrels").iterdir():
            file.unlink()
    else:
        (beir / name).unlink()
    with pytest.raises(DatasetError, match=f"no {name}"):
        read_dataset(beir)


def test_qrels_without_rows_are_refused(beir):
    (beir / "qrels" / "test.tsv").unlink()
    (beir / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DatasetError, match=r"train\.tsv: no usable label in it"):
        read_dataset(beir)


def test_a_split_that_does_not_exist_names_those_that_do(beir):
    with pytest.raises(DatasetError, match="no split 'dev'; it has: test, train"):
        read_dataset(beir).queries_of("dev")
