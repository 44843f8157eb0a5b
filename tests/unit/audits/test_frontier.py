import re
from dataclasses import replace
from xml.etree import ElementTree

import polars as pl
import pytest

from hardneg.audits.frontier import frontier
from hardneg.audits.planted import audit_planted
from hardneg.audits.plot import check_plot, frontier_figure
from hardneg.audits.sweep import sweep
from hardneg.errors import InputError, RecipeError
from hardneg.filters import NearDuplicate, PositiveMargin, RankWindow
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.progress import showing
from hardneg.sources import BM25, Dense, Random
from labelled_toy import Ladder, labelled_toy
from watching import Watching

LISTS = tuple(tuple((q + j) % 50 for j in range(4)) if q % 2 else () for q in range(20))


def _plan(*filters, **changes):
    return replace(
        Plan("train", (Ladder(LISTS), Random()), filters, Selection(per_query=3, quotas={"ladder": 3}), depth=30),
        **changes,
    )


def _variants():
    return {
        "none": _plan(),
        "rank_window low=5": _plan(RankWindow("ladder", low=5)),
        "rank_window low=31": _plan(RankWindow("ladder", low=31, absent="drop")),
        "positive_margin ratio=0.97": _plan(PositiveMargin(ratio=0.97, score="ladder")),
    }


@pytest.mark.parametrize("block_size", [4096, 7])
def test_each_variant_is_audited_as_it_would_be_alone(block_size):
    dataset = labelled_toy()
    found = frontier(dataset, _variants(), seeds=(0, 1), block_size=block_size)
    for name, plan in _variants().items():
        alone = audit_planted(dataset, plan, seeds=(0, 1))
        assert found.audits[name].outcome.queries.equals(alone.outcome.queries)
        assert found.audits[name].as_dict() == alone.as_dict()


def test_settings_and_their_intervals_are_shown_and_intervals_drawn_once():
    with showing(display := Watching()):
        found = frontier(labelled_toy(), _variants(), seeds=(0, 1))
        first = found.frame()
        assert found.frame().equals(first)
    tried = ("trying settings", 4, "settings")
    assert display.tasks == [
        ("auditing", display.tasks[0][1], "queries"),
        tried,
        tried,
        ("drawing intervals", 8, "steps"),
    ]
    assert len(display.finished()) == 3


def test_equal_coverage_looks_at_queries_that_all_compared_variants_cover():
    found = frontier(labelled_toy(), _variants(), seeds=(0,))
    rows = {f"{row['filter']} {row['setting']}".strip(): row for row in found.frame().to_dicts()}
    assert not rows["rank_window low=31"]["compared"]
    assert rows["rank_window low=31"]["coverage"] < 0.9
    assert rows["rank_window low=31"]["equal_contamination"] is None
    compared = [name for name in rows if rows[name]["compared"]]
    assert compared == found.compared
    full = None
    for name in compared:
        queries = found.audits[name].outcome.queries
        covered = {query for query, is_full in queries.select("query", "full").iter_rows() if is_full}
        full = covered if full is None else full & covered
    assert found.n_equal == len(full)
    for name in compared:
        queries = [row for row in found.audits[name].outcome.queries.to_dicts() if row["query"] in full]
        expected = sum(row["hidden_selected"] for row in queries) / sum(row["selected"] for row in queries)
        assert rows[name]["equal_contamination"] == pytest.approx(expected)


def test_no_variant_compared_leaves_equal_coverage_empty():
    found = frontier(labelled_toy(), {"rank_window low=31": _variants()["rank_window low=31"]}, seeds=(0,))
    assert found.compared == []
    assert found.n_equal == 0
    assert found.frame()["equal_rank"].to_list() == [None]


def test_variants_must_share_their_candidates():
    with pytest.raises(RecipeError, match="'deep' has another split, source or depth"):
        frontier(labelled_toy(), {"none": _plan(), "deep": _plan(depth=40)})
    with pytest.raises(RecipeError, match="no variant"):
        frontier(labelled_toy(), {})


def test_the_sweep_tries_common_settings():
    plan = Plan("train", (BM25(),), (NearDuplicate(),), Selection())
    tried = sweep(plan)
    assert tried["recipe"] is plan
    assert tried["none"].filters == ()
    assert tried["rank_window.bm25 low=11"].filters == (RankWindow("bm25", low=11),)
    assert tried["positive_margin.ratio ratio=0.95"].filters == (PositiveMargin(ratio=0.95, score="bm25"),)
    assert not any(name.startswith(("score_range", "positive_margin.absolute")) for name in tried)
    dense = sweep(replace(plan, sources=(BM25(), Dense("model"))), further=(RankWindow("bm25", low=2),))
    margin = PositiveMargin(absolute=0.05, score="dense")
    assert dense["positive_margin.absolute absolute=0.05"].filters == (margin,)
    assert any(name.startswith("score_range high=") for name in dense)
    assert any(name.startswith("rank_window source='bm25', low=2") for name in dense)


@pytest.mark.parametrize("kind", ["svg", "html"])
def test_the_plot_is_drawn_and_the_same_each_time(tmp_path, kind):
    found = frontier(labelled_toy(), _variants(), seeds=(0,))
    drawn = [found.plot(tmp_path / f"{number}.{kind}").read_text() for number in (1, 2)]
    assert drawn[0] == drawn[1]
    svg = drawn[0][drawn[0].index("<svg ") : drawn[0].rindex("</svg>") + len("</svg>")]
    root = ElementTree.fromstring(svg)  # well-formed, and so a file that any viewer opens
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    shapes = [each.get("class", "") for each in root.iter() if each.get("class", "").startswith("marker")]
    kinds = found.frame()["filter"].n_unique()
    assert len(shapes) == kinds + found.frame().drop_nulls(["relative", "contamination"]).height
    assert "score by ladder, relative to the weakest positive →" in svg


def test_intervals_of_compared_settings_are_drawn_both_ways():
    equal = {"equal_relative": 0.8, "equal_contamination": 0.02}
    equal |= {"equal_relative_low": 0.7, "equal_relative_high": 0.9}
    equal |= {"equal_contamination_low": 0.01, "equal_contamination_high": 0.03}
    row = {"filter": "learned", "setting": "", "compared": True, "relative": 0.8, "contamination": 0.02} | equal
    bars = re.findall(r'<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" class="bar s0"/>', draw([row]))
    across, up = ([float(each) for each in bar] for bar in bars)
    assert across[1] == across[3]
    assert across[0] < across[2]
    assert up[0] == up[2]
    assert up[1] > up[3]
    alone = row | dict.fromkeys(("equal_relative", "equal_contamination")) | {"compared": False}
    assert 'class="bar' not in draw([alone])


def draw(rows):
    return str(frontier_figure(pl.DataFrame(rows)).svg(720))


@pytest.mark.parametrize("name", ["frontier.txt", "frontier.png", "frontier.pdf"])
def test_a_plot_that_cannot_be_is_refused_and_names_those_that_can(tmp_path, name):
    with pytest.raises(InputError, match=r"a plot is one of \.svg, \.html; give it such a name"):
        check_plot(tmp_path / name)
