"""Teacher scores on disk."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from counting_scorer import Counting
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.pipeline.scores import check_names, pairs_to_score, read_scores, score_pairs, scores_file
from hardneg.scoring import BiEncoder, CrossEncoder
from hardneg.scoring.store import is_squashed


@dataclass(frozen=True)
class Plain:
    """A scorer without a fingerprint."""

    name: str = "plain"
    sign: int = 1

    def score(self, dataset, query, document):
        return (self.sign * (query * 10.0 + document)).astype(np.float32)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def mined():
    return pl.DataFrame({"query": [1, 0, 0, 1], "document": [6, 3, 0, 6]}, schema_overrides={"query": pl.Int32})


def test_the_pairs_are_what_was_mined_and_the_positives_of_its_queries_once_each(tiny, mined):
    pairs = pairs_to_score(tiny, mined, split="train")
    assert pairs.rows() == [(0, 0, True), (0, 3, False), (1, 1, True), (1, 4, True), (1, 6, False)]
    assert pairs.schema["document"] == pl.Int32
    with pytest.raises(RunError, match="nothing to score"):
        pairs_to_score(tiny, mined.clear(), split="train")
    with pytest.raises(DatasetError, match="no split 'dev'"):
        pairs_to_score(tiny, mined, split="dev")


def test_scores_are_written_with_ids_and_read_back_with_positions(tiny, mined, tmp_path):
    pairs = pairs_to_score(tiny, mined, split="train")
    found = score_pairs(tiny, pairs, Counting(), out=scores_file(tmp_path, Counting()))
    assert found.path == tmp_path / "scores" / "teacher.parquet"
    assert pl.read_parquet(found.path).columns == ["query_id", "doc_id", "teacher", "score", "squashed"]
    expected = Counting().score(tiny, pairs["query"].to_numpy(), pairs["document"].to_numpy())
    for place in (tmp_path, tmp_path / "scores", found.path):
        table = read_scores(place, tiny)
        assert table.select("query", "document").rows() == pairs.select("query", "document").rows()
        np.testing.assert_array_equal(table["score"].to_numpy(), expected)
    assert (found.pairs, found.positives, found.squashed) == (5, 3, True)
    assert found.positive_mean == pytest.approx(np.mean(expected[[0, 2, 3]]))
    assert found.other_mean == pytest.approx(np.mean(expected[[1, 4]]))
    record = json.loads(found.path.with_suffix(".json").read_text())
    assert (record["teacher"], record["pairs"], record["fingerprint"]) == ("teacher", 5, "counting")


def test_the_same_scorer_scores_again_from_the_store_and_another_is_refused(tiny, mined, tmp_path):
    pairs, out = pairs_to_score(tiny, mined, split="train"), tmp_path / "one.parquet"
    first, again = Counting(), Counting()
    score_pairs(tiny, pairs.head(3), first, out=out)
    score_pairs(tiny, pairs, again, out=out)
    assert [len(call) for call in again.calls] == [2]
    before = out.read_bytes()
    with pytest.raises(RunError, match=r"one\.parquet holds the scores of Counting"):
        score_pairs(tiny, pairs, Counting(identity="other"), out=out)
    assert out.read_bytes() == before
    out.with_suffix(".json").unlink()
    with pytest.raises(RunError, match="holds the scores of something else"):
        score_pairs(tiny, pairs, again, out=out)


def test_a_scorer_without_a_fingerprint_is_known_by_its_repr(tiny, mined, tmp_path):
    pairs, out = pairs_to_score(tiny, mined, split="train"), tmp_path / "plain.parquet"
    score_pairs(tiny, pairs, Plain(), out=out)
    assert not score_pairs(tiny, pairs, Plain(), out=out).squashed
    with pytest.raises(RunError, match="give this scorer another name"):
        score_pairs(tiny, pairs, Plain(sign=-1), out=out)


def test_several_teachers_lie_side_by_side_and_share_no_name(tiny, mined, tmp_path):
    pairs = pairs_to_score(tiny, mined, split="train")
    for scorer in (Counting(), Plain()):
        score_pairs(tiny, pairs, scorer, out=scores_file(tmp_path, scorer))
    table = read_scores(tmp_path, tiny)
    assert table["teacher"].value_counts().sort("teacher").rows() == [("plain", 5), ("teacher", 5)]
    with pytest.raises(RecipeError, match="two share a name"):
        check_names([Plain(), Plain(sign=-1)])
    with pytest.raises(RecipeError, match="cannot name a file"):
        scores_file(tmp_path, Plain(name="../up"))
    with pytest.raises(RunError, match="holds no teacher scores; make them: hardneg score"):
        read_scores(tmp_path / "nothing", tiny)


def test_whether_scores_are_squashed_is_told_by_the_scorer_or_by_its_scores():
    low, wide = np.array([0.0, 0.5, 1.0], np.float32), np.array([0.0, 1.5], np.float32)
    assert is_squashed(CrossEncoder("some/model"), low)
    assert not is_squashed(CrossEncoder("some/model", activation="identity"), low)
    assert not is_squashed(BiEncoder("some/model"), low)
    assert is_squashed(Plain(), low)
    assert not is_squashed(Plain(), wide)


def test_scores_name_texts_of_this_dataset_only(tiny, mined, tmp_path):
    pairs = pairs_to_score(tiny, mined, split="train")
    score_pairs(tiny, pairs, Plain(), out=tmp_path / "plain.parquet")
    other = Dataset(tiny.queries.with_columns(id="x" + pl.col("id")), tiny.documents, tiny.qrels, name="other")
    with pytest.raises(RunError, match="was made from other texts than those of other"):
        read_scores(tmp_path / "plain.parquet", other)
