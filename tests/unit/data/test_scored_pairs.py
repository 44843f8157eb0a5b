"""Candidates with scores, in every layout in which they are published: the same pairs, and the same negatives."""

import json

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from exported_toy import odd_dataset, odd_negatives
from hardneg.cli import main
from hardneg.data.reading import read_dataset
from hardneg.data.scored_pairs import read_scored_pairs
from hardneg.errors import DatasetError
from hardneg.filters import ScoreRange
from hardneg.sources import Given

ODD, NEGATIVES = odd_dataset(), odd_negatives()
QUERY, DOCUMENT = ODD.query_texts.to_list(), ODD.document_texts.to_list()


def exported(form, name, place, **options):
    hn.export(ODD, NEGATIVES, form=form, path=place / name, **options)
    return place / name


def numbered(place):
    """A positive and neg_1 …, each with a score of its own, as flat sets have them."""
    rows = [
        {"query": QUERY[0], "positive": DOCUMENT[0], "neg_1": DOCUMENT[3], "neg_2": DOCUMENT[2]}
        | {"positive_score": 0.875, "neg_1_score": 0.75, "neg_2_score": 0.25},
        {"query": QUERY[1], "positive": DOCUMENT[2], "neg_1": DOCUMENT[4], "neg_2": DOCUMENT[5]}
        | {"positive_score": 0.625, "neg_1_score": 0.5, "neg_2_score": 0.125},
    ]
    (place / "flat.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return place / "flat.jsonl"


def arrays(place):
    np.save(place / "indices.npy", np.array([[0, 3, 2, -1], [2, 4, 5, -1]]))
    np.save(place / "scores.npy", np.array([[0.875, 0.75, 0.25, 9], [0.625, 0.5, 0.125, 9]], dtype=np.float32))
    meta = {"query_ids": ODD.queries["id"][:2].to_list(), "document_ids": ODD.documents["id"].to_list()}
    (place / "meta.json").write_text(json.dumps(meta))
    return place


LAYOUTS = {
    "three tables": lambda place: exported("pylate-kd", "kd", place),
    "n-tuple": lambda place: exported("n-tuple", "x.parquet", place, scores=True),
    "triplet": lambda place: exported("triplet", "x.jsonl", place, scores=True),
    "flagembedding": lambda place: exported("flagembedding", "x.jsonl", place, scores=True),
    "nemo": lambda place: exported("nemo", "nemo", place, scores=True) / "train.json",
    "docpairs": lambda place: exported("docpairs", "pairs", place) / "docpairs.jsonl",
    "lightning-ir": lambda place: exported("lightning-ir", "x.parquet", place, scores=True),
    "neg_1 …": numbered,
    "arrays": arrays,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_candidates_have_the_scores_that_stand_beside_them(layout, tmp_path):
    source = Given(LAYOUTS[layout](tmp_path))
    rows = source.retrieve(ODD, ODD.queries_of("train"), 10)
    pairs = {(q, d): s for q, d, s in rows.select("query", "document", "score").iter_rows()}
    wanted = {(q, d): s for q, d, s in NEGATIVES.select("query", "document", "score").iter_rows()}
    assert {pair: pairs[pair] for pair in wanted} == pytest.approx(wanted)
    assert set(pairs) - set(wanted) <= {(0, 0), (0, 1), (1, 2)}  # the answers
    assert rows["rank"].to_list() == [
        *range(1, 1 + (rows["query"] == 0).sum()),
        *range(1, 1 + (rows["query"] == 1).sum()),
    ]


@pytest.mark.parametrize("layout", ["three tables", "n-tuple", "flagembedding", "lightning-ir", "arrays"])
def test_filters_and_selection_take_them_as_they_take_what_was_searched(layout, tmp_path):
    source = Given(LAYOUTS[layout](tmp_path))
    mined = hn.mine(ODD, sources=[source], filters=[ScoreRange(score="given", high=0.6)], per_query=1)
    assert mined.negatives.select("query", "document").rows() == [(0, 2), (1, 4)]
    assert mined.funnel["dropped"]["score_range"] == 1


def test_three_tables_are_a_dataset_whose_first_documents_answer(tmp_path):
    read = read_dataset(LAYOUTS["three tables"](tmp_path))
    named = read.with_ids(read.qrels)
    assert set(named.filter(pl.col("relevance") > 0).select("query_id", "doc_id").rows()) == {
        *(("007", "0"), ("007", "01"), ("q b", "d2")),
    }
    assert set(named.filter(pl.col("relevance") == 0).select("query_id", "doc_id").rows()) == {
        *(("007", "d 3"), ("007", "d2"), ("q b", "d4"), ("q b", "d5")),
    }


def test_audit_works_on_what_a_set_brings_and_judgements_do_not_stand_in_its_way(tmp_path, capsys):
    place = LAYOUTS["flagembedding"](tmp_path)
    assert read_dataset(place).judged_negatives.keys.size == 4
    assert read_dataset(place, mapping={"candidates": True}).judged_negatives.keys.size == 0
    command = ["audit", "planted", str(place), "--candidates", "--json", "--filter", "positive_margin(ratio=0.9)"]
    assert main([*command, "--audit-seeds", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "planted"
    assert "given" in json.dumps(found["sources"])
    mine = ["mine", str(place), "--candidates", "-o", str(tmp_path / "run"), "--per-query", "2", "--json"]
    assert main([*mine, "--filter", "positive_margin(ratio=0.9)"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"]["given"]["selected"] == 4


def test_what_is_no_list_of_candidates_is_refused_with_what_is_known(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}')
    with pytest.raises(DatasetError, match=r"no scored candidates in it; it has: a\. Known are"):
        read_scored_pairs(tmp_path / "x.jsonl")
    with pytest.raises(DatasetError, match="no such file"):
        read_scored_pairs(tmp_path / "nowhere")
    place = arrays(tmp_path)
    np.save(place / "scores.npy", np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(DatasetError, match=r"indices of shape \(2, 4\) and scores of shape \(2, 3\)"):
        read_scored_pairs(place)
    (tmp_path / "flag.jsonl").write_text(
        '{"query": "a", "pos": ["b"], "neg": ["c"], "pos_scores": [], "neg_scores": [1.0]}'
    )
    with pytest.raises(DatasetError, match="record 1 has unequal numbers"):
        read_scored_pairs(tmp_path / "flag.jsonl")
    other = numbered(tmp_path)
    strangers = hn.Dataset.from_tables(
        pl.DataFrame({"id": ["z"], "text": ["z"]}),
        pl.DataFrame({"id": ["y"], "text": ["y"]}),
        pl.DataFrame({"query_id": ["z"], "doc_id": ["y"], "relevance": [1], "split": ["train"]}),
    )
    with pytest.raises(DatasetError, match="none of its 6 pairs is about queries and documents of dataset"):
        hn.mine(strangers, sources=[Given(other)], filters=[])
