"""Commands that use an LLM judge say what it will cost, and send nothing before that was agreed to."""

import io
import json
import sys

import pytest

from answer_toy import answer_toy
from hardneg.cli import main
from local_llm_server import KEY, serving, verdict

BM25 = ("--source", "bm25(analyzer='plain')", "--per-query", "2", "--depth", "8")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def llm():
    """Says yes where the document has the query's first word."""

    def answer(asked):
        return verdict("yes" if asked.text("query").split()[0] in asked.text("document").split() else "no")

    with serving(answer) as server:
        yield server


@pytest.fixture
def judge(llm):
    options = f"base_url={llm.base_url!r}, model='test', backoff_s=0.001, price_in=1000.0, price_out=1000.0"
    return f"llm_judge({options})"


@pytest.fixture
def judging(llm):
    scorer = {"use": "llm_judge", "base_url": llm.base_url, "model": "test", "backoff_s": 0.001}
    return f"teacher_threshold(scorer={scorer}, above=0.5)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return answer_toy(n_queries=20).write(tmp_path_factory.mktemp("llm") / "data")


@pytest.fixture
def mine(folder, judging, tmp_path):
    return ["mine", str(folder), "-o", str(tmp_path / "run"), *BM25, "--filter", judging]


@pytest.fixture
def answering(monkeypatch):
    def with_answer(text):
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm")

    return with_answer


def test_without_a_terminal_nothing_is_sent_unless_agreed_beforehand(mine, llm, capsys, refusal):
    said = refusal(*mine)
    assert "judge 'llm': " in said
    assert "0 of them judged before" in said
    assert "--yes" in said
    assert llm.asked == []
    assert main([*mine, "--yes", "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert f"hardneg: judge 'llm': {len(llm.asked)} pairs to judge" in shown.err
    assert json.loads(shown.out)["dropped"]["teacher_threshold"] > 0


def test_verdicts_that_are_all_there_need_no_agreement(mine, llm, folder, judging, tmp_path, capsys):
    assert main([*mine, "--yes"]) == 0
    n_asked = len(llm.asked)
    capsys.readouterr()
    assert main(["mine", str(folder), "-o", str(tmp_path / "again"), *BM25, "--filter", judging]) == 0
    assert f"{n_asked} pairs to judge, {n_asked} of them judged before" in capsys.readouterr().err
    assert len(llm.asked) == n_asked


def test_a_terminal_is_asked(mine, llm, answering, capsys):
    answering("n\n")
    assert main(mine) == 3
    assert llm.asked == []
    assert "go on? [y/N]" in sys.stderr.getvalue()
    assert "hardneg: nothing was sent\n" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""
    answering("y\n")
    assert main(mine) == 0
    assert llm.asked


@pytest.mark.parametrize("options", [("--audit-seeds", "1"), ("--truth-column", "topic")])
def test_an_audit_of_a_judging_filter_asks_first(tmp_path, llm, judging, refusal, hardneg_err, options):
    toy = answer_toy(n_queries=20, groups=[f"t{i}" for i in range(20)])
    folder = toy.write(tmp_path / "data")
    if options[0] == "--truth-column":
        documents = toy.documents.with_columns(topic=("t" + toy.documents["text"].str.extract(r"t(\d+)w")))
        queries = toy.queries.rename({"group": "topic"})
        folder = type(toy)(queries, documents, toy.qrels, name="data").write(tmp_path / "labelled")
    way = "judged" if options[0] == "--truth-column" else "planted"
    command = ("audit", way, folder, *BM25, "--filter", judging, *options)
    assert "--yes" in refusal(*command)
    assert llm.asked == []
    assert f"{_asked(hardneg_err(*command, '--yes'))} pairs" == f"{len(llm.asked)} pairs"


def test_a_frontier_and_a_calibration_with_a_judge_ask_first(tmp_path, llm, judge, refusal, hardneg_err):
    folder = answer_toy(n_queries=60).write(tmp_path / "data")
    frontier = ("audit", "frontier", folder, *BM25, "--audit-seeds", 1, "--max-queries", 5, "--scorer", judge)
    assert "--yes" in refusal(*frontier)
    calibrate = ("calibrate", folder, *BM25, "--budget", 0.5, "--seeds", 1, "--max-queries", 5, "--scorer", judge)
    assert "at the prices given" in refusal(*calibrate)
    assert llm.asked == []
    assert _asked(hardneg_err(*frontier, "--yes")) == len(llm.asked) > 0
    assert _asked(hardneg_err(*calibrate, "--yes")) == len(llm.asked)


def test_scoring_with_a_judge_asks_first(folder, tmp_path, llm, judge, refusal, hardneg_err):
    hardneg_err("mine", folder, "-o", tmp_path / "plain", *BM25)
    command = ("score", folder, "--negatives", tmp_path / "plain", "--scorer", judge)
    assert "--yes" in refusal(*command)
    assert llm.asked == []
    assert _asked(hardneg_err(*command, "--yes")) == len(llm.asked) > 0


def test_a_judged_sample_asks_first(folder, llm, judge, refusal, hardneg_err):
    command = ("audit", "sample", folder, *BM25, "--filter", "near_duplicate", "--sample", 10, "--threshold", 0.5)
    assert "10 pairs to judge" in refusal(*command, "--scorer", judge)
    assert llm.asked == []
    assert _asked(hardneg_err(*command, "--scorer", judge, "--yes")) == len(llm.asked) == 10


def test_a_run_asks_before_it_trains(bench, tmp_path, llm, refusal):
    text = (bench / "small.toml").read_text().replace('dataset = "data"', f'dataset = "{bench / "data"}"')
    text = text.replace('model = "tiny"', f'model = "{bench / "tiny"}"')
    judged = '\n[[filters]]\nuse = "teacher_threshold"\nabove = 0.5\n[filters.scorer]\nuse = "llm_judge"\n'
    judged += f'base_url = "{llm.base_url}"\nmodel = "test"\n\n[mine]'
    recipe = tmp_path / "judged.toml"
    recipe.write_text(text.replace("\n[mine]", judged))
    assert "--yes" in refusal("run", recipe, "-o", tmp_path / "run")
    assert llm.asked == []
    assert not (tmp_path / "run" / "training").exists()


@pytest.fixture
def taught(bench, tmp_path, llm):
    """Write a recipe whose teacher is a judge; returns its path."""

    def write(loss):
        text = (bench / "small.toml").read_text().replace('dataset = "data"', f'dataset = "{bench / "data"}"')
        text = text.replace('model = "tiny"', f'model = "{bench / "tiny"}"').replace(
            "[train]", f"[train]\nloss = {loss}"
        )
        text = text.replace('rows = ["bm25", "zero_shot", "in_batch"]', "rows = []")
        text += f'\n[[teachers]]\nuse = "llm_judge"\nbase_url = "{llm.base_url}"\nmodel = "test"\nbackoff_s = 0.001\n'
        (tmp_path / "taught.toml").write_text(text)
        return tmp_path / "taught.toml"

    return write


def test_a_run_taught_by_a_judge_shows_the_bill_before_anything_is_asked(taught, tmp_path, llm, refusal, capsys):
    recipe = taught('{ use = "kl", teacher_temperature = 0.1 }')
    said = refusal("run", recipe, "-o", tmp_path / "run")
    assert "judge 'llm': " in said
    assert "--yes" in said
    assert llm.asked == []
    assert not (tmp_path / "run" / "training").exists()
    assert main(["run", str(recipe), "-o", str(tmp_path / "run"), "--yes", "--quiet"]) == 0
    n_billed = int(capsys.readouterr().err.partition("judge 'llm': ")[2].partition(" ")[0])
    assert 0 < len(llm.asked) <= n_billed


def test_margins_of_a_judges_verdicts_are_refused_before_a_pair_is_paid_for(taught, tmp_path, llm, refusal):
    said = refusal("run", taught('"margin_mse"'), "-o", tmp_path / "run", "--yes")
    assert "'llm' squashes its scores between 0 and 1" in said
    assert "take kl with a teacher_temperature" in said
    assert llm.asked == []


@pytest.fixture
def hardneg_err(capsys):
    """Run a command that shall succeed; returns what it says on stderr."""

    def run(*arguments):
        assert main([*map(str, arguments), "--quiet"]) == 0
        return capsys.readouterr().err

    return run


def _asked(said):
    return int(said.partition("judge 'llm': ")[2].partition(" ")[0].replace(",", ""))
