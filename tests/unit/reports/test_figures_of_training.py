"""The tables behind the figures of training, costs and audits."""

from statistics import fmean

import polars as pl
import pytest

from hardneg.audits.plot import frontier_figure
from hardneg.data.findings import Finding
from hardneg.progress import duration
from hardneg.reports.figures_of_training import POINTS, costs, curves, refreshes, replacements


def finding(code):
    return Finding(code, "warning", "a title", "a detail", "a remedy", 1)


def test_neighbouring_steps_share_a_point_with_their_mean():
    records = [{"step": step, "loss": 1 / step, "n_pool": 8, "conflict": None} for step in range(1, 1001)]
    records[499] |= {"conflict": 0.4}
    figure = curves("mined-seed0", records, ())
    size = -(-1000 // POINTS)
    parts = [records[start : start + size] for start in range(0, 1000, size)]
    frame = figure.frame()
    assert frame["step"].to_list() == [part[-1]["step"] for part in parts]
    assert frame["loss"].to_list() == pytest.approx([fmean(each["loss"] for each in part) for part in parts])
    assert frame["conflict"].drop_nulls().to_list() == [0.4]
    assert figure.lead.startswith("1,000 steps;")
    assert curves("mined-seed0", [], ()) is None


def test_a_symptom_is_marked_on_the_panel_that_shows_it_even_if_nothing_moves_there():
    records = [{"step": step, "loss": 1 / step, "mask_rate": 0.3, "n_pool": 8} for step in range(1, 40)]
    plain, marked = (str(curves("m", records, found).svg(720)) for found in ((), (finding("HN034"),)))
    assert "mask took" not in plain
    assert "HN034" not in plain
    assert "mask took" in marked
    assert marked.count('class="marked"') == 1
    assert "HN034</text>" in marked


def test_the_share_of_replaced_negatives_is_that_of_those_looked_at():
    lines = [{"step": 5, "looked_at": 8, "replaced": 2, "seconds": 0.1}, {"step": 9, "looked_at": 0, "replaced": 0}]
    frame = replacements("m", lines).frame()
    assert frame["share_replaced"].to_list() == [0.25, None]
    assert refreshes("m", []) is None


def test_failed_refreshes_are_counted(contents):
    lines = [dict(line) for line in contents.trained[0].refreshes]
    lines[1] |= {"problem": "out of memory", "overlap": None, "old_score": None, "new_score": None}
    figure = refreshes("m", lines)
    assert figure.frame()["step"].to_list() == [20, 40]
    assert "1 of them failed (HN036)" in figure.lead
    assert "8.5 s" in figure.lead


def test_costs_are_added_up(contents):
    figure = costs(contents.stages)
    assert figure.frame()["wall_s"].sum() == pytest.approx(sum(each["wall_s"] for each in contents.stages.values()))
    assert duration(figure.frame()["wall_s"].sum()) in figure.lead
    assert [duration(seconds) for seconds in (0.42, 59.6, 300, 9000)] == ["0.4 s", "60 s", "5 min", "2.5 h"]


def test_compared_settings_are_drawn_at_equal_coverage_and_others_where_they_are():
    rows = [
        {"filter": "learned", "setting": "budget=0.01", "compared": True, "relative": 0.8, "contamination": 0.02}
        | {"equal_relative": 0.9, "equal_contamination": 0.03},
        {"filter": "none", "setting": "", "compared": False, "relative": 0.95, "contamination": 0.1}
        | {"equal_relative": None, "equal_contamination": None},
        {"filter": "empty", "setting": "", "compared": False, "relative": None, "contamination": 0.0}
        | {"equal_relative": None, "equal_contamination": None},
    ]
    table = pl.DataFrame(rows)
    figure = frontier_figure(table, best="learned budget=0.01", budget=0.01)
    assert figure.frame().equals(table)
    drawn = {name: [(each.x, each.y, each.hollow) for each in group] for name, group in figure.marks.groups.items()}
    assert drawn == {"learned": [(0.9, 0.03, False)], "none": [(0.95, 0.1, True)]}
    drawn = str(figure.svg(720))
    assert drawn.count('class="ring"') == 1
    assert drawn.count(" open") == 1
    assert "the hardest negatives come from learned budget=0.01" in figure.lead
