"""The verbs of the root do what the commands do, and take from a run what it says of itself."""

import inspect
import json
import subprocess
import sys

import polars as pl
import pytest

import hardneg as hn
from answer_toy import SharedWords, answer_toy
from hardneg.audits.sampled import JudgedSample
from hardneg.errors import DatasetError, InputError, RecipeError
from hardneg.verbs.audit import audit_filters, audit_sample

MINING = {"sources": ["bm25(analyzer='plain')"], "filters": [], "per_query": 2, "depth": 20}


@pytest.fixture(scope="module")
def toy():
    return answer_toy()


@pytest.fixture(scope="module")
def mined(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verbs")
    toy.write(folder / "data")
    data = hn.read_dataset(folder / "data")
    return hn.mine(data, **MINING, out=folder / "run")


def test_an_audit_lies_in_a_folder_where_its_report_shows_it(toy, tmp_path):
    pytest.importorskip("jinja2")
    result = hn.audit(toy, **MINING, seeds=2, share=0.5, out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "audit.json").read_text()) == json.loads(json.dumps(result.as_dict()))
    assert result.outcome.queries["seed"].unique().to_list() == [0, 1]
    page = hn.report(tmp_path / "run", examples=9)
    assert "How many answers came back as negatives" in page.read_text()


def test_settings_are_compared_and_samples_judged(toy, tmp_path):
    tried = audit_filters(toy, **MINING, seeds=1, floor=0.1)
    assert "none" in tried.frame()["filter"]
    path = audit_sample(toy, 5, write=tmp_path / "sample.csv", **MINING)
    assert path == tmp_path / "sample.csv"
    negatives = hn.mine(toy, **MINING)
    judged = audit_sample(toy, 5, negatives=negatives, scorer=SharedWords(), threshold=0.5)
    assert isinstance(judged, JudgedSample)
    assert judged.contamination.n == 5


def test_scores_lie_in_the_folder_of_what_was_mined(mined, toy):
    (one,) = hn.score(None, mined, SharedWords(name="judge"))
    assert one.path == mined.folder / "scores" / "judge.parquet"
    assert one.positives + mined.negatives.height == one.pairs
    (again,) = hn.score(mined.dataset, mined.folder, "answer_toy:SharedWords(name='again')")
    assert pl.read_parquet(again.path).drop("teacher").equals(pl.read_parquet(one.path).drop("teacher"))
    with pytest.raises(RecipeError, match="no run folder"):
        hn.score(toy, mined.negatives, SharedWords())


def test_an_export_needs_no_dataset_where_the_negatives_know_theirs(mined):
    first = hn.export(None, mined)
    assert first.columns == ["query", "positive", "negative"]
    assert hn.export(mined.dataset, mined.folder).equals(first)
    assert hn.export(mined.dataset, mined.negatives, split="train", form="triplet").equals(first)


def test_who_pays_is_asked_before_anything_is_done(toy, monkeypatch):
    asked = []

    def agree(bills):
        asked.append(bills)
        raise KeyboardInterrupt

    monkeypatch.setattr("hardneg.verbs.audit.audit_planted", lambda *_, **__: pytest.fail("the audit began"))
    with pytest.raises(KeyboardInterrupt):
        hn.audit(toy, **MINING, agree=agree)
    assert asked == [[]]


@pytest.mark.parametrize(
    "call",
    [
        lambda toy: hn.audit(toy, share=2),
        lambda toy: hn.audit(toy, seeds=0),
        lambda toy: hn.audit("data"),
        lambda toy: hn.audit(toy, judged="a.tsv", truth_column="topic"),
        lambda toy: hn.calibrate(toy, budget=1),
        lambda toy: hn.calibrate(toy, floor=2),
        lambda toy: hn.score(toy, 3, "cross_encoder(model='x')"),
        lambda toy: hn.score(toy, "run", "cross"),
        lambda toy: hn.export(None, pl.DataFrame({"query": [0], "document": [0]})),
        lambda toy: hn.report(3),
        lambda toy: hn.report("run", examples=0),
        lambda toy: audit_sample(toy, read="absent.csv"),
        lambda toy: audit_sample(toy, 5, scorer=SharedWords()),
    ],
)
def test_what_does_not_fit_is_one_line(toy, call):
    with pytest.raises(InputError) as refused:
        call(toy)
    assert "\n" not in str(refused.value)


def test_verbs_are_there_on_a_fresh_interpreter():
    code = "import hardneg as hn, sys; assert 'torch' not in sys.modules; print(hn.audit, hn.calibrate, hn.score)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "function audit" in done.stdout


def test_a_check_takes_what_was_read_or_the_place_of_it_and_says_what_cannot_be_read(toy, tmp_path):
    toy.write(tmp_path / "data")
    of_place = hn.check(tmp_path / "data", max_tokens=3)
    of_data = hn.check(hn.read_dataset(tmp_path / "data"), max_tokens=3)
    assert of_place.as_dict() == of_data.as_dict()
    assert of_place.n_queries == toy.n_queries
    with pytest.raises(DatasetError, match="no such file or folder") as caught:
        hn.check(tmp_path / "nowhere")
    assert [each.code for each in caught.value.findings] == ["HN028"]
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"query": "a question", "positive": "an answer"}\n{"query": \n')
    (broken,) = (each for each in hn.check(file).findings if each.code == "HN010")
    assert (broken.severity, broken.count) == ("error", 1)
    assert {each.severity for each in hn.check(file, skip_invalid=True).findings if each.code == "HN010"} == {"warning"}


@pytest.mark.parametrize("verb", [hn.audit, hn.calibrate])
def test_verbs_that_mine_list_every_key_of_mine(verb):
    mine, named = (inspect.signature(each).parameters for each in (hn.mine, verb))
    assert mine.keys() - {"verdicts", "out", "engine"} <= named.keys()
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in named.values())
