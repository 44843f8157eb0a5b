"""What a Parquet file says of itself is held against its bytes before polars believes it."""

import io
from contextlib import suppress

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes

from fuzz_targets import arrow_files
from hardneg import parquet
from hardneg.parquet import ParquetProblem, look_over
from hardneg.parquet.compact import Cursor, Unreadable

ROWS = pl.DataFrame({"query_id": ["a", "b", "a", "c"], "score": np.float32([0.5, 0.1, 0.2, 0.3]), "n": [1, 2, 3, None]})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table [1]*.parquet"  # brackets and stars mean themselves


def written(table, **options):
    file = io.BytesIO()
    table.write_parquet(file, **options)
    return file.getvalue()


KINDS = [pl.Int8, pl.Int64, pl.UInt32, pl.Float32, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Datetime("us")]
KINDS += [pl.List(pl.String), pl.Struct({"x": pl.Int32, "y": pl.List(pl.Float64)})]


@settings(max_examples=25, deadline=None)
@given(
    dataframes(max_cols=4, max_size=9, allowed_dtypes=KINDS, allow_infinity=True),
    st.sampled_from(["zstd", "snappy", "gzip", "lz4", "uncompressed"]),
    st.sampled_from([None, 2]),
)
def test_whatever_polars_writes_is_read(tmp_path_factory, table, codec, group):
    path = tmp_path_factory.mktemp("any") / "table.parquet"
    path.write_bytes(written(table, compression=codec, row_group_size=group, data_page_size=16))
    assert parquet.read_parquet(path).equals(table)
    assert parquet.scan_parquet([path]).collect().equals(table)


def test_so_is_what_others_write(file):
    for content in arrow_files(ROWS.with_columns(rank=pl.Series([1, 2, 3, 4], dtype=pl.Int32))):
        file.write_bytes(content)
        assert parquet.read_parquet(file, columns=["query_id", "score"]).equals(ROWS.select("query_id", "score"))


def test_the_counts_of_pages_are_not_believed(file):
    """The header of a page says of -5 values where there were 4: polars would take all memory."""
    content = written(ROWS.select("score"), compression="uncompressed", statistics=False)
    assert content.count(b"\x2c\x15\x08\x15") == 1
    file.write_bytes(content.replace(b"\x2c\x15\x08\x15", b"\x2c\x15\x09\x15"))
    with pytest.raises(ParquetProblem, match="-5 values where 4 are to come"):
        parquet.read_parquet(file)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_a_cut_or_changed_file_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "table.parquet"
    content = bytearray(written(ROWS, compression="uncompressed"))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(ParquetProblem):
        parquet.read_parquet(path)


def test_a_file_that_changes_is_looked_at_again(file):
    file.write_bytes(written(ROWS))
    look_over(file)
    file.write_bytes(written(ROWS)[:-3])
    with pytest.raises(ParquetProblem, match="does not end as Parquet does"):
        look_over(file)
    file.unlink()
    with pytest.raises(ParquetProblem, match="missing"):
        look_over(file)


def test_one_long_text_in_many_rows_is_refused(file, monkeypatch):
    monkeypatch.setattr("hardneg.bounds._UNPACKED", 2**22)
    pl.select(text=pl.repeat("x" * 100_000, 1_000)).write_parquet(file)
    with pytest.raises(ParquetProblem, match=r"texts come to 100,000,000 bytes"):
        parquet.read_parquet(file)


def test_pages_that_unpack_to_more_than_texts_do_are_refused(file, monkeypatch):
    monkeypatch.setattr("hardneg.bounds._UNPACKED", 2**20)
    pl.DataFrame({"text": [f"{i}" + "x" * 10_000 for i in range(1_000)]}).write_parquet(file)
    with pytest.raises(ParquetProblem, match="100 times its size"):
        parquet.read_parquet(file)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_or_none(content):
    cursor = Cursor(content)
    with suppress(Unreadable):
        cursor.numbers(within=(5, 7, 8))
    assert cursor.at <= len(content)


def test_structs_without_end_are_no_header():
    with pytest.raises(Unreadable, match="nested too deeply"):
        Cursor(b"\x1c" * 10_000).numbers()
    with pytest.raises(Unreadable, match="too early"):
        Cursor(b"\x19\xfc\xff\xff\xff\xff\x0f").numbers()  # a list of as many structs as there are numbers
