"""Queries that a language model writes, from a server on this machine."""

import json
import re

import polars as pl
import pytest

import hardneg as hn
from hardneg.cli import main
from hardneg.domains.documents import LLMWriter, questions_from, read_documents
from hardneg.domains.documents.writer import read_written
from hardneg.errors import ModelError, RecipeError, RunError
from local_llm_server import KEY, problem, says, serving
from made_up_articles import articles

FAST = {"backoff_s": 0.001, "max_retries": 2, "concurrency": 3}


def text_of(asked):
    return re.search(r"<text>\n(.*?)\n</text>", asked.body["messages"][1]["content"], re.DOTALL)[1]


def writes(asked):
    """Words of the text, so that what is written leads back to it."""
    words = text_of(asked).split()
    written = {"question": " ".join(words[3:9]) + "?", "keywords": " ".join(words[20:24])}
    return says("Here it is: " + json.dumps(written))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def file(tmp_path):
    articles(30).write_ndjson(tmp_path / "articles.jsonl")
    return tmp_path / "articles.jsonl"


def test_each_text_gets_a_query_of_each_style_and_is_paid_for_once(file):
    documents, _ = read_documents([file])
    with serving(writes) as server:
        writer = LLMWriter(server.base_url, "scribe", price_in=1.0, price_out=2.0, **FAST)
        cost = writer.estimate(documents["text"])
        assert (cost.n_texts, cost.n_asked) == (30, 30)
        assert cost.price > 0
        dealt = questions_from(documents, kinds=["title"], writer=writer)
        assert len(server.asked) == 30
        assert server.most_at_once <= 3
        assert writer.estimate(documents["text"]).n_asked == 0
        again = questions_from(documents, kinds=["title"], writer=writer)
        assert len(server.asked) == 30
    assert again.dataset.fingerprint == dealt.dataset.fingerprint
    counts = dict(dealt.dataset.queries["kind"].value_counts().iter_rows())
    assert counts == {"title": 30, "question": 30, "keywords": 30}
    assert dealt.notes[-1].startswith("60 queries were written; 0 do not lead back to their text (the 10 best by bm25)")
    pairs = dealt.dataset.with_ids(dealt.dataset.qrels).join(
        dealt.dataset.queries.select(query_id="id", origin="from"), on="query_id"
    )
    assert (pairs["doc_id"] == pairs["origin"]).all()


def test_what_does_not_lead_back_or_says_what_another_says_is_left_out(file):
    documents, _ = read_documents([file])

    def vague(asked):
        words = text_of(asked).split()
        return says(json.dumps({"question": "what is this all about then", "keywords": " ".join(words[20:24])}))

    with serving(vague) as server:
        dealt = questions_from(documents, writer=LLMWriter(server.base_url, "scribe", **FAST))
    counts = dict(dealt.dataset.queries["kind"].value_counts().iter_rows())
    assert "question" not in counts
    assert counts["keywords"] == 30
    assert "30 do not lead back" in dealt.notes[-1]


def test_answers_that_are_no_json_are_asked_for_again_and_a_refusal_leaves_its_text_out(file):
    documents, _ = read_documents([file])
    refused = documents["text"][7]

    def script(asked):
        if text_of(asked) == refused:
            return problem(400, "this cannot be answered")
        return says("no idea") if asked.number % 5 == 1 else writes(asked)

    with serving(script) as server:
        dealt = questions_from(documents, kinds=["title"], writer=LLMWriter(server.base_url, "scribe", **FAST))
    written = dealt.dataset.queries.filter(pl.col("kind") == "question")
    assert written.height == 29
    assert documents["id"][7] not in written["from"].to_list()


def test_a_server_that_goes_away_keeps_what_was_paid_for(file):
    documents, _ = read_documents([file])
    with serving(lambda asked: writes(asked) if asked.number < 10 else problem(503)) as server:
        writer = LLMWriter(server.base_url, "scribe", **FAST)
        with pytest.raises(RunError, match="what came before is kept: run the same command again"):
            questions_from(documents, writer=writer)
        assert writer.estimate(documents["text"]).n_kept == 10
        server.script = writes
        questions_from(documents, writer=writer)
    with serving(lambda _: problem(401, f"the key {KEY} is wrong")) as server:
        with pytest.raises(ModelError, match="set the key in the environment variable") as wrong:
            questions_from(documents, writer=LLMWriter(server.base_url, "scribe", **FAST))
        assert KEY not in str(wrong.value)
        assert len(server.asked) == 1


def test_what_a_model_says_around_its_answer_is_passed_over():
    styles = ["question"]
    assert read_written('<think>{"question": 3}</think> {"question": "a  b"}', styles) == {"question": "a b"}
    assert read_written('{"question": "first"} and {"other": "x"}', styles) == {"question": "first"}
    assert read_written("[1, 2]", styles) is None
    assert read_written('{"question": ' * 3000, styles) is None


def test_values_out_of_range_are_refused():
    with pytest.raises(RecipeError, match="style 'poem' is not known"):
        LLMWriter("http://localhost/v1", "scribe", styles=("poem",))
    with pytest.raises(RecipeError, match="base_url must hold no user"):
        LLMWriter(f"http://me:{KEY}@localhost/v1", "scribe")
    with pytest.raises(RecipeError, match="concurrency is 0"):
        LLMWriter("http://localhost/v1", "scribe", concurrency=0)


def test_the_command_says_what_it_costs_and_asks_first(file, tmp_path, capsys):
    out = tmp_path / "out"
    with serving(writes) as server:
        writer = f'llm_writer(base_url="{server.base_url}", model="scribe", price_in=1.0, price_out=1.0)'
        command = ["data", "questions", str(file), "--writer", writer, "-o", str(out)]
        assert main(command) == 2
        assert "30 documents to write for" in (refusal := capsys.readouterr().err)
        assert "Nothing was sent: add --yes" in refusal
        assert not server.asked
        assert main([*command, "--yes"]) == 0
    assert "60 queries were written" in capsys.readouterr().out
    assert {"question", "keywords"} <= set(hn.read_dataset(out).queries["kind"])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)
