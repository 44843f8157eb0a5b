"""One meaning, many layouts: whatever a dataset is written as, it reads the same, or is refused with one message."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError
from written_layouts import ANY_TEXT, NOISE, PLAIN_TEXT, datasets, write_beir, write_qrels, write_rows

EXAMPLES = settings(
    max_examples=int(os.environ.get("READING_EXAMPLES", "25")),  # of each test; benchmarks/reading_fuzz.py takes more
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def triples(dataset):
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    return {(query[q], document[d], grade, split) for q, d, grade, split in dataset.qrels.iter_rows()}


def labelled(meant, *, query="query", document="document", label="label"):
    return [
        {query: meant.queries[q], document: meant.documents[d], label: grade, "split": split}
        for q, d, grade, split in meant.labels
    ]


def by_query(meant):
    for query, text in enumerate(meant.queries):
        own = [label for label in meant.labels if label[0] == query]
        positives = [d for _, d, grade, _ in own if grade > 0]
        yield query, text, positives, [d for _, d, grade, _ in own if grade <= 0], own[0][3]


@EXAMPLES
@given(meant=datasets(), noise=NOISE, form=st.sampled_from(["header", "plain", "trec", "float"]))
def test_beir(meant, noise, form):
    with TemporaryDirectory() as folder:
        write_beir(Path(folder), meant, noise, form=form)
        dataset = read_dataset(folder)
    assert triples(dataset) == meant.triples()
    assert sorted(dataset.queries["id"]) == sorted(meant.query_ids)


@EXAMPLES
@given(
    meant=datasets(),
    noise=NOISE,
    suffix=st.sampled_from(["csv", "jsonl", "json", "parquet"]),
    separator=st.sampled_from([",", ";", "|"]),
)
def test_pairs_with_labels(meant, noise, suffix, separator):
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        write_rows(path, labelled(meant), noise, separator=separator)
        assert triples(read_dataset(path)) == meant.triples()


@EXAMPLES
@given(meant=datasets(PLAIN_TEXT), noise=NOISE, suffix=st.sampled_from(["tsv", "csv"]))
def test_text_between_tabs(meant, noise, suffix):
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        write_rows(path, labelled(meant), noise, separator="\t")
        assert triples(read_dataset(path)) == meant.triples()


@EXAMPLES
@given(meant=datasets(grades=(0, 1)), noise=NOISE, suffix=st.sampled_from(["jsonl", "json", "parquet"]))
def test_lists_of_answers_and_negatives(meant, noise, suffix):
    rows = [
        {
            "query": text,
            "pos": [meant.documents[d] for d in positives],
            "neg": [meant.documents[d] for d in negatives],
            "split": split,
        }
        for _, text, positives, negatives, split in by_query(meant)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        write_rows(path, rows, noise)
        assert triples(read_dataset(path)) == meant.triples()


@EXAMPLES
@given(
    meant=datasets(grades=(0, 1)),
    noise=NOISE,
    names=st.sampled_from(
        [
            ("query", "positive_passages", "negative_passages", "docid"),
            ("question", "positive_ctxs", "hard_negative_ctxs", "passage_id"),
            ("question", "pos_doc", "neg_doc", "id"),
        ]
    ),
    suffix=st.sampled_from(["jsonl", "json", "parquet"]),
)
def test_passages_as_objects(meant, noise, names, suffix):
    query, positive, negative, key = names

    def passages(documents):
        return [{key: meant.doc_ids[d], "text": meant.documents[d]} for d in documents]

    rows = [
        {query: text, positive: passages(positives), negative: passages(negatives), "split": split}
        for _, text, positives, negatives, split in by_query(meant)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        write_rows(path, rows, noise)
        dataset = read_dataset(path)
    assert triples(dataset) == meant.triples()
    assert set(dataset.documents["id"]) <= set(meant.doc_ids)


@EXAMPLES
@given(meant=datasets(grades=(0, 1)), noise=NOISE)
def test_documents_named_by_id(meant, noise):
    rows = [
        {
            "query_id": meant.query_ids[query],
            "query_text": text,
            "positive_document_ids": [meant.doc_ids[d] for d in positives],
            "negative_document_ids": [meant.doc_ids[d] for d in negatives],
            "split": split,
        }
        for query, text, positives, negatives, split in by_query(meant)
    ]
    documents = [{"docid": key, "text": text} for key, text in zip(meant.doc_ids, meant.documents, strict=True)]
    with TemporaryDirectory() as folder:
        path, pool = Path(folder) / "x.jsonl", Path(folder) / "corpus.jsonl"
        write_rows(path, rows, noise)
        write_rows(pool, documents, noise)
        dataset = read_dataset(path, mapping={"documents": pool})
        with pytest.raises(DatasetError, match=r"x\.jsonl:\d+: document id .* --documents"):
            read_dataset(path)
    assert triples(dataset) == meant.triples()
    assert set(dataset.documents["id"]) == set(meant.doc_ids)


@EXAMPLES
@given(meant=datasets(grades=(0, 1), several=False))
def test_messages(meant):
    def said(texts):
        return [[{"role": "user", "content": text}] for text in texts]

    rows = [
        {
            "messages": [{"role": "system", "content": "find it"}, {"role": "user", "content": text}],
            "positive_messages": said([meant.documents[d] for d in positives]),
            "negative_messages": said([meant.documents[d] for d in negatives]),
        }
        for _, text, positives, negatives, _ in by_query(meant)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert triples(read_dataset(path)) == meant.triples()


@EXAMPLES
@given(meant=datasets(grades=(1,), several=False))
def test_one_object_with_all_of_it(meant):
    value = {
        "queries": dict(zip(meant.query_ids, meant.queries, strict=True)),
        "corpus": dict(zip(meant.doc_ids, meant.documents, strict=True)),
        "relevant_docs": {
            meant.query_ids[query]: [meant.doc_ids[d] for d in positives]
            for query, _, positives, _, _ in by_query(meant)
        },
        "mode": "text",
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_text(json.dumps(value, indent=1))
        assert triples(read_dataset(path)) == meant.triples()


@EXAMPLES
@given(meant=datasets(PLAIN_TEXT), noise=NOISE, form=st.sampled_from(["header", "plain", "trec"]))
def test_plain_files_of_ms_marco(meant, noise, form):
    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = zip(meant.doc_ids, meant.documents, strict=True)
        noise.write(folder / "collection.tsv", ["\t".join(each) for each in lines])
        lines = zip(meant.query_ids, meant.queries, strict=True)
        noise.write(folder / "queries.all.tsv", ["\t".join(each) for each in lines])
        write_qrels(folder, meant, noise, form=form, ending=".tsv", head="qrels.")
        assert triples(read_dataset(folder)) == meant.triples()


@EXAMPLES
@given(
    meant=datasets(),
    noise=NOISE,
    kind=st.sampled_from([pl.Int64, pl.Int8, pl.Float64, pl.String]),
    folders=st.booleans(),
)
def test_parquet_folders(meant, noise, kind, folders):
    qrels = pl.DataFrame(
        [(meant.query_ids[q], meant.doc_ids[d], grade, split) for q, d, grade, split in meant.labels],
        schema=["query_id", "corpus_id" if folders else "doc_id", "score" if folders else "relevance", "split"],
        orient="row",
    ).with_columns(pl.nth(2).cast(kind))
    qrels = qrels.select(noise.permuted(qrels.columns))
    queries = pl.DataFrame({"id": meant.query_ids, "text": meant.queries})
    documents = pl.DataFrame({"id": meant.doc_ids, "text": meant.documents})
    with TemporaryDirectory() as name:
        folder = Path(name)
        if folders:
            for part in ("corpus", "queries", "qrels"):
                (folder / part).mkdir()
            queries.write_parquet(folder / "queries" / "queries-00000-of-00001.parquet")
            documents.write_parquet(folder / "corpus" / "corpus-00000-of-00001.parquet")
            for (split,), rows in qrels.group_by("split", maintain_order=True):
                rows.drop("split").write_parquet(folder / "qrels" / f"{split}-00000-of-00001.parquet")
        else:
            queries.write_parquet(folder / "queries.parquet")
            documents.write_parquet(folder / "documents.parquet")
            qrels.write_parquet(folder / "qrels.parquet")
        assert triples(read_dataset(folder)) == meant.triples()


@EXAMPLES
@given(meant=datasets(), library=st.sampled_from(["polars", "pandas", "pyarrow", "datasets"]))
def test_tables_in_memory(meant, library):
    import datasets as hub

    frame = pl.DataFrame(labelled(meant))
    made = {
        "polars": lambda: frame,
        "pandas": frame.to_pandas,
        "pyarrow": frame.to_arrow,
        "datasets": lambda: hub.Dataset.from_polars(frame),
    }
    assert triples(read_dataset(made[library]())) == meant.triples()


@EXAMPLES
@given(
    value=st.one_of(
        st.integers(-(2**33), 2**33).map(str),
        st.floats(allow_nan=True, allow_infinity=True).map(str),
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), max_size=5),
        st.sampled_from(["", "true", "False", "1.0", "0.0", "1e0", "+1", "0x1", "\uff11"]),
    ),
    kind=st.sampled_from(["tsv", "label"]),
)
def test_a_relevance_is_kept_exactly_or_refused(value, kind):
    with TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "tsv":
            (folder / "qrels").mkdir()
            (folder / "queries.jsonl").write_text('{"_id": "1", "text": "q"}\n')
            (folder / "corpus.jsonl").write_text('{"_id": "2", "text": "d"}\n{"_id": "3", "text": "e"}\n')
            (folder / "qrels" / "train.tsv").write_text(f"1\t2\t1\n1\t3\t{value}\n", encoding="utf-8")
            path = folder
        else:
            path = folder / "x.jsonl"
            rows = [{"query": "q", "document": "d", "label": "1"}, {"query": "q", "document": "e", "label": value}]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        try:
            read = {document: grade for _, document, grade, _ in triples(read_dataset(path))}
        except DatasetError as error:
            message = str(error)
        else:
            message = None
    if message is not None:
        assert str(path) in message
        return
    truth = {"true": 1, "false": 0}
    assert read["e"] == truth.get(value.lower()) or float(value) == read["e"]


@EXAMPLES
@given(
    meant=datasets(PLAIN_TEXT),
    noise=NOISE,
    suffix=st.sampled_from(["csv", "tsv", "jsonl", "json"]),
    position=st.floats(0, 1),
    put=st.sampled_from([b'"', b",", b"\t", b"\n", b"{", b"}", b"\xff", b"\x00", b"\\", b"[1]", b"\xef\xbb\xbf", b""]),
    cut=st.integers(0, 12),
)
def test_a_damaged_file_is_read_or_refused_with_one_message(meant, noise, suffix, position, put, cut):
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        write_rows(path, labelled(meant), noise, separator="\t" if suffix == "tsv" else ",")
        content = path.read_bytes()
        at = int(position * len(content))
        path.write_bytes(content[:at] + put + content[at + cut :])
        message = str(path)
        try:
            read_dataset(path)
        except DatasetError as error:
            message = str(error)
    assert "\n" not in message
    assert str(path) in message


@EXAMPLES
@given(text=ANY_TEXT, other=ANY_TEXT)
def test_a_text_stays_what_it_is(text, other):
    if text == other:
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_text(
            "query,positive\n" + ",".join('"' + each.replace('"', '""') + '"' for each in (text, other)) + "\n",
            encoding="utf-8",
            newline="",
        )
        assert triples(read_dataset(path)) == {(text, other, 1, "train")}
