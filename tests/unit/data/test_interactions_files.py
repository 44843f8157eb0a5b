import gzip
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.interactions_files import InteractionColumns, read_interactions, read_items
from hardneg.data.interactions_text import TextForm
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

ROWS = [("u0", "i2", "4", "10"), ("u0", "i9", "2", "20"), ("u1", "i7", "5", "15"), ("u1", "i2", "3", "30")]
NAMES = ("user", "item", "rating", "time")
READ = [("u0", "i2", 10.0, 4.0), ("u1", "i7", 15.0, 5.0), ("u0", "i9", 20.0, 2.0), ("u1", "i2", 30.0, 3.0)]


def written(path, rows, separator, *, end="\n", encoding="utf-8"):
    path.write_bytes("".join(separator.join(row) + end for row in rows).encode(encoding))
    return path


def read(path, *, skip=False, order="time", columns=None, **form):
    return read_interactions(
        path,
        columns=columns or InteractionColumns(),
        form=TextForm(**form),
        order=order,
        rejections=Rejections(skip=skip),
    )


def items(path, *, columns=None, **form):
    return read_items(
        path, columns=columns or InteractionColumns(), form=TextForm(**form), rejections=Rejections(skip=False)
    )


@pytest.mark.parametrize(
    ("file", "separator"), [("u.data", "\t"), ("u1.base", "\t"), ("ua.test", "\t"), ("ratings.dat", "::")]
)
def test_movielens_files_are_known_by_name_and_shape(tmp_path, file, separator):
    found, mapping = read(written(tmp_path / file, ROWS, separator))
    assert found.rows() == READ
    assert mapping.layout.startswith("MovieLens")
    assert ("rating", "column 3") in mapping.fields


def test_a_known_name_without_the_shape_is_no_known_layout(tmp_path):
    path = written(tmp_path / "u.data", [("u0", "10", "i2", "x")], "\t")
    with pytest.raises(DatasetError, match=r"u\.data:1: the first line names no known column: 'u0', '10'.*--columns"):
        read(path)


def test_what_the_user_says_goes_before_a_known_layout(tmp_path):
    found, mapping = read(written(tmp_path / "u.data", ROWS, "\t"), columns_=None, **{}) if False else read(
        written(tmp_path / "u.data", ROWS, "\t"), **{"columns_": None}
    ) if False else read_interactions(
        written(tmp_path / "u.data", ROWS, "\t"),
        form=TextForm(columns=("item", "user", "rating", "time")),
        rejections=Rejections(skip=False),
    )
    assert found["user"].to_list() == ["i2", "i7", "i9", "i2"]
    assert mapping.layout == "interactions in text"
