import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg import progress
from hardneg.errors import DatasetError, RecipeError
from hardneg.evaluation.metrics import MEASURES
from hardneg.evaluation.retrieval import evaluate
from watching import Watching


@dataclass(frozen=True)
class InOrder:
    """Returns the first documents for every query but those it is told to fail on."""

    name: str = "in_order"
    silent: tuple[int, ...] = ()

    def retrieve(self, dataset, block, depth):
        depth = min(depth, dataset.n_documents)
        rows = [(q, d, d + 1, 1.0) for q in block.tolist() if q not in self.silent for d in range(depth)]
        schema = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}
        return pl.DataFrame(rows, schema=schema, orient="row")


def test_every_query_of_the_split_and_no_other_is_measured(tiny):
    result = evaluate(tiny, InOrder(), split="train")
    assert result.per_query["query_id"].to_list() == ["q0", "q1", "q2"]
    assert result.per_query["MRR@10"].to_list() == pytest.approx([1, 1 / 2, 1 / 3])
    assert result.metrics["MRR@10"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert list(result.metrics) == list(MEASURES)


def test_a_query_for_which_nothing_is_found_counts_as_zero(tiny):
    result = evaluate(tiny, InOrder(silent=(0,)), split="train")
    assert result.per_query["Recall@100"].to_list() == [0, 1, 1]


def test_the_block_size_changes_nothing(tiny):
    whole, single = (evaluate(tiny, InOrder(), split="train", block_size=size) for size in (4096, 1))
    assert whole.run.equals(single.run)
    assert whole.per_query.equals(single.per_query)


def test_the_run_uses_ids_and_keeps_the_scores(tiny):
    run = evaluate(tiny, InOrder(), split="test", depth=10).run
    assert run.columns == ["query_id", "doc_id", "rank", "score"]
    assert run["query_id"].unique().to_list() == ["q3"]
    assert run["doc_id"].to_list() == [f"d{i}" for i in range(8)]


def test_the_folder_holds_figures_with_intervals_and_the_per_query_table(tiny, tmp_path):
    result = evaluate(tiny, InOrder(), split="train", name="first ones")
    folder = result.write(tmp_path / "evaluation")
    summary = json.loads((folder / "metrics.json").read_text())
    assert (summary["name"], summary["split"], summary["depth"]) == ("first ones", "train", 100)
    figure = summary["metrics"]["MRR@10"]
    assert figure["value"] == result.metrics["MRR@10"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["n"] == 3
    assert pl.read_parquet(folder / "per_query.parquet").equals(result.per_query)
    assert len((folder / "run.trec").read_text().splitlines()) == 24
    assert "q0 0 d7 0" in (folder / "qrels.trec").read_text()


def test_an_unknown_split_is_refused_before_any_search(tiny):
    with pytest.raises(DatasetError, match="no split 'dev'"):
        evaluate(tiny, InOrder(), split="dev")


@pytest.mark.parametrize("bad", [{"depth": 0}, {"block_size": 0}])
def test_sizes_below_one_are_refused(tiny, bad):
    with pytest.raises(RecipeError, match="must be a whole number from"):
        evaluate(tiny, InOrder(), **bad)


def test_progress_counts_queries(tiny):
    seen = []

    class Display:
        def task(self, description, *, total, unit):
            seen.append((description, total, unit))
            return progress.nullcontext(seen.append)

    with progress.showing(Display()):
        evaluate(tiny, InOrder(), split="train", block_size=2)
    assert seen == [("searching with in_order", 3, "queries"), 2, 1]


def test_intervals_are_shown_measure_by_measure(tiny):
    result = evaluate(tiny, InOrder(), split="train")
    with progress.showing(display := Watching()):
        figures = result.figures()
    assert display.tasks == [("drawing intervals", len(figures), "measures")]
    assert display.finished() == {"drawing intervals"}


def test_graded_labels_survive(tiny):
    graded = tiny.qrels.with_columns(
        relevance=pl.when(pl.col("document") == 1).then(2).otherwise("relevance").cast(pl.Int32)
    )
    dataset = type(tiny)(tiny.queries, tiny.documents, graded)
    result = evaluate(dataset, InOrder(), split="train")
    ideal = 2 + 1 / np.log2(3)
    assert result.per_query["nDCG@10"][1] == pytest.approx((2 / np.log2(3) + 1 / np.log2(6)) / ideal)
