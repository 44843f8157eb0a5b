"""The tables behind the figures of mining, counted again row by row."""

import re
from collections import Counter
from statistics import median

import polars as pl
import pytest

from hardneg.reports.figures_of_mining import BINS, funnel, hardness, supply
from run_folder import PER_QUERY


@pytest.fixture
def mined(contents):
    return contents.mined[0]


def fate(row, chosen):
    if row["dropped_by"] == "known_positives":
        return "positives"
    if row["dropped_by"] is not None:
        return "refused"
    return "chosen" if (row["query_id"], row["doc_id"]) in chosen else "kept"


def test_the_funnel_counts_every_candidate_once_overall_and_once_for_each_source(mined, candidates, negatives):
    frame = funnel(mined.funnel, mined.filters).frame()
    chosen = Counter(row["source"] for row in negatives)
    for row in frame.iter_rows(named=True):
        source = row["source"]
        whole = source == "all sources"
        names = ("bm25", "dense") if whole else (source,)
        rows = [each for each in candidates if any(each[f"rank.{name}"] is not None for name in names)]
        dropped = Counter(each["dropped_by"] for each in rows)
        assert row["candidates"] == len(rows)
        assert row["left"] == dropped[None]
        assert row["chosen"] == (len(negatives) if whole else chosen[source])
        for name in ("known_positives", "near_duplicate", "positive_margin"):
            assert row[f"refused by {name}"] == dropped[name]


def test_filters_stand_in_the_order_in_which_they_were_asked_and_unknown_ones_last():
    counts = {"candidates": 9, "queries": 1, "selected": 1, "eligible": 3, "sources": {}}
    counts["dropped"] = {"a_filter": 1, "known_positives": 2, "positive_margin": 1, "near_duplicate": 2}
    figure = funnel(counts, ["near_duplicate", "score_range", "positive_margin"])
    order = ["known_positives", "near_duplicate", "positive_margin", "a_filter"]
    assert figure.frame().columns == [
        "source",
        "candidates",
        *(f"refused by {name}" for name in order),
        "left",
        "chosen",
    ]
    drawn = re.findall(r">(?:refused by )?(\w+)</text>", str(figure.svg(720)))
    assert [name for name in drawn if name in order] == order


def test_each_score_has_its_distribution_by_fate(mined, candidates, negatives):
    chosen = {(row["query_id"], row["doc_id"]) for row in negatives}
    figures = list(hardness(mined.candidates, mined.negatives))
    assert [figure.key for figure in figures] == ["hardness-bm25", "hardness-dense"]
    for figure in figures:
        score, scores = figure.key.removeprefix("hardness-"), {}
        for row in candidates:
            if row[f"score.{score}"] is not None:
                scores.setdefault(fate(row, chosen), []).append(row[f"score.{score}"])
        assert {hill.kind: hill.middle for hill in figure.marks.hills} == pytest.approx(
            {group: median(values) for group, values in scores.items()}
        )
        frame = figure.frame()
        assert frame.height == BINS * len(scores)
        every = [value for values in scores.values() for value in values]
        low, step = min(every), (max(every) - min(every)) / BINS
        for group, values in scores.items():
            counted = Counter(min(int((value - low) // step), BINS - 1) for value in values)
            assert frame.filter(pl.col("group") == group)["pairs"].to_list() == [counted[at] for at in range(BINS)]


def test_a_score_that_is_the_same_everywhere_has_no_distribution():
    table = pl.DataFrame({"query_id": ["a", "b"], "doc_id": ["x", "y"], "score.one": [0.5, 0.5], "score.none": None})
    table = table.with_columns(dropped_by=pl.lit(None, pl.String))
    assert list(hardness(table.lazy(), table.clear().lazy())) == []


def test_queries_are_counted_by_their_negatives_those_without_any_too(mined, negatives):
    figure = supply(mined.negatives, n_queries=12, wanted=PER_QUERY)
    lengths = Counter(Counter(row["query_id"] for row in negatives).values())
    lengths[0] = 12 - sum(lengths.values())
    assert dict(figure.frame().iter_rows()) == {at: lengths[at] for at in range(PER_QUERY + 1)}
    short = sum(count for at, count in lengths.items() if at < PER_QUERY)
    assert short == mined.funnel["short_queries"]
    assert figure.lead.startswith(f"{short} of 12 queries")


def test_many_numbers_of_negatives_share_bars_that_hold_all_queries():
    negatives = pl.DataFrame({"query_id": [f"q{at}" for at in range(101) for _ in range(at)]})
    bars = supply(negatives.lazy(), n_queries=101, wanted=100).marks.counts
    assert len(bars) <= 17
    assert sum(count for _, count, _ in bars) == 101
    assert bars[0] == ("0–5", 6, "refused")
    assert bars[-1] == ("96–100", 5, "chosen")
