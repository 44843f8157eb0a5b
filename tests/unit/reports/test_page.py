"""The page as a whole: what is escaped, what is there, and how large it is."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace

import polars as pl
import pytest

from hardneg.data.findings import Finding
from hardneg.errors import RunError
from hardneg.reports.contents import Contents
from hardneg.reports.findings import all_findings
from hardneg.reports.headline import headline
from hardneg.reports.page import page, sections
from hardneg.reports.write import read_contents, write_report
from run_folder import NASTY, nasty_dataset, write_json


@pytest.fixture(scope="module")
def html(contents):
    return page(contents)


def without(made, tmp_path, *names):
    """A copy of the run without some of its parts."""
    shutil.copytree(made, tmp_path / "run", ignore=shutil.ignore_patterns(*names))
    return tmp_path / "run"


def keys(html):
    return re.findall(r'<section id="section-(\w+)"', html)


def test_markup_in_a_text_stays_text_wherever_it_is_shown(html):
    assert NASTY[:8] == "<script>"
    assert html.count("<script") == 2  # the page's own, and its data
    assert html.count("</script") == 2
    assert "<img" not in html
    assert "window.hacked" in html  # it is shown
    assert "\u2028" not in html.partition('id="data">')[2]
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])
    assert data["queries"]["q2"] == f"query {NASTY}"


def test_a_hostile_name_is_escaped_in_figures_and_tables_too(contents):
    hostile = '"><script>x</script>'
    mined = contents.mined[0]
    counts = mined.funnel | {"dropped": {hostile: 5}, "sources": {hostile: {"selected": 1, "candidates": 9}}}
    counts["sources"]["two"] = {"selected": 0}
    finding = Finding("HN030", "warning", hostile, hostile, hostile, 1, (hostile,))
    hostile_parts = {
        "name": hostile,
        "facts": [(hostile, hostile)],
        "notes": [hostile],
        "mined": [type(mined)(hostile, mined.candidates, mined.negatives, counts, (), 3, [finding])],
        "trained": [type(contents.trained[0])(hostile, contents.trained[0].records, [finding])],
        "stages": {hostile: {"wall_s": 1.0, "peak_gb": 1.0}},
        "machine": hostile,
    }
    shown = page(Contents(**hostile_parts))
    assert shown.count("<script") == 2
    assert hostile not in shown


def test_everything_a_run_holds_has_a_section(html):
    assert keys(html) == ["quality", "queries", "funnel", "hardness", "training", "costs"]
    assert html.count("<figure") == len(re.findall(r'class="wide"', html))
    assert 'id="examples"' in html


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (("evaluation", "training", "manifest.json", "recipe.toml"), ["funnel", "hardness"]),
        (("evaluation", "mining.json", "manifest.json"), ["training"]),
        (("training", "mining.json", "manifest.json"), ["quality", "queries"]),
    ],
)
def test_a_folder_with_a_part_of_a_run_gives_the_sections_that_it_has(made, tmp_path, missing, left):
    shown = page(read_contents(without(made, tmp_path, *missing)))
    assert keys(shown) == left
    assert ('id="examples"' in shown) == ("funnel" in left)


def test_the_folder_of_a_training_or_an_evaluation_alone_is_enough(made, tmp_path):
    training = read_contents(made / "training" / "mined-seed1")
    assert [each.model for each in training.trained] == ["mined-seed1"]
    assert headline(training).statement.startswith("60 steps")
    several = read_contents(made / "evaluation")
    assert {row.name: len(row.seeds) for row in several.rows} == {
        "bm25": 1,
        "zero_shot": 1,
        "in_batch": 2,
        "mined": 2,
    }
    alone = read_contents(made / "evaluation" / "bm25")
    assert [row.name for row in alone.rows] == ["bm25"]
    assert "nDCG@10" in headline(alone).statement


def test_half_mined_candidates_are_left_out_and_it_says_so(made, tmp_path):
    folder = without(made, tmp_path, "funnel.json")
    contents = read_contents(folder)
    assert not contents.mined
    assert contents.notes == ["Mining is not finished, and is left out."]
    assert keys(page(contents)) == ["quality", "queries", "training", "costs"]


def test_without_the_dataset_ids_are_shown_and_the_page_says_how_to_name_it(made, tmp_path):
    folder = without(made, tmp_path, "dataset")
    shown = page(read_contents(folder))
    assert "window.hacked" not in shown
    assert "--dataset" in shown
    assert "window.hacked" in page(read_contents(folder, dataset=nasty_dataset()))


def test_stages_each_have_their_figures(made, tmp_path):
    folder = without(made, tmp_path, "candidates", "negatives", "mining.json", "funnel.json")
    for name in ("first", "second-seed1"):
        for part in ("candidates", "negatives"):
            shutil.copytree(made / part, folder / "stages" / name / part)
        for file in ("mining.json", "funnel.json"):
            shutil.copy(made / file, folder / "stages" / name / file)
    contents = read_contents(folder)
    figures = [figure.key for section in sections(contents) for figure in section.figures]
    assert {"funnel-first", "supply-second-seed1", "hardness-first-dense"} <= set(figures)
    assert len(set(figures)) == len(figures)
    assert {entry["stage"] for entry in json.loads(re.search(r'id="data">(.*?)<', page(contents))[1])["entries"]} == {
        "first",
        "second-seed1",
    }


def test_every_figure_has_a_link_to_its_table(contents, html):
    links = dict(re.findall(r'download="([\w.-]+)\.csv" href="data:text/csv;charset=utf-8;base64,([\w+/=]*)"', html))
    figures = [figure for section in sections(contents) for figure in section.figures]
    assert set(links) == {figure.key for figure in figures} | {"examples"}
    for figure in figures:
        read = pl.read_csv(io.BytesIO(base64.b64decode(links[figure.key])))
        assert read.columns == figure.frame().columns
        assert read.height == figure.frame().height


def test_a_long_table_is_cut_in_its_link_and_the_page_says_so(contents):
    stages = {f"{'漢' * 200} {at}": {"wall_s": float(at), "peak_gb": 1.0} for at in range(3_000)}
    shown = page(Contents("long", stages=stages, trained=contents.trained * 5))
    link, said = re.search(r'download="costs.csv" href="[^,]*,([\w+/=]*)">(.*?)</a>', shown).groups()
    rows = pl.read_csv(io.BytesIO(base64.b64decode(link)))
    assert len(link) <= 200_000
    assert 100 < rows.height < 3_000
    assert f"(first {rows.height:,} rows)" in said
    assert shown.count('id="curves-') == 12
    assert "8 further trainings are not drawn" in shown


def test_pictures_say_what_they_show_to_those_who_cannot_see_them(html):
    pictures = re.findall(r"<svg [^>]*>", html)
    assert len(pictures) == 2 * html.count("<figure")
    for picture in pictures:
        assert 'role="img"' in picture
        assert re.search(r'aria-label="[^"]{20,}"', picture)


def test_the_page_loads_nothing(html):
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', html) == []
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_the_same_folder_gives_the_same_bytes(made, tmp_path):
    one, other = (write_report(made, out=tmp_path / name).read_bytes() for name in ("one.html", "other.html"))
    assert one == other
    assert len(one) < 3e6


def test_a_ladder_and_audits_are_shown_where_they_are(made, tmp_path):
    figure = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 6, "seeds": [0.5], "sd": None}
    rungs = [
        {"name": "zero_shot", "state": "done", "test": {"nDCG@10": figure}, "dev": None, "cost": {"seconds": 0.0}},
        {"name": "bm25", "state": "failed", "test": None, "dev": None, "cost": {"seconds": 2.0}},
        {"name": "random", "state": "done", "test": None, "dev": {"nDCG@10": figure | {"value": 0.55}}, "cost": {}},
    ]
    pair = {"after": "random", "before": "zero_shot", "difference": 0.05, "low": -0.01, "high": 0.1, "p_value": 0.2}
    write_json(tmp_path / "ladder.json", {"measure": "nDCG@10", "rungs": rungs, "comparisons": [pair]})
    share = {"value": 0.03, "low": 0.02, "high": 0.04, "n": 100}
    write_json(tmp_path / "audit.json", {"figures": {"contamination": share}, "caveats": ["A lower bound."]})
    contents = read_contents(tmp_path)
    by_key = {figure.key: figure for section in sections(contents) for figure in section.figures}
    assert by_key["ladder"].frame()["value"].to_list() == [0.5, None, 0.55]
    assert by_key["ladder"].frame()["split"].to_list() == ["test", None, "dev"]
    assert by_key["climbs"].frame()["value"].to_list() == [0.05]
    assert by_key["audit"].frame()["value"].to_list() == [0.03]
    shown = page(contents)
    assert "A lower bound." in shown
    assert headline(contents).statement == "random stands highest of 2 rungs: 0.550 nDCG@10 on the dev queries."
    cards = {card.name: card.value for card in headline(contents).cards}
    minus = "\N{MINUS SIGN}"
    assert cards == {"Gained": "+0.050", "How sure": f"{minus}0.010 to +0.100", "Answers among them": "3 %"}
    found = {"measure": "nDCG@10", "rungs": rungs, "comparisons": [], "best_on_dev": "zero_shot"}
    write_json(tmp_path / "ladder.json", found)
    said = "zero-shot is best on the development queries: 0.500 nDCG@10 on the test queries."
    assert headline(read_contents(tmp_path)).statement == said


def test_where_no_training_helps_the_page_says_so_and_goes_into_the_best_of_them(tmp_path):
    def rung(name, value, dev, **more):
        test = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 6, "seeds": [value], "sd": None}
        figures = {"test": {"nDCG@10": test}, "dev": {"nDCG@10": test | {"value": dev}}}
        return {"name": name, "state": "done", "cost": {"seconds": 60.0, "peak_gb": 1.0}} | figures | more

    rungs = [rung("bm25", 0.7, 0.7, trained=False), rung("zero_shot", 0.5, 0.5, trained=False)]
    rungs += [rung("random", 0.6, 0.6), rung("mix", 0.62, 0.55)]
    names = [("bm25", "zero_shot"), ("zero_shot", "random"), ("zero_shot", "mix")]
    pairs = [
        {"after": after, "before": before, "difference": 0.1, "low": 0.05, "high": 0.2, "p_value": 0.01}
        | {"p_corrected": 0.02, "wins": 3, "ties": 2, "losses": 1}
        for before, after in names
    ]
    found = {"measure": "nDCG@10", "rungs": rungs, "comparisons": pairs, "best_on_dev": "bm25"}
    write_json(tmp_path / "ladder.json", found)
    said = headline(read_contents(tmp_path))
    assert said.statement == "bm25 is best on the development queries: 0.700 nDCG@10 on the test queries."
    assert said.further == ("Of the trained rungs random is best: 0.600 nDCG@10.",)
    assert said.cards[0].detail == "nDCG@10, random against zero-shot; 3 queries better, 1 worse"


def test_the_facts_of_a_ladder_come_from_its_own_file(tmp_path):
    rungs = [{"name": "bm25", "steps": {}}, *({"name": name, "steps": {"0": 1_200, "1": 1_200}} for name in "ab")]
    counts = {"name": "shop", "documents": 40_000, "train_pairs": 900, "test_queries": 70}
    known = {"dataset": counts, "model": "tiny", "seeds": [0, 1], "versions": {"hardneg": "9.1"}, "machine": "a box"}
    ladder = {"measure": "nDCG@10", "rungs": rungs, "comparisons": []} | known
    write_json(tmp_path / "ladder.json", ladder)
    contents = read_contents(tmp_path)
    assert dict(contents.facts) == {
        "dataset": "shop",
        "model": "tiny",
        "documents": "40,000",
        "training pairs": "900",
        "test queries": "70",
        "seeds": "0, 1",
        "steps": "1,200",
        "hardneg": "9.1",
        "machine": "a box",
    }
    assert "<dd>40,000</dd>" in page(contents)
    rungs[1]["steps"]["1"] = 1_100
    write_json(tmp_path / "ladder.json", ladder)
    assert "steps" not in dict(read_contents(tmp_path).facts)


def test_folders_without_anything_to_report_are_refused(tmp_path):
    with pytest.raises(RunError, match="holds nothing to report"):
        read_contents(tmp_path)
    with pytest.raises(RunError, match="is no folder"):
        read_contents(tmp_path / "missing")


def test_another_dataset_is_refused(made):
    other = nasty_dataset()
    other = type(other)(other.queries, other.documents.head(29), other.qrels.filter(pl.col("document") < 29), "other")
    with pytest.raises(RunError, match="belongs to other data than other"):
        read_contents(made, dataset=other)


@pytest.mark.parametrize("name", ["loss.jsonl", "refresh.jsonl", "findings.json"])
def test_a_damaged_record_is_named(made, tmp_path, name):
    folder = without(made, tmp_path)
    (folder / "training" / "mined-seed1" / name).write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(RunError, match=r"mined-seed1.* (is damaged|cannot be read)"):
        read_contents(folder)


@pytest.mark.parametrize("value", [[], "x", {}])
def test_a_figure_that_is_none_is_refused_in_one_message(made, tmp_path, value):
    folder = without(made, tmp_path)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["stages"] = {name: {key: value for key in cost} for name, cost in manifest["stages"].items()}
    path.write_text(json.dumps(manifest))
    (folder / ".checksums").unlink(missing_ok=True)
    with pytest.raises(RunError, match=str(folder)):
        write_report(folder)


def test_a_curve_without_end_is_refused_in_one_message(made, tmp_path):
    folder = without(made, tmp_path)
    for path in folder.rglob("loss.jsonl"):
        lines = [
            json.loads(line) | {"loss": float("inf"), "step": float("inf")} for line in path.read_text().splitlines()
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        (path.parent / ".checksums").unlink(missing_ok=True)
    with pytest.raises(RunError, match=str(folder)):
        write_report(folder)


def test_damaged_candidates_are_named_and_the_old_report_stays(made, tmp_path):
    folder = without(made, tmp_path)
    place = write_report(folder)
    before = place.read_bytes()
    (folder / "candidates" / "part-00001.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(RunError, match=r"part-00001\.parquet is damaged"):
        write_report(folder)
    assert place.read_bytes() == before


def test_a_gain_is_told_with_its_cost_and_how_sure_it_is(contents):
    found = headline(contents)
    assert [card.name for card in found.cards] == ["Gained", "At what cost", "How sure", "Refused"]
    refused = sum(contents.mined[0].funnel["dropped"].values())
    assert f"({refused})" in found.cards[3].detail
    assert len(found.further) == 2


def test_the_same_symptom_in_several_trainings_is_one_finding(contents):
    found = {each.finding.code: each for each in all_findings(contents)}
    assert [where for where, _ in found["HN035"].places] == [
        "training in_batch-seed1",
        "training in_batch-seed2",
        "training mined-seed1",
        "training mined-seed2",
    ]
    assert found["HN002"].finding.count == contents.mined[0].funnel["short_queries"] == 4


def test_a_row_that_is_worse_than_the_untrained_model_is_a_finding(contents):
    rows = {row.name: row for row in contents.rows}
    low = rows["zero_shot"].seeds[0].with_columns(pl.col("nDCG@10") * 0.5)
    worse = type(rows["mined"])("mined", [low])
    found = all_findings(Contents("x", rows=[rows["zero_shot"], worse]))
    assert [each.finding.code for each in found] == ["HN006"]
    assert "zero-shot" in found[0].finding.title
    assert all_findings(Contents("x", rows=[worse, rows["zero_shot"]])) == []


def test_a_finding_of_many_trainings_is_told_twice_and_the_rest_folded_away(contents):
    finding = Finding("HN035", "warning", "a title", "the gradients agree", "a remedy", 1)
    trained = [replace(contents.trained[0], model=f"rung{at}-seed0", findings=[finding]) for at in range(5)]
    shown, _, folded = page(replace(contents, trained=trained)).partition("3 more like it</summary>")
    assert [f"training rung{at}-seed0:</span>" in shown for at in range(5)] == [True, True, False, False, False]
    assert all(f"training rung{at}-seed0:</span>" in folded for at in (2, 3, 4))
