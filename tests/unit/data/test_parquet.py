import polars as pl
import pytest

from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError


def replace(folder, name, **columns):
    path = folder / f"{name}.parquet"
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


def test_what_was_written_is_read_back(tiny, tmp_path):
    again = read_dataset(tiny.write(tmp_path / "tiny"))
    assert again.fingerprint == tiny.fingerprint
    assert again.name == "tiny"


def test_a_missing_file_is_named(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    (folder / "qrels.parquet").unlink()
    with pytest.raises(DatasetError, match=r"qrels\.parquet: this file is missing"):
        read_dataset(folder)


def test_a_missing_column_names_those_there_are(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    tiny.documents.rename({"text": "body"}).write_parquet(folder / "documents.parquet")
    with pytest.raises(DatasetError, match=r"documents\.parquet: no column 'text'; it has: id, body"):
        read_dataset(folder)


def test_a_null_id_names_its_row(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    replace(folder, "queries", id=pl.Series(["q0", None, "q2", "q3"]))
    with pytest.raises(DatasetError, match=r"queries\.parquet: column 'id' is null in row 2"):
        read_dataset(folder)


def test_an_unknown_id_is_named_or_skipped(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    replace(folder, "qrels", doc_id=pl.Series(["d0", "d7", "d1", "d4", "d99", "d3"]))
    with pytest.raises(DatasetError, match=r"qrels\.parquet: document id 'd99' is not in documents\.parquet"):
        read_dataset(folder)
    assert read_dataset(folder, skip_invalid=True).skipped == {"unknown id": 1}


def test_a_relevance_that_is_no_number_is_refused(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    replace(folder, "qrels", relevance=pl.lit("high"))
    with pytest.raises(DatasetError, match=r"qrels\.parquet: relevance 'high' is no whole number"):
        read_dataset(folder)


def test_qrels_without_a_split_are_for_training(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    path = folder / "qrels.parquet"
    pl.read_parquet(path).drop("split").write_parquet(path)
    assert read_dataset(folder).splits == ["train"]


def test_integer_ids_become_strings(tiny, tmp_path):
    folder = tiny.write(tmp_path / "tiny")
    replace(folder, "queries", id=pl.Series(range(4)))
    replace(folder, "qrels", query_id=pl.Series([0, 0, 1, 1, 2, 3]))
    assert read_dataset(folder).queries["id"].to_list() == ["0", "1", "2", "3"]
