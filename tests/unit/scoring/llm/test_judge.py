import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import MissingExtraError, RecipeError, RunError
from hardneg.progress import showing
from hardneg.scoring import Scorer, stored_scores
from hardneg.scoring.protocol import Fingerprinted, SelfStoring
from local_llm_server import KEY, problem, says, verdict

TESTS = Path(__file__).parents[3]


def rows(cache):
    with sqlite3.connect(cache / "verdicts" / "verdicts.sqlite") as connection:
        return connection.execute("SELECT * FROM verdicts").fetchall()


def asked_about(server):
    return Counter((each.text("query"), each.text("document")) for each in server.asked)


def test_scores_are_the_verdicts_in_the_order_of_the_rows(judge, llm, dataset, pairs, expected):
    order = np.random.default_rng(0).permutation(60)
    found = judge().score(dataset, pairs[0][order], pairs[1][order])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected(pairs[1][order]))
    assert 0 < found.mean() < 1
    assert len(llm.asked) == 60
    assert set(asked_about(llm).values()) == {1}


def test_it_is_a_scorer_that_keeps_its_own_scores(judge, llm, dataset, pairs, expected, cache):
    assert isinstance(judge(), Scorer)
    assert isinstance(judge(), Fingerprinted)
    assert isinstance(judge(), SelfStoring)
    np.testing.assert_array_equal(stored_scores(judge(), dataset, *pairs), expected(pairs[1]))
    assert len(llm.asked) == 60
    assert not (cache / "scores").exists()


def test_a_request_is_what_the_protocol_asks_for(judge, llm, dataset, pairs):
    judge(max_answer_tokens=99).score(dataset, pairs[0][:1], pairs[1][:1])
    asked = llm.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == "test-model"
    assert asked.body["temperature"] == 0
    assert asked.body["max_tokens"] == 99
    schema = asked.body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["verdict"]["enum"] == ["yes", "no"]
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert asked.text("query") == dataset.query_texts[0]
    assert asked.text("document") == dataset.document_texts[0]


def test_settings_that_are_none_are_not_sent(judge, llm, dataset, pairs):
    judge(temperature=None).score(dataset, pairs[0][:1], pairs[1][:1])
    assert set(llm.asked[0].body) == {"model", "messages", "response_format"}


def test_grades_are_thirds(judge, llm, dataset, pairs):
    llm.script = lambda asked: verdict(len(asked.text("document")) % 4)
    found = judge(answer="graded").judge(dataset, *pairs)
    grades = [len(text) % 4 for text in dataset.document_texts.gather(pairs[1])]
    assert found["verdict"].to_list() == [str(grade) for grade in grades]
    np.testing.assert_allclose(found["score"], np.array(grades) / 3, rtol=1e-6)
    assert llm.asked[0].body["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"] == [
        0,
        1,
        2,
        3,
    ]


def test_judge_gives_a_table_with_words(judge, llm, dataset, pairs, expected):
    llm.script = lambda asked: verdict("no", f"about {asked.text('document')[:5]}")
    found = judge().judge(dataset, *pairs)
    assert found.columns == ["query", "document", "verdict", "score", "reason"]
    assert found.select("query", "document").rows() == list(zip(*(each.tolist() for each in pairs), strict=True))
    assert found["verdict"].unique().to_list() == ["no"]
    assert found["reason"].to_list() == [f"about {text[:5]}" for text in dataset.document_texts.gather(pairs[1])]


def test_no_rows_ask_nothing(judge, llm, dataset, pairs):
    assert judge().score(dataset, pairs[0][:0], pairs[1][:0]).shape == (0,)
    assert judge().judge(dataset, pairs[0][:0], pairs[1][:0]).schema["verdict"] == pl.String
    assert not llm.asked


def test_each_content_is_judged_once_whatever_the_address_or_the_ids(judge, llm, dataset, pairs):
    first = judge().score(dataset, np.repeat(pairs[0], 2), np.repeat(pairs[1], 2))
    assert len(llm.asked) == 60
    turned = Dataset.from_tables(
        dataset.queries.reverse().with_columns(id=pl.format("x{}", "id")),
        dataset.documents.reverse().with_columns(id=pl.format("x{}", "id")),
        pl.DataFrame({"query_id": ["xq0"], "doc_id": ["xd0"], "relevance": [1], "split": ["train"]}),
    )
    elsewhere = judge(base_url="http://127.0.0.1:9/v1", concurrency=1, name="other")
    again = elsewhere.score(turned, np.int32(23) - pairs[0], np.int32(39) - pairs[1])
    np.testing.assert_array_equal(again, first[::2])
    assert len(llm.asked) == 60


@pytest.mark.parametrize(
    "change", [{"model": "other"}, {"answer": "graded"}, {"temperature": 0.5}, {"max_answer_tokens": 7}, {"prompt": 1}]
)
def test_what_decides_a_verdict_is_in_fingerprint_and_cache(judge, llm, dataset, pairs, change, tmp_path):
    one = tuple(each[:1] for each in pairs)
    if "prompt" in change:
        change = {"prompt": tmp_path / "mine.txt"}
        change["prompt"].write_text("Is {document} good for {query}?")
    judge().score(dataset, *one)
    assert judge(**change).fingerprint() != judge().fingerprint()
    assert judge(**change).estimate(dataset, *one).n_cached == 0
    other = {
        "base_url": "http://x/v1",
        "concurrency": 1,
        "max_retries": 0,
        "api_key_env": "X",
        "name": "y",
        "price_in": 1.0,
    }
    assert judge(**other).fingerprint() == judge().fingerprint()
    assert judge(**other).estimate(dataset, *one).n_cached == 1


def test_a_prompt_file_that_changes_is_another_judge(judge, dataset, pairs, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("Is {document} good for {query}?")
    before = judge(prompt=path).fingerprint()
    path.write_text("Is {document} bad for {query}?")
    assert judge(prompt=str(path)).fingerprint() != before


def test_a_cut_pays_again_only_for_what_it_changes(judge, llm, dataset, pairs):
    lengths = np.array([len(text) for text in dataset.document_texts.gather(pairs[1])])
    cut = int(np.median(lengths))
    judge().score(dataset, *pairs)
    judge(max_document_characters=cut).score(dataset, *pairs)
    assert len(llm.asked) == 60 + (lengths > cut).sum()
    assert {len(each.text("document")) for each in llm.asked[60:]} == {cut}
    assert judge(max_document_characters=cut).fingerprint() != judge().fingerprint()


def test_a_record_holds_verdict_answer_reason_usage_and_time(judge, dataset, pairs, cache):
    judge().score(dataset, pairs[0][:1], pairs[1][:1])
    (pair, model, answer, said, reason, raw, tokens_in, tokens_out, judged_at) = rows(cache)[0]
    assert (len(pair), model, answer, reason) == (16, "test-model", "yes_no", "because")
    assert json.loads(raw) == {"reason": "because", "verdict": said}
    assert (tokens_in, tokens_out) == (200, 12)
    assert judged_at.endswith("+00:00")


def test_no_more_requests_at_once_than_allowed_and_not_fewer(judge, llm, dataset, pairs):
    llm.script = lambda asked: verdict("yes", hold=0 < asked.number < 6)
    scoring = threading.Thread(target=lambda: judge(concurrency=5).score(dataset, *pairs))
    scoring.start()
    llm.wait_for(6)  # one alone, then five that are held back
    llm.let_go.set()
    scoring.join()
    assert llm.most_at_once == 5


def test_the_first_request_goes_alone(judge, llm, dataset, pairs):
    llm.script = lambda asked: verdict("yes", hold=asked.number == 0)
    scoring = threading.Thread(target=lambda: judge().score(dataset, *pairs))
    scoring.start()
    llm.wait_for(1)
    scoring.join(0.2)
    assert len(llm.asked) == 1
    llm.let_go.set()
    scoring.join()
    assert len(llm.asked) == 60


def test_after_a_kill_only_what_is_missing_is_asked(judge, llm, dataset, pairs, expected, cache):
    rule = llm.script
    llm.script = lambda asked: verdict("yes", hold=True) if asked.number >= 20 else rule(asked)
    script = f"""
        import numpy as np
        from hardneg.scoring.llm.judge import LLMJudge
        from toy import toy_dataset
        pairs = (each.astype(np.int32) for each in np.divmod(np.arange(60), 10))
        LLMJudge({llm.base_url!r}, "test-model", concurrency=4).score(toy_dataset(), *pairs)
    """
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=environment) as process:
        llm.wait_for(24)  # all four workers are held back: the verdicts of the first 20 were kept before
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(rows(cache)) == 20
    answered = {(each.text("query"), each.text("document")) for each in llm.asked[:20]}
    llm.script = rule
    llm.asked.clear()
    np.testing.assert_array_equal(judge().score(dataset, *pairs), expected(pairs[1]))
    assert len(llm.asked) == 40
    assert not answered & set(asked_about(llm))


def test_ctrl_c_cancels_open_requests_and_keeps_what_is_judged(llm, cache):
    llm.script = lambda asked: verdict("yes", hold=asked.number >= 20)
    script = f"""
        import signal
        import numpy as np
        from hardneg.scoring.llm.judge import LLMJudge
        from toy import toy_dataset
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a parent ignores it
        pairs = (each.astype(np.int32) for each in np.divmod(np.arange(60), 10))
        try:
            LLMJudge({llm.base_url!r}, "test-model", concurrency=4, timeout_s=50.0).score(toy_dataset(), *pairs)
        except KeyboardInterrupt:
            print("stopped")
    """
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        llm.wait_for(24)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)  # while the server still holds the four requests back
    assert (out, err, process.returncode) == ("stopped\n", "", 0)
    assert len(rows(cache)) == 20
    assert len(llm.asked) == 24


def test_it_works_inside_a_running_event_loop(judge, dataset, pairs, expected):
    import asyncio

    async def cell():
        return judge().score(dataset, *pairs)

    np.testing.assert_array_equal(asyncio.run(cell()), expected(pairs[1]))


def test_progress_counts_pairs_those_judged_before_too(judge, dataset, pairs):
    seen = []

    class Display:
        @contextmanager
        def task(self, description, *, total, unit):
            seen.append([description, total, unit, 0])

            def advance(n):
                seen[-1][3] += n

            yield advance

    judge().score(dataset, pairs[0][:10], pairs[1][:10])
    with showing(Display()):
        judge().score(dataset, *pairs)
        judge().score(dataset, *pairs)
    assert seen == [["judging pairs", 60, "pairs", 60]]


def test_the_estimate_counts_what_is_left_and_sends_nothing(judge, llm, dataset, pairs):
    judge().score(dataset, pairs[0][:10], pairs[1][:10])
    sent = len(llm.asked)
    priced = judge(price_in=2.0, price_out=8.0)
    found = priced.estimate(dataset, np.tile(pairs[0], 2), np.tile(pairs[1], 2))
    assert len(llm.asked) == sent
    judge().score(dataset, *pairs)
    lengths = [sum(len(part["content"]) for part in each.body["messages"]) for each in llm.asked[sent:]]
    assert (found.n_pairs, found.n_cached) == (60, 10)
    assert found.tokens_in == sum(-(-length // 4) for length in lengths)
    assert found.tokens_out == 50 * 50
    assert found.price == pytest.approx((found.tokens_in * 2 + found.tokens_out * 8) / 1e6)
    assert "characters / 4" in str(found)
    assert judge(price_in=2.0).estimate(dataset, *pairs).price is None
    assert "no price was given" in str(judge().estimate(dataset, *pairs))
    assert judge(price_in=2.0, price_out=8.0).estimate(dataset, *pairs).price == 0
    assert judge(model="b", max_answer_tokens=5).estimate(dataset, *pairs).tokens_out == 300


def test_pairs_without_a_verdict_are_named_after_all_others_are_judged(judge, llm, dataset, pairs, expected, cache):
    rule = llm.script
    bad = {dataset.document_texts[1]: says("I cannot tell"), dataset.document_texts[2]: says(None, refusal="I won't")}
    bad[dataset.document_texts[3]] = problem(400, "too long for this model")
    llm.script = lambda asked: bad.get(asked.text("document")) or rule(asked)
    with pytest.raises(RunError) as caught:
        judge().score(dataset, *pairs)
    message = str(caught.value)
    assert "'llm' has no verdict for 18 of 60 pairs" in message
    assert "for 6 the answer was malformed (first: no valid verdict in 'I cannot tell')" in message
    assert "for 12 the request or the answer was refused" in message
    assert "The other 42 verdicts are kept in" in message
    assert "run the same command again" in message
    assert len(rows(cache)) == 42
    counts = {text: sum(each.text("document") == text for each in llm.asked) for text in bad}
    assert list(counts.values()) == [18, 6, 12]  # asked three times; never again; again without the schema
    llm.script = rule
    llm.asked.clear()
    np.testing.assert_array_equal(judge().score(dataset, *pairs), expected(pairs[1]))
    assert len(llm.asked) == 18


def test_a_server_that_is_down_is_not_asked_about_every_pair(judge, llm, dataset, pairs):
    llm.script = lambda asked: problem(503, "overloaded") if asked.number >= 20 else verdict("yes")
    with pytest.raises(RunError, match=r"no verdict for 40 of 60 pairs: for \d+ the server gave no answer") as caught:
        judge(max_retries=1).score(dataset, *pairs)
    assert "HTTP 503: overloaded" in str(caught.value)
    assert "were not asked about" in str(caught.value)
    assert len(llm.asked) <= 20 + 2 * (5 + 3)  # five in a row, and what was under way


def test_a_model_that_cannot_answer_is_not_asked_about_every_pair(judge, llm, dataset):
    llm.script = lambda asked: says("hm")
    query, document = (each.astype(np.int32) for each in np.divmod(np.arange(240), 40))
    with pytest.raises(RunError, match=r"no verdict for 240 of 240 pairs: .* were not asked about"):
        judge(max_retries=0).score(dataset, query, document)
    assert 50 <= len(llm.asked) < 54


def test_without_the_package_the_error_names_the_extra(judge, llm, dataset, pairs, monkeypatch):
    monkeypatch.setattr("hardneg.scoring.llm.judge.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hardneg\[llm\]'"):
        judge().score(dataset, *pairs)
    assert judge().estimate(dataset, *pairs).n_pairs == 60
    assert not llm.asked


def test_a_damaged_cache_is_named_and_kept_aside(judge, llm, dataset, pairs, cache, caplog):
    path = cache / "verdicts" / "verdicts.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 500)
    judge().score(dataset, *pairs)
    assert f"{path} is damaged; 0 rows of it could be read" in caplog.text
    assert path.with_name("verdicts.sqlite.damaged").read_bytes() == b"no database" * 500


def test_a_flipped_bit_costs_one_verdict(judge, llm, dataset, pairs, cache, caplog):
    before, asked = judge().score(dataset, *pairs), len(llm.asked)
    path = cache / "verdicts" / "verdicts.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE verdicts SET verdict = 'perhaps' WHERE pair = (SELECT min(pair) FROM verdicts)")
    connection.close()
    np.testing.assert_array_equal(judge().score(dataset, *pairs), before)
    assert len(llm.asked) == asked + 1
    assert "1 verdicts of it are asked for again" in caplog.text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"answer": "maybe"}, "yes_no or graded"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"max_retries": -1}, "max_retries is -1"),
        ({"max_document_characters": 0}, "max_document_characters"),
        ({"price_in": -1.0}, "price_in"),
        ({"prompt": "nowhere.txt"}, "cannot be read"),
        ({"base_url": "localhost:8000/v1"}, "set it to an address like"),
        ({"base_url": "ftp://host/v1"}, "set it to an address like"),
    ],
)
def test_options_out_of_range_are_refused(judge, option, words):
    with pytest.raises(RecipeError, match=words):
        judge(**option)


def test_importing_the_judge_imports_no_http_client():
    code = "import sys, hardneg.scoring.llm.judge; print([m for m in ('httpx2', 'anyio', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
