import pytest

from hardneg.data.qrels import read_qrels
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError


def rows_of(path, content, *, skip=False):
    path.write_bytes(content)
    return read_qrels(path, split="dev", rejections=Rejections(skip=skip)).rows.rows()


@pytest.mark.parametrize("header", [b"", b"query-id\tcorpus-id\tscore\n", b"QID\tDocID\tRel\r\n"])
def test_a_header_is_optional(tmp_path, header):
    rows = rows_of(tmp_path / "dev.tsv", header + b'q\td\t1\r\n\n#q\t"d\t-1\n')
    assert [row[:4] for row in rows] == [("q", "d", 1, "dev"), ("#q", '"d', -1, "dev")]


def test_a_byte_order_mark_is_passed_over(tmp_path):
    assert rows_of(tmp_path / "dev.tsv", b"\xef\xbb\xbfq\td\t1\n") == [("q", "d", 1, "dev", 1)]


def test_a_file_that_begins_like_a_packed_one_is_text(tmp_path):
    assert rows_of(tmp_path / "dev.tsv", b"x^\td\t1\n") == [("x^", "d", 1, "dev", 1)]


def test_ids_that_read_like_a_header_are_data(tmp_path):
    assert rows_of(tmp_path / "dev.tsv", b"query\td\t1\n") == [("query", "d", 1, "dev", 1)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"q\td", "2 fields where three are needed"),
        (b"q d 1", "1 field where three are needed"),
        (b"q\t0\td\t1", "4 fields where the first row has 3"),
        (b"q\td\thigh", "relevance 'high' is no whole number"),
        (b"q\td\t1.5", "relevance 1.5 is a fraction"),
        (b"q\td\t", "no relevance"),
        (b"\td\t1", "empty id"),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path, row, message):
    content = b"q\td\t1\n\n" + row + b"\nq\te\t0\n"
    with pytest.raises(DatasetError, match=rf"dev\.tsv:3: {message}"):
        rows_of(tmp_path / "dev.tsv", content)
    assert [found[1] for found in rows_of(tmp_path / "dev.tsv", content, skip=True)] == ["d", "e"]


def test_a_bad_first_row_is_no_header(tmp_path):
    with pytest.raises(DatasetError, match=r"dev\.tsv:1: relevance 'high' is no whole number"):
        rows_of(tmp_path / "dev.tsv", b"q\td\thigh\n")


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"dev\.tsv:2: not UTF-8: byte 0xe9 at byte offset 7"):
        rows_of(tmp_path / "dev.tsv", b"q\td\t1\nq\xe9\td\t1\n")
