import polars as pl
import pytest

from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.negatives import Selection, export, select


@pytest.fixture
def negatives(candidates, ten):
    return select(candidates, ten, Selection(per_query=2, score="dense"), seed=0)


@pytest.fixture
def even(candidates, ten):
    return select(candidates, ten, Selection(per_query=1, score="dense"), seed=0)


def test_triplets_pair_each_positive_with_each_negative(negatives, ten):
    table = export(ten, negatives, split="train", form="triplet")
    assert table.rows() == [
        ("zero", "text 0", "text 4"),
        ("zero", "text 0", "text 5"),
        ("one", "text 1", "text 8"),
        ("one", "text 2", "text 8"),
    ]
    assert table.columns == ["query", "positive", "negative"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("triplet", [None, None, None, "learned"]),
        ("n-tuple", [None, None, "learned"]),
        ("labeled-pair", [None, None, None, None, "learned", None]),
        ("labeled-list", [[None, None, None], [None, "learned", None]]),
    ],
)
def test_with_ids_each_positive_says_who_found_it(negatives, even, ten, form, expected):
    found = pl.DataFrame({"query": [1], "document": [2], "found_by": ["learned"]})
    chosen = even if form == "n-tuple" else negatives
    table = export(ten, chosen, split="train", form=form, ids=True, found=found)
    assert table["found_by"].to_list() == expected
    assert "found_by" not in export(ten, chosen, split="train", form=form, found=found).columns
    assert "found_by" not in export(ten, chosen, split="train", form=form, ids=True, found=found.clear()).columns


def test_scores_of_a_triplet_are_the_positives_then_the_negatives(negatives, ten):
    table = export(ten, negatives, split="train", form="triplet", scores=True)
    assert table["scores"].list.eval(pl.element().round(2)).to_list() == pytest.approx(
        [pytest.approx(pair) for pair in ([0.9, 0.7], [0.9, 0.6], [0.5, 0.2], [0.5, 0.2])]
    )


def test_n_tuples_have_a_column_for_each_negative(even, ten):
    table = export(ten, even, split="train", form="n-tuple", scores=True)
    assert table.drop("scores").rows() == [
        ("zero", "text 0", "text 4"),
        ("one", "text 1", "text 8"),
        ("one", "text 2", "text 8"),
    ]
    assert table.columns == ["query", "positive", "negative_1", "scores"]
    assert table["scores"].list.len().to_list() == [2, 2, 2]


def test_uneven_queries_do_not_fit_an_n_tuple_unless_a_number_is_given(negatives, ten):
    with pytest.raises(RunError, match=r"1 of 2 queries have fewer than 2 negatives.*n_negatives = 2"):
        export(ten, negatives, split="train", form="n-tuple")
    two = export(ten, negatives, split="train", form="n-tuple", n_negatives=2)
    assert two.rows() == [("zero", "text 0", "text 4", "text 5")]
    one = export(ten, negatives, split="train", form="n-tuple", n_negatives=1, scores=True)
    assert one.height == 3
    assert one["scores"].list.len().to_list() == [2, 2, 2]


def test_labelled_pairs_list_each_document_once(negatives, ten):
    table = export(ten, negatives, split="train", form="labeled-pair")
    assert table.rows() == [
        ("zero", "text 0", 1),
        ("zero", "text 4", 0),
        ("zero", "text 5", 0),
        ("one", "text 1", 1),
        ("one", "text 2", 1),
        ("one", "text 8", 0),
    ]
    scored = export(ten, negatives, split="train", form="labeled-pair", scores=True)
    assert scored.columns == ["query", "document", "score"]
    assert scored["score"].to_list() == pytest.approx([0.9, 0.7, 0.6, 0.5, 0.5, 0.2])


def test_labelled_lists_have_a_row_for_each_query(negatives, ten):
    table = export(ten, negatives, split="train", form="labeled-list")
    assert table.rows() == [
        ("zero", ["text 0", "text 4", "text 5"], [1, 0, 0]),
        ("one", ["text 1", "text 2", "text 8"], [1, 1, 0]),
    ]
    assert export(ten, negatives, split="train", form="labeled-list", scores=True).columns == [
        "query",
        "documents",
        "scores",
    ]


def test_ids_stand_beside_the_texts_when_asked_for(negatives, ten):
    table = export(ten, negatives, split="train", form="labeled-list", ids=True)
    assert table.select("query_id", "documents_id").rows() == [
        ("q0", ["d0", "d4", "d5"]),
        ("q1", ["d1", "d2", "d8"]),
    ]
    assert export(ten, negatives, split="train", form="triplet", ids=True)["negative_id"].to_list() == [
        "d4",
        "d5",
        "d8",
        "d8",
    ]


@pytest.mark.parametrize("form", ["triplet", "n-tuple", "labeled-pair", "labeled-list"])
@pytest.mark.parametrize("scores", [False, True])
def test_files_read_back_as_they_were(even, ten, tmp_path, form, scores):
    table = export(ten, even, split="train", form=form, scores=scores, path=tmp_path / "new" / "rows.parquet")
    assert pl.read_parquet(tmp_path / "new" / "rows.parquet").equals(table)
    export(ten, even, split="train", form=form, scores=scores, path=str(tmp_path / "rows.jsonl"))
    assert pl.read_ndjson(tmp_path / "rows.jsonl", schema=table.schema).equals(table)


@pytest.mark.parametrize("form", ["triplet", "n-tuple", "labeled-pair", "labeled-list"])
def test_queries_without_negatives_have_no_row(even, ten, form):
    assert set(export(ten, even.filter(pl.col("query") == 1), split="train", form=form)["query"]) == {"one"}


@pytest.mark.parametrize("form", ["triplet", "n-tuple", "labeled-pair", "labeled-list"])
def test_an_export_without_a_row_is_refused_and_writes_nothing(even, ten, tmp_path, form):
    with pytest.raises(RunError, match="no query of split 'train' has enough negatives for a row: 0 negatives"):
        export(ten, even.clear(), split="train", form=form, path=tmp_path / "rows.parquet")
    assert not (tmp_path / "rows.parquet").exists()


def test_scores_of_negatives_that_carry_none_are_refused_by_column(even, ten):
    foreign = even.select("query", "document")
    assert export(ten, foreign, split="train", form="triplet").height
    with pytest.raises(RunError, match="have no column 'source'"):
        export(ten, foreign, split="train", form="triplet", scores=True)


def test_missing_and_mixed_scores_are_refused(candidates, ten):
    unscored = select(candidates, ten, Selection(per_query=1), seed=0)
    with pytest.raises(RunError, match="1 negatives, chosen by 'random', lack a score"):
        export(ten, unscored, split="train", form="triplet", scores=True)
    mixed = select(candidates, ten, Selection(per_query=2, quotas={"bm25": 1, "dense": 1}), seed=0)
    with pytest.raises(RunError, match="not one scale"):
        export(ten, mixed, split="train", form="triplet", scores=True)


def test_bad_requests_are_refused_before_any_work(even, ten, tmp_path):
    with pytest.raises(RecipeError, match=r"form is 'triple'; did you mean .triplet.. .known: triplet, n-tuple"):
        export(ten, even, split="train", form="triple")
    with pytest.raises(RecipeError, match=r"rows\.csv; end its name in \.jsonl or \.parquet"):
        export(ten, even, split="train", form="triplet", path=tmp_path / "rows.csv")
    with pytest.raises(RecipeError, match="n_negatives is 2"):
        export(ten, even, split="train", form="triplet", n_negatives=2)
    with pytest.raises(DatasetError, match="no split 'dev'"):
        export(ten, even, split="dev", form="triplet")
