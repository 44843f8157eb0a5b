import numpy as np
import polars as pl
import pytest

from hardneg.audits.judged import audit_judged, fuller_labels, truth_of_column, unseen_answers
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError
from hardneg.filters import RankWindow
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from labelled_toy import Ladder, labelled_toy


def _plan(*filters, per_query=3):
    return Plan("train", (Ladder(()),), filters, Selection(per_query=per_query), depth=50)


def _qrels(path, rows):
    path.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{r}\n" for q, d, r in rows))
    return path


def test_negatives_that_the_fuller_labels_call_answers_are_counted(tmp_path):
    dataset = labelled_toy(n_queries=6, positives=1)
    rows = [(f"q{q}", f"d{d}", 1) for q in range(4) for d in (q, 1, 40)] + [("q4", "d0", 0)]
    audit = audit_judged(dataset, _plan(), fuller_labels(dataset, _qrels(tmp_path / "full.tsv", rows)))
    _, negatives = mine_block(dataset, np.arange(5, dtype=np.int32), _plan())
    new = {(q, d) for q in range(4) for d in (1, 40)} - {(1, 1)}
    leaked = sum(pair in new for pair in negatives.select("query", "document").iter_rows())
    assert leaked == 3
    assert audit.kind == "judged"
    assert audit.outcome.queries["query"].to_list() == [0, 1, 2, 3, 4]
    assert audit.figures["contamination"].value == leaked / 15
    assert audit.figures["leakage"].value == leaked / len(new)
    assert "lower bound" in audit.caveats[0]


def test_a_copy_of_an_answer_counts_once(tmp_path):
    toy = labelled_toy(n_queries=3, positives=1)
    texts = toy.documents["text"].to_list()
    texts[30] = texts[20]
    dataset = Dataset(toy.queries, toy.documents.with_columns(text=pl.Series(texts)), toy.qrels)
    truth = fuller_labels(dataset, _qrels(tmp_path / "full.tsv", [("q0", "d20", 1), ("q0", "d30", 2)]))
    unseen = unseen_answers(dataset, "train", truth)
    assert len(unseen.hidden) == 1
    assert unseen.is_hidden(np.array([0, 0]), np.array([20, 30])).all()


def test_unknown_ids_are_named_with_their_line(tmp_path):
    dataset = labelled_toy(n_queries=3)
    for row, problem in (
        (("q9", "d0", 1), "labels.tsv:3: query id 'q9'"),
        (("q0", "x", 1), "labels.tsv:3: document id 'x'"),
    ):
        with pytest.raises(DatasetError, match=problem):
            fuller_labels(dataset, _qrels(tmp_path / "labels.tsv", [("q0", "d0", 1), row]))
    with pytest.raises(DatasetError, match="no label in it"):
        fuller_labels(dataset, _qrels(tmp_path / "labels.tsv", []))
    with pytest.raises(DatasetError, match=r"labels.tsv:2: relevance 'much'"):
        fuller_labels(dataset, _qrels(tmp_path / "labels.tsv", [("q0", "d0", "much")]))


def test_labels_of_other_queries_are_refused(tmp_path):
    toy = labelled_toy(n_queries=3)
    split = pl.when(pl.col("query") == 2).then(pl.lit("test")).otherwise(pl.lit("train"))
    dataset = Dataset(toy.queries, toy.documents, toy.qrels.with_columns(split=split))
    with pytest.raises(DatasetError, match="speak of no query of the split 'train'"):
        audit_judged(dataset, _plan(), fuller_labels(dataset, _qrels(tmp_path / "labels.tsv", [("q2", "d30", 1)])))


def test_equality_of_a_column_is_a_complete_truth():
    toy = labelled_toy(n_queries=6, positives=1, intent=["i0", "i1", None, "i0", "i9", "i1"])
    documents = toy.documents.with_columns(intent=pl.Series([None if i == 2 else f"i{i % 5}" for i in range(50)]))
    dataset = Dataset(toy.queries, documents, toy.qrels)
    truth = truth_of_column(dataset, "intent")
    for query, value in enumerate(["i0", "i1", None, "i0", None, "i1"]):  # no document says i9
        same = [d for d in range(50) if documents["intent"][d] == value and value is not None]
        assert truth.answers.of(query).tolist() == same
    assert truth.query.tolist() == [0, 1, 3, 5]
    audit = audit_judged(dataset, _plan(RankWindow("ladder", high=20), per_query=10), truth)
    assert audit.kind == "truth"
    assert "complete" in audit.caveats[0]
    _, negatives = mine_block(dataset, truth.query, _plan(RankWindow("ladder", high=20), per_query=10))
    leaked = sum(d in truth.answers.of(q) for q, d in negatives.select("query", "document").iter_rows())
    assert audit.figures["contamination"].value == leaked / negatives.height


def test_queries_without_the_column_take_the_value_of_their_positives():
    toy = labelled_toy(n_queries=4, positives=2)
    dataset = Dataset(
        toy.queries, toy.documents.with_columns(intent=pl.Series([f"i{i // 2}" for i in range(50)])), toy.qrels
    )
    truth = truth_of_column(dataset, "intent")
    assert truth.answers.of(0).tolist() == [0, 1]
    assert truth.answers.of(1).tolist() == [0, 1, 2, 3]
    with pytest.raises(RecipeError, match="no column 'topic'; they have: intent"):
        truth_of_column(dataset, "topic")
