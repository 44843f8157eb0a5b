"""Documents related to an answer, against a plain double loop."""

import re
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.audits.planted import audit_planted
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError
from hardneg.filters import NearDuplicate
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25, Related, gather, identity, shared_values
from hardneg.sources.kept import keeping_retrievals

BLOCK = np.arange(3, dtype=np.int32)


def acts(*, positives=(("q0", "a2"), ("q1", "b10"), ("q2", "a2"), ("q2", "c1")), split="train", **columns) -> Dataset:
    """Three acts of four sections; the sections of act b are not in their order."""
    ids = ["a1", "a2", "a3", "a10", "b10", "b1", "b3", "b2", "c1", "c2", "c3", "c4"]
    documents = {
        "id": ids,
        "text": [f"text of {each}" for each in ids],
        "act": [each[0] for each in ids],
        "section": [each[1:] for each in ids],
        **columns,
    }
    qrels = pl.DataFrame(positives, schema=["query_id", "doc_id"], orient="row")
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["one", "two", "three"]}),
        pl.DataFrame(documents),
        qrels.with_columns(relevance=pl.lit(1), split=pl.lit(split)),
        name="acts",
    )


def found(source: Related, dataset: Dataset, query: int = 0, depth: int = 100) -> list[str]:
    table = source.retrieve(dataset, BLOCK, depth).filter(pl.col("query") == query)
    return dataset.documents["id"].gather(table["document"]).to_list()


def test_sections_of_the_same_act_come_nearest_first_in_natural_order():
    assert found(Related("act", order="section"), acts()) == ["a1", "a3", "a10"]
    assert found(Related("act", order="section"), acts(), query=1) == ["b3", "b2", "b1"]


def test_distance_of_texts_counts_places_and_is_the_score():
    table = Related("act", order="section").retrieve(acts(), BLOCK[:1], 100)
    assert table["score"].to_list() == [-1.0, -1.0, -2.0]


def test_without_an_order_documents_close_in_the_table_come_first_and_have_no_score():
    table = Related("act").retrieve(acts(), BLOCK[1:2], 100)
    assert table["document"].to_list() == [5, 6, 7]
    assert table["score"].null_count() == 3


def test_numbers_and_times_are_compared_by_value():
    priced = acts(price=[1.0, 5.0, 5.5, 90.0, *[0.0] * 8], made=[date(2020, 1, day) for day in range(1, 13)])
    assert found(Related("act", order="price"), priced) == ["a3", "a1", "a10"]
    table = Related("act", order="made").retrieve(priced, BLOCK[:1], 1)
    assert table["score"].to_list() == [-86_400.0]


def test_the_same_section_of_another_act_shares_one_value_and_differs_in_another():
    assert found(Related("section", different="act"), acts()) == ["b2", "c2"]


def test_the_closest_of_several_answers_counts_and_answers_are_no_candidates():
    assert found(Related("act", order="section"), acts(), query=2) == ["a1", "a3", "c2", "a10", "c3", "c4"]


def test_lists_are_ordered_by_the_share_of_values_in_common():
    terms = [["x"], ["x", "y"], ["x", "y"], ["y", "z", "w"], [], ["z"], *[[]] * 6]
    table = Related("terms").retrieve(acts(terms=terms), BLOCK[:1], 100)
    assert table["document"].to_list() == [2, 0, 3]
    np.testing.assert_allclose(table["score"].to_numpy(), [1, 1 / 2, 1 / 4])


def test_labels_of_other_splits_are_not_looked_at():
    tested = acts(split="test")
    assert Related("act").retrieve(tested, BLOCK, 100).is_empty()
    assert not Related("act", split="test").retrieve(tested, BLOCK, 100).is_empty()
    with pytest.raises(RecipeError, match="reads the labels of split 'train', but 'test' is mined"):
        mine(tested, split="test", sources=[Related("act")], filters=[])


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    message = (
        "related: column names the column 'akt', .*acts do not have; did you mean 'act'\\? They have: act, section"
    )
    with pytest.raises(RecipeError, match=message):
        Related("akt").retrieve(acts(), BLOCK, 1)
    with pytest.raises(RecipeError, match="related: different names the column 'text'"):
        Related("act", different="text").retrieve(acts(), BLOCK, 1)


@pytest.mark.parametrize("nothing", [None, ""])
def test_documents_without_a_value_are_counted_and_named(nothing):
    dataset = acts(part=["x", "x", nothing, "x", *[nothing] * 8])
    message = "related: column: 9 of 12 documents of acts have no 'part', the first: 'a3', 'b10', 'b1'; fill it in"
    with pytest.raises(DatasetError, match=re.escape(message)):
        mine(dataset, sources=[BM25(), Related("part")], filters=[])
    assert found(Related("part", allow_missing=True), dataset) == ["a1", "a10"]
    assert found(Related("act", order="part", allow_missing=True), dataset) == ["a1", "a10"]


def test_objects_and_lists_to_order_by_are_refused():
    with pytest.raises(DatasetError, match=r"holds Struct.*; name one of plain values or lists of them"):
        Related("act", different="more").retrieve(acts(more=[{"a": 1}] * 12), BLOCK, 1)
    with pytest.raises(DatasetError, match=r"holds List.*; name one of plain values"):
        Related("act", order="more").retrieve(acts(more=[["x"]] * 12), BLOCK, 1)


def test_a_candidate_cannot_differ_in_what_it_shares():
    with pytest.raises(RecipeError, match="share 'act' and differ"):
        Related("act", different="act")


def test_metadata_are_part_of_what_identifies_the_source(tmp_path):
    source, changed = Related("act", order="section"), acts(section=["1"] * 12)
    assert acts().fingerprint == changed.fingerprint
    assert identity(source, acts()) != identity(source, changed)
    assert identity(source, acts()) == identity(source, acts())
    plan = Plan("train", (source,), (), Selection())
    assert plan.key(acts()) != plan.key(changed)
    with keeping_retrievals(tmp_path):
        before, after = (gather(dataset, [source], BLOCK, 5) for dataset in (acts(), changed))
    assert not before.equals(after)


def test_two_related_sources_have_quotas_of_their_own():
    sources = [Related("act", order="section", name="near"), Related("section", different="act", name="twin")]
    select = Selection(per_query=2, quotas={"near": 1, "twin": 1})
    mined = mine(acts(), sources=sources, filters=[NearDuplicate()], select=select)
    first = mined.negatives.filter(pl.col("query") == 0)
    assert first.select("document", "source").rows() == [(0, "near"), (7, "twin")]
    with pytest.raises(RecipeError, match="two sources are named 'related'"):
        gather(acts(), [Related("act"), Related("section")], BLOCK, 5)


def test_the_planted_audit_relates_to_the_answers_that_are_left():
    dataset = acts(positives=(("q0", "a1"), ("q0", "a2"), ("q1", "b1"), ("q2", "c1"), ("q2", "a1")))
    plan = Plan("train", (Related("act", order="section"),), (), Selection(per_query=1))
    audit = audit_planted(dataset, plan, seeds=(0,))
    (row,) = audit.sources().to_dicts()
    assert audit.outcome.queries["query"].to_list() == [0, 2]  # of the two, one hides its neighbour in the same act
    assert (row["hidden_retrieved"], row["hidden_selected"]) == (1, 1)


def values(draw, n):
    return draw(st.lists(st.lists(st.sampled_from("uvwxyz"), max_size=4), min_size=n, max_size=n))


@st.composite
def datasets(draw):
    n = draw(st.integers(2, 9))
    documents = pl.DataFrame(
        {
            "id": [str(i) for i in range(n)],
            "text": [f"t{i}" for i in range(n)],
            "tags": pl.Series(values(draw, n), dtype=pl.List(pl.String)),
            "at": draw(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=n, max_size=n)),
            "by": draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n)),
        },
        schema_overrides={"at": pl.Int64, "by": pl.String},
    )
    pairs = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, n - 1)), min_size=1, max_size=6, unique=True))
    qrels = pl.DataFrame([(f"q{q}", str(d)) for q, d in pairs], schema=["query_id", "doc_id"], orient="row")
    queries = pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["a", "b", "c"]})
    return Dataset.from_tables(queries, documents, qrels.with_columns(relevance=1, split=pl.lit("train")))


def double_loop(dataset: Dataset, source: Related, query: int) -> list[int]:
    rows = dataset.documents.to_dicts()
    of = lambda row, column: set(row[column]) if isinstance(row[column], list) else {row[column]} - {None}  # noqa: E731
    positives = dataset.positives.of(query)
    keys = {}
    for candidate, row in enumerate(rows):
        for positive in positives:
            answer = rows[positive]
            shared, union = (
                of(row, source.column) & of(answer, source.column),
                of(row, source.column) | of(answer, source.column),
            )
            differs = source.different is None or (
                of(row, source.different)
                and of(answer, source.different)
                and not of(row, source.different) & of(answer, source.different)
            )
            known = source.order is None or None not in (row[source.order], answer[source.order])
            if candidate in positives or not shared or not differs or not known:
                continue
            far = 0 if source.order is None else abs(row[source.order] - answer[source.order])
            key = (far, -len(shared) / len(union), abs(candidate - int(positive)), candidate)
            keys[candidate] = min(key, keys.get(candidate, key))
    return sorted(keys, key=keys.get)


@given(datasets(), st.sampled_from([None, "at"]), st.sampled_from([None, "by"]), st.sampled_from([1, 3, 2_000_000]))
def test_agrees_with_a_double_loop_however_little_fits_the_memory(dataset, order, different, rows):
    source = Related("tags", order=order, different=different, allow_missing=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_values, "_ROWS", rows)
        table = source.retrieve(dataset, BLOCK, 100)
    for query in BLOCK:
        assert table.filter(pl.col("query") == query)["document"].to_list() == double_loop(dataset, source, query)
