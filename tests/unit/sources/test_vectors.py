import json

import numpy as np
import pytest

from hardneg.errors import ModelError
from hardneg.sources import Vectors, identity

BLOCK = np.arange(4, dtype=np.int32)
QUERIES = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
DOCUMENTS = np.random.default_rng(1).standard_normal((8, 6)).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "q.npy", QUERIES)
    np.save(tmp_path / "d.npy", DOCUMENTS)
    return tmp_path


def test_rows_follow_the_dataset_without_ids(tiny, files):
    table = Vectors(files / "d.npy", files / "q.npy").retrieve(tiny, BLOCK, 3)
    expected = np.argsort(-(QUERIES @ DOCUMENTS.T), axis=1)[:, :3]
    np.testing.assert_array_equal(table["document"].to_numpy().reshape(4, 3), expected)


@pytest.mark.parametrize("form", ["txt", "json", "npy"])
def test_rows_are_matched_by_id(tiny, files, form):
    plain = Vectors(files / "d.npy", files / "q.npy").retrieve(tiny, BLOCK, 8)
    order = np.array([3, 1, 7, 0, 2, 6, 5, 4])
    np.save(files / "mixed.npy", np.concatenate([DOCUMENTS[order], DOCUMENTS[:1]]))
    ids = [f"d{i}" for i in order] + ["extra"]
    path = files / f"ids.{form}"
    if form == "npy":
        np.save(path, np.array(ids))
    else:
        path.write_text("\n".join(ids) + "\n" if form == "txt" else json.dumps(ids))
    mixed = Vectors(files / "mixed.npy", files / "q.npy", document_ids=path)
    assert mixed.retrieve(tiny, BLOCK, 8).equals(plain)


def test_other_float_types_are_converted(tiny, files):
    np.save(files / "d16.npy", DOCUMENTS.astype(np.float16))
    np.save(files / "q64.npy", QUERIES.astype(np.float64))
    table = Vectors(files / "d16.npy", files / "q64.npy").retrieve(tiny, BLOCK, 3)
    rounded = DOCUMENTS.astype(np.float16).astype(np.float32)
    expected = np.argsort(-(QUERIES @ rounded.T), axis=1)[:, :3]
    np.testing.assert_array_equal(table["document"].to_numpy().reshape(4, 3), expected)


def test_changed_vectors_are_read_anew(tiny, files):
    source = Vectors(str(files / "d.npy"), str(files / "q.npy"))
    before, name = source.retrieve(tiny, BLOCK, 2), identity(source)
    np.save(files / "d.npy", np.concatenate([DOCUMENTS[::-1], DOCUMENTS])[:8].astype(np.float64))
    assert identity(source) != name
    assert not source.retrieve(tiny, BLOCK, 2).equals(before)


def refused(tiny, files, message, **changed):
    arguments = {"document_vectors": files / "d.npy", "query_vectors": files / "q.npy", **changed}
    with pytest.raises(ModelError, match=message):
        Vectors(**arguments).retrieve(tiny, BLOCK, 2)


def test_wrong_counts_are_refused(tiny, files):
    np.save(files / "short.npy", DOCUMENTS[:7])
    refused(
        tiny,
        files,
        "7 vectors, but the dataset has 8 document ids; give document_ids",
        document_vectors=files / "short.npy",
    )
    (files / "ids").write_text("d0\nd1\n")
    refused(tiny, files, "8 vectors, but the file of ids has 2 document ids", document_ids=files / "ids")


def test_missing_and_repeated_ids_are_refused(tiny, files):
    (files / "ids").write_text("\n".join(["d0", "d1", "x2", "x3", "d4", "d5", "d6", "d7"]))
    refused(tiny, files, "no vector for 2 of 8 document ids, the first 'd2'", document_ids=files / "ids")
    (files / "ids").write_text("\n".join(["q0", "q1", "q1", "q3"]))
    refused(tiny, files, "the id 'q1' stands there twice", query_ids=files / "ids")


def test_files_that_are_no_vectors_are_refused(tiny, files):
    refused(tiny, files, "absent.npy: cannot be read", document_vectors=files / "absent.npy")
    refused(tiny, files, "absent.txt: cannot be read", document_ids=files / "absent.txt")
    (files / "text.npy").write_text("no array")
    refused(tiny, files, "not a readable .npy file", document_vectors=files / "text.npy")
    np.save(files / "flat.npy", DOCUMENTS[0])
    refused(tiny, files, "must be a matrix of floats", document_vectors=files / "flat.npy")
    np.save(files / "whole.npy", DOCUMENTS.astype(np.int32))
    refused(tiny, files, "must be a matrix of floats", document_vectors=files / "whole.npy")
    np.savez(files / "many.npy", DOCUMENTS)
    (files / "many.npy.npz").rename(files / "many.npy")
    refused(tiny, files, "holds an archive", document_vectors=files / "many.npy")
    (files / "ids.json").write_text("{")
    refused(tiny, files, "not a readable file of ids", document_ids=files / "ids.json")


def test_vectors_that_do_not_fit_each_other_are_refused(tiny, files):
    np.save(files / "wide.npy", np.ones((4, 7), np.float32))
    refused(tiny, files, "queries have 7 dimensions, of documents 6", query_vectors=files / "wide.npy")
    broken = DOCUMENTS.copy()
    broken[5, 0] = np.nan
    np.save(files / "broken.npy", broken)
    refused(tiny, files, "document 5", document_vectors=files / "broken.npy")
