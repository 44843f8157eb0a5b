import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.errors import ModelError
from hardneg.sources import Vectors
from hardneg.sources.vector_files import read_ids, read_vectors

SIZE = 12


@pytest.fixture
def numbered():
    """Documents whose ids are numbers, as a database counts them, and which look like rows."""
    return Dataset.from_tables(
        pl.DataFrame({"id": ["0", "1"], "text": ["a", "b"]}),
        pl.DataFrame({"id": [str(i) for i in range(SIZE)], "text": [f"document {i}" for i in range(SIZE)]}),
        pl.DataFrame({"query_id": ["0", "1"], "doc_id": ["0", "1"], "relevance": 1, "split": "train"}),
    )


def written(tmp_path, content):
    path = tmp_path / "ids.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def ids(tmp_path, content):
    return read_ids(written(tmp_path, content)).to_list()


def test_an_object_from_rows_to_ids_gives_the_vectors_that_a_list_gives(numbered, tmp_path):
    order = np.random.default_rng(5).permutation(SIZE)
    vectors = np.random.default_rng(6).standard_normal((SIZE, 4)).astype(np.float32)
    np.save(tmp_path / "d.npy", vectors[order])
    np.save(tmp_path / "plain.npy", vectors)
    np.save(tmp_path / "q.npy", np.ones((2, 4), np.float32))
    block = np.arange(2, dtype=np.int32)
    plain = Vectors(tmp_path / "plain.npy", tmp_path / "q.npy").retrieve(numbered, block, SIZE)
    for content in ([str(i) for i in order], {str(row): str(i) for row, i in enumerate(order)}):
        source = Vectors(tmp_path / "d.npy", tmp_path / "q.npy", document_ids=written(tmp_path, content))
        assert source.retrieve(numbered, block, SIZE).equals(plain)


@pytest.mark.parametrize(
    "content",
    [
        {"0": "b", "1": "c", "2": "a"},
        {"2": "a", "0": "b", "1": "c"},
        {"a": 2, "b": 0, "c": 1},
        {"a": "2", "b": "0", "c": "1"},
        ["b", "c", "a"],
    ],
)
def test_the_side_that_numbers_the_rows_tells_which_way_it_goes(tmp_path, content):
    assert ids(tmp_path, content) == ["b", "c", "a"]


def test_where_both_sides_are_rows_and_agree_nothing_needs_settling(tmp_path):
    assert ids(tmp_path, {"0": 1, "1": 0, "2": 2}) == ["1", "0", "2"]


def test_texts_listed_by_row_are_ids_also_where_they_are_numbers(tmp_path):
    assert ids(tmp_path, {"0": "1", "1": "2", "2": "0"}) == ["1", "2", "0"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"0": 1, "1": 2, "2": 0}, "row 0 is '1' if its keys are rows, '2' if its values are; write a JSON list"),
        ({"1": "2", "0": "1", "2": "0"}, "both sides of this object number the rows from 0 to 2"),
        ({"1": "a", "2": "b", "3": "c"}, "among its keys row 0 is missing, among its values 'a' is no row"),
        ({"a": 0, "b": 0, "c": 1}, "among its keys 'a' is no row, among its values row 0 stands twice"),
        ({"a": 0, "b": 1, "c": 3}, "among its values row 2 is missing"),
        ({"00": "a", "1": "b"}, "among its keys '00' is no row"),
        ({"a": -1, "b": 0}, "among its values row 1 is missing"),
        ({"a": "b", "c": "d"}, "neither side of this object numbers the rows"),
        ({"a": 0.0, "b": 1.0}, "the value of 'a' is 0.0, which is no id"),
        ({"0": None, "1": "b"}, "the value of '0' is null, which is no id"),
        ({"0": ["a"], "1": ["b"]}, "the value of '0' is"),
        ('{"0": "a", "0": "b", "1": "c"}', "among its keys row 0 stands twice"),
        ({"0": "a", "1": "a"}, "the id 'a' stands there twice, for rows 0 and 1"),
        (["a", None], "entry 1 is null, which is no id"),
        (["a", 1.5], "entry 1 is 1.5, which is no id"),
        (["a", True], "entry 1 is true, which is no id"),
        (["a", ""], 'entry 1 is "", which is no id'),
        ('"a"', 'holds "a", not ids; write a JSON list'),
        ("[" * 100_000, "not a readable file of ids"),
    ],
)
def test_anything_else_is_refused_with_what_and_where(tmp_path, content, message):
    with pytest.raises(ModelError) as refusal:
        ids(tmp_path, content)
    assert message in str(refusal.value)
    assert "ids.json" in str(refusal.value)


@given(order=st.permutations(range(7)), turned=st.booleans(), shuffled=st.permutations(range(7)))
@settings(max_examples=60, deadline=None)
def test_either_way_reads_as_the_list_does(tmp_path_factory, order, turned, shuffled):
    named = [f"d{i}" for i in order]
    pairs = [(named[row], row) if turned else (str(row), named[row]) for row in shuffled]
    assert ids(tmp_path_factory.mktemp("ids"), dict(pairs)) == named


@pytest.mark.parametrize("array", [np.array([3, 1]), np.array([b"3", b"1"]), np.array(["3", "1"])])
def test_arrays_of_texts_and_whole_numbers_are_ids(tmp_path, array):
    np.save(tmp_path / "ids.npy", array)
    assert read_ids(tmp_path / "ids.npy").to_list() == ["3", "1"]


@pytest.mark.parametrize("array", [np.array([3.0, 1.0]), np.array([["a", "b"]]), np.array(True), np.array([1j])])
def test_other_arrays_are_not(tmp_path, array):
    np.save(tmp_path / "ids.npy", array)
    with pytest.raises(ModelError, match="ids must be one row of texts or whole numbers"):
        read_ids(tmp_path / "ids.npy")


def test_lines_may_end_as_windows_ends_them_and_begin_with_a_mark(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_bytes("\ufeffa\r\nb\u2028c\r\n".encode())
    assert read_ids(path).to_list() == ["a", "b\u2028c"]
    path.write_bytes(b"a\n\nb\n")
    with pytest.raises(ModelError, match="line 2: there is no id"):
        read_ids(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="not a readable file of ids"):
        read_ids(path)


@pytest.mark.parametrize(
    "matrix",
    [
        np.ones((3, 2), np.int8),
        np.ones((3, 2), np.complex64),
        np.ones((3, 2), bool),
        np.ones((3, 2), "U1"),
        np.ones(3, [("a", "f4")]),
        np.ones((3, 2, 1), np.float32),
        np.array(1.0),
    ],
)
def test_matrices_of_other_things_are_refused(tmp_path, matrix):
    np.save(tmp_path / "v.npy", matrix)
    with pytest.raises(ModelError, match="vectors must be a matrix of floats, one row each"):
        read_vectors(tmp_path / "v.npy")


def test_objects_and_vectors_without_a_dimension_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.array([[None], [1.0]]), allow_pickle=True)
    with pytest.raises(ModelError, match=r"not a readable \.npy file"):
        read_vectors(tmp_path / "v.npy")
    np.save(tmp_path / "v.npy", np.ones((3, 0), np.float32))
    with pytest.raises(ModelError, match="its 3 vectors have no dimension"):
        read_vectors(tmp_path / "v.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_number_that_float32_does_not_hold_is_named(numbered, tmp_path, value):
    vectors = np.ones((SIZE, 4))
    vectors[7, 2] = value
    np.save(tmp_path / "d.npy", vectors)
    np.save(tmp_path / "q.npy", np.ones((2, 4)))
    source = Vectors(tmp_path / "d.npy", tmp_path / "q.npy")
    with pytest.raises(ModelError, match="document 7"):
        source.retrieve(numbered, np.arange(2, dtype=np.int32), 3)
    with pytest.raises(ModelError, match="document 7"):
        source.score(numbered, np.array([0], np.int32), np.array([7], np.int32))


def test_a_cut_or_damaged_file_is_one_error_wherever_it_is_cut(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.ones((3, 4), np.float32))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for n_bytes in range(len(whole)):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(ModelError, match=r"v\.npy"):
            read_vectors(path)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(128)] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_vectors(path)
        except ModelError as error:
            assert "v.npy" in str(error)  # noqa: PT017 - some damage leaves a matrix
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    with pytest.raises(ModelError, match=r"not a readable \.npy file"):
        read_vectors(path)
