import json
import re
from pathlib import Path

import polars as pl
import pytest

from hardneg.data.checks import check_dataset
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_reporting
from hardneg.data.rejections import Rejections

DOCS = Path(__file__).parents[3] / "docs" / "findings.md"


def make(queries, documents, labels):
    """Build a dataset from texts and (query, document, relevance, split) rows by position."""
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(len(queries))], "text": queries}),
        pl.DataFrame({"id": [f"d{i}" for i in range(len(documents))], "text": documents}),
        pl.DataFrame(
            [(f"q{q}", f"d{d}", relevance, split) for q, d, relevance, split in labels],
            schema=["query_id", "doc_id", "relevance", "split"],
            orient="row",
        ),
    )


def findings(dataset, **options):
    return {finding.code: finding for finding in check_dataset(dataset, **options).findings}


def test_a_sound_dataset_has_counts_and_no_findings():
    dataset = make(["a", "b b"], ["c c c", "d"], [(0, 0, 1, "train"), (0, 1, 0, "train"), (1, 1, 2, "test")])
    check = check_dataset(dataset)
    assert check.findings == ()
    assert not check.has_errors
    assert (check.n_queries, check.n_documents, check.labelled_queries, check.labelled_documents) == (
        2,
        2,
        2,
        2,
    )
    assert check.splits["train"].judged_negatives == 1
    assert check.splits["test"].mean_positives == 1.0
    assert check.document_lengths.longest == 3
    assert json.loads(json.dumps(check.as_dict()))["splits"]["train"]["positives"] == 1


def test_tiny_reports_what_it_was_made_with(tiny):
    found = findings(tiny)
    assert sorted(found) == ["HN014"]
    assert found["HN014"].examples == ("d0 = d5",)


def test_hn003_queries_shared_between_splits_by_id_and_by_text():
    dataset = make(
        ["one", "Two", "two ", "three"],
        ["a", "b", "c", "d"],
        [(0, 0, 1, "train"), (0, 1, 1, "test"), (1, 1, 1, "train"), (2, 2, 1, "test"), (3, 3, 1, "test")],
    )
    finding = findings(dataset)["HN003"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.examples == ("q0 (train, test)", "q1 (train, test)")


def test_hn003_a_query_judged_not_relevant_elsewhere_is_not_shared():
    assert "HN003" not in findings(make(["one"], ["a", "b"], [(0, 0, 1, "train"), (0, 1, 0, "test")]))


def test_hn010_rows_that_cannot_be_used(beir):
    with (beir / "qrels" / "train.tsv").open("a") as file:
        file.write("q0\td1\n")
    rejections = Rejections(skip=True)
    dataset = read_reporting(beir, rejections)
    finding = findings(dataset, rejections=rejections)["HN010"]
    assert (finding.severity, finding.count) == ("error", 1)
    assert "train.tsv:4: 2 fields where three are needed" in finding.examples[0]
    assert findings(dataset, rejections=rejections, tolerate_skipped=True)["HN010"].severity == "warning"
    assert findings(dataset)["HN010"].count == 1


def test_hn011_labels_that_name_an_unknown_id(beir):
    with (beir / "qrels" / "train.tsv").open("a") as file:
        file.write("q0\tnowhere\t1\n")
    rejections = Rejections(skip=True)
    check = check_dataset(read_reporting(beir, rejections), rejections=rejections)
    assert check.has_errors
    assert [finding.code for finding in check.findings if finding.severity == "error"] == ["HN011"]
    assert check.skipped == {"unknown id": 1}


def test_hn012_empty_queries_are_an_error_where_labelled():
    documents, label = ["a"], [(0, 0, 1, "train")]
    assert findings(make([" "], documents, label))["HN012"].severity == "error"
    unlabelled = findings(make(["x", "\t"], documents, label))["HN012"]
    assert (unlabelled.severity, unlabelled.examples) == ("warning", ("q1",))


def test_hn013_empty_documents():
    finding = findings(make(["x"], ["a", "", " "], [(0, 0, 1, "train")]))["HN013"]
    assert (finding.count, finding.examples) == (2, ("d1", "d2"))


def test_hn013_a_title_is_enough():
    dataset = make(["x"], ["", "b"], [(0, 0, 1, "train")])
    titled = Dataset(dataset.queries, dataset.documents.with_columns(title=pl.lit("T")), dataset.qrels)
    assert "HN013" not in findings(titled)


def test_hn014_and_hn015_equal_texts_are_counted_once_less():
    dataset = make(["x", "X"], ["a", "A", " a", "b", "", ""], [(0, 0, 1, "train"), (1, 3, 1, "train")])
    found = findings(dataset)
    assert (found["HN014"].count, found["HN014"].examples) == (2, ("d0 = d1 = d2",))
    assert (found["HN015"].count, found["HN015"].examples) == (1, ("q0 = q1",))


def test_hn016_positive_documents_shared_between_splits():
    dataset = make(["x", "y"], ["a", "A"], [(0, 0, 1, "train"), (1, 1, 1, "test")])
    finding = findings(dataset)["HN016"]
    assert (finding.severity, finding.examples) == ("info", ("d0 (train, test)",))


def test_hn017_contradictory_labels_by_id_and_by_text():
    dataset = make(
        ["x", "y"],
        ["a", "A ", "b"],
        [(0, 0, 1, "train"), (0, 0, 0, "test"), (0, 1, 0, "train"), (0, 2, 0, "train"), (1, 2, 1, "train")],
    )
    finding = findings(dataset)["HN017"]
    assert (finding.count, finding.examples) == (2, ("q0 / d0", "q0 / d1"))


def test_hn018_queries_whose_labels_are_all_negative():
    finding = findings(make(["x", "y"], ["a", "b"], [(0, 0, 1, "train"), (1, 1, -1, "train")]))["HN018"]
    assert (finding.severity, finding.examples) == ("info", ("q1",))


def test_hn019_queries_without_labels():
    assert findings(make(["x", "y"], ["a"], [(0, 0, 1, "train")]))["HN019"].examples == ("q1",)


def test_hn020_sparse_labels():
    documents = [f"text {i}" for i in range(11)]
    assert findings(make(["x"], documents, [(0, 0, 1, "train")]))["HN020"].count == 10
    assert "HN020" not in findings(make(["x"], documents[:10], [(0, 0, 1, "train")]))


def test_hn021_long_texts_in_words_or_given_lengths():
    dataset = make(["x"], ["a b c"], [(0, 0, 1, "train")])
    assert "long documents" in findings(dataset, max_tokens=2)["HN021"].title
    lengths = (pl.Series([9]), pl.Series([1]))
    finding = findings(dataset, max_tokens=8, lengths=lengths, unit="tokens")["HN021"]
    assert (finding.title, finding.count) == ("long queries", 1)


def test_hn022_a_split_without_positives():
    finding = findings(make(["x", "y"], ["a", "b"], [(0, 0, 1, "train"), (1, 1, 0, "test")]))["HN022"]
    assert finding.examples == ("test",)


def test_hn023_no_positives_at_all_is_an_error():
    found = findings(make(["x"], ["a"], [(0, 0, 0, "train")]))
    assert found["HN023"].severity == "error"
    assert "HN022" not in found


def test_errors_come_first():
    check = check_dataset(make([" ", "y"], ["a", "A"], [(0, 0, 1, "train")]))
    assert [finding.code for finding in check.findings] == ["HN012", "HN014", "HN019"]


def test_every_code_has_its_place_in_the_documentation():
    source = Path(check_dataset.__code__.co_filename).parent
    codes = {code for file in source.glob("check*.py") for code in re.findall(r'"(HN\d{3})"', file.read_text())}
    assert len(codes) == 20
    missing = [code for code in sorted(codes) if f"{{ #{code.lower()} }}" not in DOCS.read_text()]
    assert not missing


@pytest.mark.parametrize("text", ["", "one", " two  words "])
def test_words_are_counted_between_white_space(text):
    check = check_dataset(make([text], ["a"], [(0, 0, 1, "train")]))
    assert check.query_lengths.longest == len(text.split())
