import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)


@st.composite
def datasets(draw):
    query_ids = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    doc_ids = draw(st.lists(ids, min_size=1, max_size=5, unique=True))
    labels = draw(
        st.lists(
            st.tuples(
                st.sampled_from(query_ids),
                st.sampled_from(doc_ids),
                st.integers(-1, 3),
                st.sampled_from(["train", "dev", "test"]),
            ),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    queries = pl.DataFrame({"id": query_ids, "text": [draw(texts) for _ in query_ids]})
    documents = pl.DataFrame(
        {
            "id": doc_ids,
            "text": [draw(texts) for _ in doc_ids],
            "title": [draw(texts.filter(bool)) for _ in doc_ids],
            "history": pl.Series([draw(st.lists(texts, max_size=2)) for _ in doc_ids], dtype=pl.List(pl.String)),
            "year": [draw(st.none() | st.integers(0, 9)) for _ in doc_ids],
        },
        schema_overrides={"year": pl.Int64},
    )
    qrels = pl.DataFrame(labels, schema=["query_id", "doc_id", "relevance", "split"], orient="row")
    return Dataset.from_tables(queries, documents, qrels.sort("split", maintain_order=True), name="set")


def as_tables(dataset):
    return dataset.queries.to_dicts(), dataset.documents.to_dicts(), dataset.qrels.to_dicts()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dataset=datasets())
def test_writing_then_reading_gives_the_same_dataset(dataset, tmp_path):
    again = read_dataset(dataset.write(tmp_path / "set"))
    assert as_tables(again) == as_tables(dataset)
    assert again.documents.schema == dataset.documents.schema
    assert again.fingerprint == dataset.fingerprint


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dataset=datasets())
def test_a_beir_folder_reads_to_the_same_dataset(dataset, tmp_path):
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for old in folder.rglob("*.tsv"):
        old.unlink()
    with (folder / "queries.jsonl").open("w") as file:
        file.writelines(
            json.dumps({"_id": row["id"], "text": row["text"]}) + "\n" for row in dataset.queries.to_dicts()
        )
    with (folder / "corpus.jsonl").open("w") as file:
        for row in dataset.documents.to_dicts():
            record = {"_id": row["id"], "text": row["text"], "title": row["title"]}
            metadata = {"history": row["history"], "year": row["year"]}
            file.write(json.dumps({**record, "metadata": metadata}) + "\n")
    query, document = dataset.queries["id"], dataset.documents["id"]
    for q, d, relevance, split in dataset.qrels.iter_rows():
        with (folder / "qrels" / f"{split}.tsv").open("a") as file:
            file.write(f"{query[q]}\t{document[d]}\t{relevance}\n")
    again = read_dataset(folder)
    assert again.queries.to_dicts() == dataset.queries.to_dicts()
    assert again.qrels.to_dicts() == dataset.qrels.to_dicts()
    for column in ("id", "text", "title", "history"):
        assert again.documents[column].to_list() == dataset.documents[column].to_list()
    assert [None if year is None else int(year) for year in again.documents["year"]] == dataset.documents[
        "year"
    ].to_list()


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such file or folder"):
        read_dataset(tmp_path / "nowhere")


def test_a_folder_without_a_dataset_says_what_was_expected(tmp_path):
    with pytest.raises(
        DatasetError, match=r"not a dataset; it has nothing\. A folder holds documents\.parquet.*corpus\.jsonl"
    ):
        read_dataset(tmp_path)


def test_a_file_of_an_unknown_kind_says_what_was_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"notes\.txt: not a dataset by its name.*\.jsonl"):
        read_dataset(tmp_path / "notes.txt")


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet", "x.json"])
def test_a_pointer_of_git_lfs_is_named(tmp_path, name):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=rf"{name}.*a Git LFS pointer and not the file itself; .*git lfs pull"):
        read_dataset(tmp_path / name)
