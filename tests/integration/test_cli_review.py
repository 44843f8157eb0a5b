"""The review from the command line to what mining makes of it; the page itself is in test_review_page.py."""

import json
import os
import signal
from urllib.request import Request, urlopen

import polars as pl
import pytest

from hardneg.cli import main
from review_server import reviewing

BM25 = ["--source", "bm25(analyzer='plain')", "--source", "random", "--per-query", "3", "--depth", "9", "--quiet"]


@pytest.fixture
def run(bench, tmp_path):
    assert main(["mine", str(bench / "data"), "-o", str(tmp_path / "run"), *BM25, "--filter", "near_duplicate"]) == 0
    return tmp_path / "run"


def ask(address, path, **given):
    url = address.partition("?")[0] + path
    body = json.dumps({"reviewer": "anna", **given}).encode()
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=60) as answer:
        return json.loads(answer.read())


def test_no_verdict_is_lost_to_kill_9_and_the_same_command_goes_on(run, bench, tmp_path, hardneg, capsys):
    capsys.readouterr()
    settings = ["--suspects", 6, "--sample", 6, "--reviewer", "anna"]
    with reviewing(run, *settings) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert address.endswith("/?reviewer=anna")
        for verdict in ("answer", "not_answer", "unsure"):
            last = ask(address, "verdict", pair=ask(address, "next")["pair"]["pair"], verdict=verdict)
        os.kill(process.pid, signal.SIGKILL)
    with reviewing(run, *settings) as (again, process):
        assert again.rpartition("/")[0] != address.rpartition("/")[0]  # a token of its own
        found = ask(again, "next")
        assert found["figures"] == last["figures"]
        assert found["pair"]["pair"] == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    exported = hardneg("review", run, "--export", tmp_path / "verdicts.jsonl")
    assert (exported["rows"], exported["judged"], exported["answers"]) == (3, 3, 1)
    rows = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert [row["answer"] for row in rows] == ["yes", "no", ""]

    for place in (tmp_path / "verdicts.jsonl", run):
        out = tmp_path / f"again-{place.name}"
        mined = hardneg(
            "mine", bench / "data", "-o", out, *BM25[:-1], "--filter", "near_duplicate", "--verdicts", place
        )
        assert mined["verdicts"] == {"answers": 1, "not_answers": 1, "open": 1, "known": 0, "elsewhere": 0}
        assert mined["found_positives"] == 1
        negatives = pl.read_parquet(out / "negatives" / "*.parquet")
        assert negatives.filter(query_id=rows[0]["query_id"], doc_id=rows[0]["doc_id"]).is_empty()


def test_the_end_of_the_terminal_ends_a_review_without_a_word(run):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a process that ignores it hands that on
    try:
        with reviewing(run, "--reviewer", "anna") as (address, process):
            ask(address, "verdict", pair=ask(address, "next")["pair"]["pair"], verdict="unsure")
            process.send_signal(signal.SIGHUP)
            assert process.wait(60) == 0
            assert process.stderr.read() == ""
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_review_without_a_page_exports_and_says_what_it_knows(run, tmp_path, capsys):
    capsys.readouterr()
    assert main(["review", str(run), "--export", str(tmp_path / "v.csv"), "--suspects", "5", "--sample", "5"]) == 0
    assert "0 judged pairs written" in capsys.readouterr().out


def test_bad_input_is_one_line_and_exit_code_2(run, tmp_path, capsys, refusal):
    capsys.readouterr()
    out = ["--export", tmp_path / "v.csv"]
    assert "is no folder" in refusal("review", tmp_path / "nowhere", *out)
    assert "holds nothing that was mined" in refusal("review", tmp_path, *out)
    assert "a .csv or a .jsonl file" in refusal("review", run, "--export", tmp_path / "v.txt")
    assert "nothing is known of 'teacher'" in refusal("review", run, *out, "--order", "teacher")
    assert "--overlap is 3.0" in refusal("review", run, *out, "--overlap", "3")
    assert "judge some with `hardneg review` first" in refusal("review", run, *out, "--verdicts", tmp_path)
