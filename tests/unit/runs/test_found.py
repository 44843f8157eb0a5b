from dataclasses import dataclass

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.runs.found import found_of, read_found, with_found
from hardneg.runs.parts import read_parts
from hardneg.sources import BM25
from toy import toy_dataset


@dataclass(frozen=True)
class Finder:
    """Takes every fifth document for an answer and refuses every third."""

    relabel: bool = True
    name: str = "finder"
    exempts_judged: bool = True

    def annotate(self, candidates, dataset):
        return candidates.with_columns(p_positive=(pl.col("document") / 100).cast(pl.Float32))

    def keep(self, candidates, dataset):
        return (candidates["document"] % 3 != 0).to_numpy()

    def found(self, candidates, dataset):
        return (candidates["document"] % 5 == 0).to_numpy()


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The toy, in which the documents 10 and 15 are judged not relevant to the first queries."""
    toy = toy_dataset()
    judged = [(q, d, 0, "train") for q in range(8) for d in (10, 15)]
    rows = pl.DataFrame(judged, schema=toy.qrels.schema, orient="row")
    return Dataset(toy.queries, toy.documents, pl.concat([toy.qrels, rows]), "toy")


def settings(*filters, **values):
    return {
        "sources": [BM25(analyzer="plain")],
        "filters": list(filters),
        "select": Selection(per_query=6, shortage="fill_random", weigh=True),
        "depth": 12,
        **values,
    }


def pairs(table):
    return set(table.select("query", "document").iter_rows())


def test_found_answers_are_the_same_in_memory_and_on_disk_for_any_blocks(dataset, tmp_path):
    found = mine(dataset, **settings(Finder())).found
    assert found.columns == ["query", "document", "found_by", "teacher_score", "p_positive"]
    assert found.height > 20
    for size in (5, 4096):
        on_disk = mine(dataset, **settings(Finder(), block_size=size, out=tmp_path / f"{size}")).found
        assert_frame_equal(on_disk, found)
        assert_frame_equal(read_found(tmp_path / f"{size}", dataset), found)
    rows = read_parts(tmp_path / "5" / "candidates", dataset)
    undecided = rows.filter(~pl.Series(dataset.is_answer(rows["query"].to_numpy(), rows["document"].to_numpy())))
    judged = pl.Series(
        dataset.judged_negatives.contains(undecided["query"].to_numpy(), undecided["document"].to_numpy())
    )
    assert judged.any()
    assert pairs(found) == pairs(undecided.filter(~judged & (pl.col("document") % 5 == 0)))
    assert set(found["found_by"]) == {"finder"}
    assert found["p_positive"].to_list() == pytest.approx((found["document"] / 100).to_list())


def test_no_negative_is_a_found_answer(dataset):
    mined = mine(dataset, **settings(Finder()))
    assert "fill" in mined.negatives["source"]
    assert pairs(mined.negatives).isdisjoint(pairs(mined.found))
    assert pairs(mined.negatives).isdisjoint(set(zip(*dataset.pairs_of("train"), strict=True)))


def test_without_a_filter_that_relabels_nothing_is_found_and_nothing_written(dataset, tmp_path):
    for filters in ([], [Finder(relabel=False)]):
        out = tmp_path / str(len(filters))
        mined = mine(dataset, **settings(*filters, out=out))
        assert mined.found.is_empty()
        assert not (out / "found_positives.parquet").exists()
        assert read_found(out, dataset).schema == mined.found.schema


def test_a_filter_that_finds_nothing_leaves_a_file_without_rows(dataset, tmp_path):
    @dataclass(frozen=True)
    class Blind(Finder):
        def found(self, candidates, dataset):
            return (candidates["document"] < 0).to_numpy()

    mined = mine(dataset, **settings(Blind(), out=tmp_path))
    assert (tmp_path / "found_positives.parquet").exists()
    assert mined.found.is_empty()
    assert read_found(tmp_path, dataset).schema == mine(dataset, **settings(Blind())).found.schema


def test_found_answers_are_of_the_split_that_was_mined(dataset, tmp_path):
    mined = mine(dataset, **settings(Finder(), out=tmp_path))
    assert_frame_equal(found_of(tmp_path, dataset, split="train"), mined.found)
    assert found_of(tmp_path, dataset, split="test").is_empty()
    assert found_of(tmp_path / "negatives", dataset, split="train").is_empty()


def test_a_damaged_file_is_named(dataset, tmp_path):
    (tmp_path / "found_positives.parquet").write_bytes(b"no table")
    with pytest.raises(RunError, match=r"found_positives\.parquet cannot be read"):
        read_found(tmp_path, dataset)


def test_found_answers_become_labels_of_the_split(dataset):
    found = mine(dataset, **settings(Finder())).found
    before = dataset.qrels.clone()
    richer = with_found(dataset, found, split="train")
    labels = set(zip(*(each.tolist() for each in richer.pairs_of("train")), strict=True))
    assert labels == set(zip(*(each.tolist() for each in dataset.pairs_of("train")), strict=True)) | pairs(found)
    assert richer.qrels.head(before.height).equals(before)
    assert richer.qrels.height == before.height + found.height
    assert dataset.qrels.equals(before)
    assert richer.fingerprint != dataset.fingerprint
    assert richer.queries is dataset.queries
    assert with_found(dataset, found.clear(), split="train") is dataset
