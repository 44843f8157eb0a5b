"""Datasets whose documents are sections."""

import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.domains.legal.sections import by_section
from hardneg.errors import DatasetError, RecipeError

LONG = (
    "A Fund Manager keeps records of each fund. " * 6
    + "An Authorised Person reports a breach to the Regulator at once."
)


def rules(**columns) -> Dataset:
    documents = {"id": ["d0", "d1", "d2"], "text": [LONG, "Records are kept for six years.", "A branch has a manager."]}
    qrels = {
        "query_id": ["q0", "q0", "q1"],
        "doc_id": ["d0", "d1", "d0"],
        "relevance": [1, 1, 0],
        "split": ["train"] * 3,
    }
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1"], "text": ["when is a breach reported?", "who keeps records?"]}),
        pl.DataFrame(documents | columns),
        pl.DataFrame(qrels),
    )


@pytest.fixture
def sections() -> Dataset:
    dataset = rules(act=["A", "A", "B"], no=["9.5.(c).(i)", "9.5.(d)", "9.5"], topic=["x", "y", "z"])
    return by_section(dataset, document="act", section="no", max_words=30, overlap=1)


def test_sections_know_document_path_and_parent(sections):
    rows = sections.documents.unique("parent", maintain_order=True).select("document", "section", "parent").rows()
    assert rows == [("A", "9.5(c)(i)", "A 9.5"), ("B", "9.5", "B 9.5")]
    assert sections.documents["section_path"][0].to_list() == ["9", "9.5", "9.5(c)", "9.5(c)(i)"]


def test_a_long_section_is_cut_and_its_parts_share_a_parent(sections):
    assert sections.documents["id"].to_list() == ["d0#1", "d0#2", "d0#3", "d1", "d2"]
    assert sections.documents["part"].to_list() == [1, 2, 3, 0, 0]
    assert sections.documents["topic"].to_list() == ["x", "x", "x", "y", "z"]


def test_defined_terms_are_those_of_the_part(sections):
    assert sections.documents["terms"].to_list()[0] == ["fund manager"]
    assert sections.documents["terms"].to_list()[2] == ["authorised person", "fund manager"]
    assert sections.documents["terms"].to_list()[4] == []


def test_an_answer_is_the_part_that_shares_rare_words_with_the_query(sections):
    _, document = sections.positives.among(sections.queries_of("train"))
    ids = sections.documents["id"].gather(document).to_list()
    assert ids == ["d0#3", "d1"]


def test_what_was_judged_no_answer_is_none_in_any_part(sections):
    _, document = sections.judged_negatives.among(pl.Series([1]).to_numpy())
    assert sections.documents["id"].gather(document).to_list() == ["d0#1", "d0#2", "d0#3"]


def test_without_columns_each_document_is_cut_at_its_headings():
    text = "PART 1 Scope\n1. Funds.\nA Fund Manager applies.\n2. Breaches.\nA breach is reported."
    found = by_section(rules(text=[text, "No heading.", ""])).documents
    assert found["id"].to_list() == ["d0#1", "d0#2", "d1", "d2"]
    assert found["parent"].to_list() == ["d0 Part 1.1", "d0 Part 1.2", "d1 preamble", "d2 preamble"]


def test_columns_that_are_not_there_and_documents_without_a_number_are_named():
    with pytest.raises(RecipeError, match="sections: section names the column 'nr', which the documents"):
        by_section(rules(no=["1", "2", "3"]), section="nr")
    with pytest.raises(DatasetError, match="1 of 3 documents of dataset have no 'no', the first: 'd1'"):
        by_section(rules(no=["1", None, "3"]), section="no")
    with pytest.raises(DatasetError, match="give 20 words or more"):
        by_section(rules(), max_words=3)
