"""The tables behind the figures of quality, worked out again query by query."""

import re
from statistics import fmean

import polars as pl
import pytest

from hardneg.drawing.intervals import Intervals
from hardneg.reports.figures_of_quality import differences, pool_sizes, quality
from hardneg.reports.page import sections


def per_query(made, name):
    return dict(pl.read_parquet(made / "evaluation" / name / "per_query.parquet")["query_id", "nDCG@10"].iter_rows())


def over_seeds(made, row):
    one, other = (per_query(made, f"{row}-seed{seed}") for seed in (1, 2))
    return {query: (one[query] + other[query]) / 2 for query in one}


def first_answers(folder):
    """Rank of the best-placed answer of each query, read as text."""
    answers = {tuple(line.split()[::2][:2]) for line in (folder / "qrels.trec").read_text().splitlines()}
    found = {}
    for line in (folder / "run.trec").read_text().splitlines():
        query, _, document, rank, *_ = line.split()
        if (query, document) in answers:
            found.setdefault(query, int(rank))
    return found


def test_rows_stand_in_the_order_of_the_table_with_the_mean_of_their_seeds(made, contents):
    frame = quality(contents.rows).frame().filter(pl.col("measure") == "nDCG@10")
    assert frame["name"].to_list() == ["bm25", "zero-shot", "in-batch", "mined"]
    means = [fmean(per_query(made, name).values()) for name in ("bm25", "zero_shot")]
    means += [fmean(over_seeds(made, name).values()) for name in ("in_batch", "mined")]
    assert frame["value"].to_list() == pytest.approx(means)
    assert frame["seeds"].to_list() == [1, 1, 2, 2]
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()


def test_the_last_row_is_compared_with_each_other(made, contents):
    frame = differences(contents.rows).frame()
    after = over_seeds(made, "mined")
    before = [per_query(made, "bm25"), per_query(made, "zero_shot"), over_seeds(made, "in_batch")]
    assert frame["name"].to_list() == ["against bm25", "against zero-shot", "against in-batch"]
    assert frame["value"].to_list() == pytest.approx([fmean(after[q] - b[q] for q in after) for b in before])
    assert frame["wins"].to_list() == [sum(after[q] > b[q] for q in after) for b in before]


def test_each_query_has_its_gain_and_the_rank_of_its_first_answer(made, contents):
    figures = next(section.figures for section in sections(contents) if section.key == "queries")
    assert [figure.title for figure in figures] == [
        "Query by query: mined against zero-shot",
        "Query by query: mined against in-batch",
    ]
    frame = figures[0].frame()
    before, after = per_query(made, "zero_shot"), over_seeds(made, "mined")
    gains = {query: after[query] - before[query] for query in after}
    assert dict(frame["query_id", "difference"].iter_rows()) == pytest.approx(gains)
    assert frame["difference"].to_list() == sorted(gains.values(), reverse=True)
    for side, name in (("before", "zero_shot"), ("after", "mined-seed1")):
        ranks = dict(frame["query_id", f"rank_{side}"].iter_rows())
        assert ranks == first_answers(made / "evaluation" / name)
    won, lost = figures[0].extremes(2)
    assert won["difference"].to_list() == [value for value in sorted(gains.values(), reverse=True)[:2] if value > 0]
    assert lost["difference"].to_list() == [value for value in sorted(gains.values())[:2] if value < 0]


def test_a_value_without_an_interval_or_without_a_value_is_drawn_all_the_same():
    table = pl.DataFrame({"name": ["a", "b"], "value": [0.5, None], "low": [None, None], "high": [None, None]})
    parts, _ = Intervals(table.cast({"low": float, "high": float}), "nDCG@10").draw(340)
    drawn = "".join(parts)
    assert drawn.count("<circle") == 1
    assert ">b</text>" in drawn


def trained_with(sizes):
    values = [0.5 + 0.01 * at for at in range(len(sizes))]
    ends = {"low": [value - 0.1 for value in values], "high": [value + 0.1 for value in values]}
    return pl.DataFrame({"name": [f"a{size}" for size in sizes], "n_pool": sizes, "value": values, **ends})


def test_pools_stand_from_left_to_right_by_their_size_doubling_by_doubling():
    figure = pool_sizes(trained_with([16.0, 64.0, 32.0, 128.0]), measure="nDCG@10")
    assert "Pools of 16 to 128 documents." in figure.lead
    assert "a128.0 (128) stands highest: 0.5300 nDCG@10" in figure.lead
    upright = re.findall(r'<line x1="([\d.]+)" y1="[\d.]+" x2="\1" y2="[\d.]+" class="bar', str(figure.svg(720)))
    a, b, c, d = map(float, upright)
    assert a < b < c < d
    assert b - a == pytest.approx(c - b, abs=0.2) == pytest.approx(d - c, abs=0.2)


def test_pools_of_nearly_one_size_are_no_figure():
    assert pool_sizes(trained_with([31.0, 32.0, 33.0, 64.0]), measure="nDCG@10") is None
    assert pool_sizes(trained_with([16.0, 64.0, None]), measure="nDCG@10") is None
    assert pool_sizes(trained_with([16.0, 32.0, 64.0]).drop("n_pool"), measure="nDCG@10") is None
