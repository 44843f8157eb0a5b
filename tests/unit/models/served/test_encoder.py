import _thread
import json
import logging
import pickle
import random
import sqlite3
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from copies import Copies
from hardneg.engines import working_on
from hardneg.engines.protocol import seated
from hardneg.errors import ModelError, RunError
from hardneg.models.protocol import Encoder, PricedEncoder
from hardneg.models.store import encode
from local_llm_server import KEY, Answer, embeddings, problem


def ones(asked):
    return embeddings(asked, lambda text: [1.0, 1.0])


def after(*answers):
    """These answers first, then vectors of ones."""
    return lambda asked: answers[asked.number] if asked.number < len(answers) else ones(asked)


def files_with_key(cache):
    return [path for path in cache.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_it_is_an_encoder_that_has_a_price(encoder):
    assert isinstance(encoder(), Encoder)
    assert isinstance(encoder(), PricedEncoder)
    assert pickle.loads(pickle.dumps(encoder())).fingerprint == encoder().fingerprint


@pytest.mark.parametrize("options", [{}, {"batch": 1}, {"batch": 100}, {"batch_characters": 40}, {"concurrency": 1}])
@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_vectors_are_those_of_the_texts_in_their_order_whatever_the_batches(
    encoder, api, expected, texts, options, encoding_format
):
    asked = [*texts, *reversed(texts[:7]), "", "  "]
    random.Random(0).shuffle(asked)
    found = encoder(encoding_format=encoding_format, **options).encode_documents(asked)
    blank = [not text.strip() for text in asked]
    np.testing.assert_allclose(found[~np.array(blank)], expected([t for t in asked if t.strip()]), atol=1e-6)
    np.testing.assert_array_equal(found[blank], 0)
    sent = [text for each in api.asked for text in each.body["input"]]
    assert sorted(sent) == sorted(texts)
    batch = options.get("batch", 4)
    assert all(len(each.body["input"]) <= batch for each in api.asked)
    assert all(sum(map(len, each.body["input"])) <= options.get("batch_characters", 10**9) for each in api.asked)
    assert api.most_at_once <= options.get("concurrency", 8)
    assert {each.path for each in api.asked} == {"/v1/embeddings"}


def test_vectors_that_come_in_another_order_are_put_right(encoder, api, expected, texts):
    in_order = api.script

    def script(asked):
        body = json.loads(in_order(asked).body)
        return Answer(body=json.dumps(body | {"data": body["data"][::-1]}))

    api.script = script
    np.testing.assert_allclose(encoder().encode_documents(texts), expected(texts), atol=1e-6)


def test_prompts_types_and_dimensions_are_sent_and_decide_the_vectors(encoder, api, texts):
    one = encoder(dimensions=5, query_prompt="q: ", document_prompt="d: ", query_type="query", document_type="passage")
    assert one.encode_queries(texts[:2]).shape == one.encode_documents(texts[:2]).shape == (2, 5)
    assert [each.body["input"][0] for each in api.asked] == ["q: text number 0", "d: text number 0"]
    assert [each.body["input_type"] for each in api.asked] == ["query", "passage"]
    assert {each.body["dimensions"] for each in api.asked} == {5}
    differ = [{}, {"dimensions": 5}, {"query_prompt": "q"}, {"document_prompt": "q"}, {"query_type": "q"}]
    differ += [{"max_characters": 3}, {"model": "other"}, {"base_url": "http://127.0.0.1:9/v1"}]
    assert len({encoder(**options).fingerprint for options in differ}) == len(differ)
    same = [{"batch": 9}, {"concurrency": 2}, {"timeout_s": 1}, {"api_key_env": ""}, {"price": 1.0}]
    assert {encoder(**options).fingerprint for options in same} == {encoder().fingerprint}


def test_texts_are_cut_where_the_user_says(encoder, api):
    encoder(max_characters=6, document_prompt="d: ").encode_documents(["abcdef", "abcxyz"])
    assert [each.body["input"] for each in api.asked] == [["d: abc"]]


def test_nothing_is_paid_twice_whatever_the_block_the_kind_or_the_process(encoder, api, texts):
    whole = encoder().encode_documents(texts)
    n_asked = len(api.asked)
    np.testing.assert_array_equal(encoder().encode_queries(texts[::-1]), whole[::-1])
    assert len(api.asked) == n_asked
    encoder().encode_documents([*texts, "a new one"])
    assert [each.body["input"] for each in api.asked[n_asked:]] == [["a new one"]]


def test_what_came_before_a_failure_is_kept(encoder, api, texts):
    api.script = lambda asked: problem(500) if asked.number == 3 else ones(asked)
    with pytest.raises(RunError, match=r"gave no vectors for 4 texts.*HTTP 500.*run the same command again"):
        encoder(max_retries=0, concurrency=1).encode_documents(texts)
    assert len(api.asked) == 4
    api.script = ones
    encoder().encode_documents(texts)
    sent = [text for each in [*api.asked[:3], *api.asked[4:]] for text in each.body["input"]]
    assert sorted(sent) == sorted(texts)


def test_the_store_asks_for_nothing_that_was_paid_before_it_was_stopped(encoder, api):
    texts = pl.Series([f"long corpus {number}" for number in range(1_500)])
    n_before = 12

    def script(asked):
        if asked.number == n_before:
            _thread.interrupt_main()
        return ones(asked)

    api.script = script
    with pytest.raises(KeyboardInterrupt):
        encode(encoder(batch=50, concurrency=1), texts, kind="document")
    n_there = encoder().estimate(texts, kind="document").n_kept
    assert n_there >= 50 * (n_before - 1)
    api.script = ones
    before = len(api.asked)
    assert encode(encoder(batch=50), texts, kind="document").shape == (1_500, 2)
    assert sum(len(each.body["input"]) for each in api.asked[before:]) == 1_500 - n_there
    assert encoder().estimate(texts, kind="document").n_asked == 0


def test_another_engine_gets_the_same_and_its_workers_share_what_was_paid(encoder, api, expected, texts, monkeypatch):
    monkeypatch.setattr("hardneg.models.store.BLOCK", 7)

    engine, calls = Copies(), []

    class Seat:
        n_workers = 3

        def call(self, open_, arguments, method, given):
            calls.append(method)
            with open_(*arguments) as opened:
                return getattr(opened, method)(*given)

    with working_on(engine), seated(Seat()):
        found = encode(encoder(concurrency=6), pl.Series(texts), kind="document")
    np.testing.assert_allclose(found, expected(texts), atol=1e-6)
    assert engine.works == ["Encoding"]
    assert set(calls) == {"read", "write"}
    assert sum(len(each.body["input"]) for each in api.asked) == len(texts)
    assert api.most_at_once <= 2


@pytest.mark.parametrize(
    "answer",
    [
        problem(429, "slow down"),
        problem(500),
        problem(503),
        problem(408),
        Answer(500, "<html>not JSON</html>"),
        Answer(body="{not JSON"),
        Answer(body='{"object": "list"}'),
        Answer(body='{"data": [{"embedding": "%%%", "index": 0}]}'),
        Answer(body="[]"),
        Answer(body="x" * 5_000_000),
    ],
)
def test_what_may_pass_is_asked_again(encoder, api, answer):
    api.script = after(answer, answer)
    np.testing.assert_allclose(encoder().encode_queries(["text"]), [[2**-0.5] * 2])
    assert len(api.asked) == 3


def test_a_wait_that_the_server_asks_for_is_kept(encoder, api):
    api.script = after(problem(429, retry_after="0.3"))
    encoder().encode_queries(["text"])
    assert api.asked[1].at - api.asked[0].at >= 0.3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(401, "bad key"), r"HTTP 401: bad key\); set the key in the environment variable \$OPENAI_API_KEY"),
        (problem(404, "no such model"), "no such model.*check the model's name and base_url"),
        (problem(429, "quota", code="insufficient_quota"), "no credit"),
    ],
)
def test_what_holds_for_all_texts_stops_after_one_request(encoder, api, texts, answer, words):
    api.script = lambda asked: answer
    with pytest.raises(ModelError, match=words):
        encoder().encode_documents(texts)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("rule", "options", "words"),
    [
        (lambda text: [float("nan"), 1.0], {}, "numbers that are not finite, for text 1 of 4"),
        (lambda text: [float("inf"), 1.0], {"encoding_format": "base64"}, "numbers that are not finite"),
        (lambda text: [0.0, 0.0], {}, "zeros alone"),
        (lambda text: [1.0] * 3, {"dimensions": 2}, "3 dimensions where 2 were asked for; leave truncate_dim out"),
        (lambda text: [1.0] * (3 + int(text[-1])), {}, "vectors of 3 and 4 and 5 and 6 dimensions in one answer"),
        (lambda text: [], {}, "vectors of 0 dimensions"),
    ],
)
def test_vectors_that_nobody_could_use_are_refused_and_not_kept(encoder, api, texts, rule, options, words):
    api.script = lambda asked: embeddings(asked, rule)
    with pytest.raises(ModelError, match=words):
        encoder(concurrency=1, **options).encode_documents(texts[:4])
    assert len(api.asked) == 1
    assert encoder(**options).estimate(pl.Series(texts), kind="document").n_kept == 0


@pytest.mark.parametrize("places", [[0, 0], [1, 2], [0]])
def test_a_reply_about_other_texts_is_refused(encoder, api, places):
    data = [{"embedding": [1.0], "index": place} for place in places]
    api.script = lambda asked: embeddings(asked, lambda text: [1.0], data=data)
    with pytest.raises(ModelError, match=r"1 vectors for 2 texts|numbered the vectors of 2 texts"):
        encoder().encode_documents(["one", "two"])


def test_a_model_that_changed_its_dimensions_is_told(encoder, api, texts):
    encoder().encode_documents(texts[:4])
    api.script = ones
    with pytest.raises(ModelError, match="vectors of 2 and 8 dimensions: it is not the same model as before"):
        encoder().encode_documents(texts)


def test_a_text_that_is_refused_is_named_and_the_others_are_kept(encoder, api, texts):
    def script(asked):
        return problem(400, "maximum context length") if "text number 5" in asked.body["input"] else ones(asked)

    api.script = script
    with pytest.raises(ModelError, match=r"refuses a text of 13 characters, 'text number 5'.*set max_characters"):
        encoder(batch=30).encode_documents(texts)
    assert encoder().estimate(pl.Series(texts), kind="document").n_kept == 5


def test_a_server_that_takes_fewer_texts_gets_fewer(encoder, api, texts):
    api.script = lambda asked: problem(413, "batch size") if len(asked.body["input"]) > 8 else ones(asked)
    assert encoder(batch=30).encode_documents(texts).shape == (30, 2)


def test_a_server_that_hangs_or_is_away_is_named(encoder, api):
    api.script = lambda asked: Answer(hold=True)
    with pytest.raises(RunError, match=r"asked 2 times at most \(no answer within 0.2 s\)"):
        encoder(timeout_s=0.2, max_retries=1).encode_queries(["text"])
    with pytest.raises(RunError, match=r"http://127.0.0.1:9/v1/embeddings gave no vectors.*ConnectError"):
        encoder(base_url="http://127.0.0.1:9/v1", max_retries=1).encode_queries(["text"])


@pytest.mark.parametrize(
    "answer", [problem(401, f"bad key {KEY}"), problem(400, "x" * 90 + KEY), problem(500, KEY), Answer(body=KEY)]
)
def test_the_key_is_in_the_header_and_nowhere_else(encoder, api, texts, cache, caplog, answer):
    caplog.set_level(logging.DEBUG)
    one = encoder(max_retries=0)
    one.encode_documents(texts)
    api.script = lambda asked: answer
    with pytest.raises((ModelError, RunError)) as caught:
        one.encode_documents(["another"])
    assert all(each.headers["authorization"] == f"Bearer {KEY}" for each in api.asked)
    assert all(KEY not in str(each.body) for each in api.asked)
    assert files_with_key(cache) == []
    for text in (str(caught.value), repr(one), one.fingerprint, caplog.text):
        assert KEY[:12] not in text
    assert KEY.encode() not in pickle.dumps(one)


def test_damaged_vectors_are_asked_for_again(encoder, api, texts, cache, caplog):
    before = encoder().encode_documents(texts)
    n_asked = len(api.asked)
    with sqlite3.connect(cache / "embeddings" / "embeddings.sqlite") as connection:
        connection.execute("UPDATE answers SET answer = zeroblob(32) WHERE rowid = 3")
    connection.close()
    np.testing.assert_array_equal(encoder().encode_documents(texts), before)
    assert len(api.asked) == n_asked + 1
    assert "1 answers of it are asked for again" in caplog.text


def test_the_estimate_counts_what_is_not_there(encoder, api, texts):
    asked = pl.Series([*texts, texts[0], "", None])
    one = encoder(price=1_000_000.0)
    assert (one.estimate(asked, kind="query").n_texts, one.estimate(asked, kind="query").n_asked) == (30, 30)
    assert api.asked == []
    one.encode_queries(texts[:10])
    cost = one.estimate(asked, kind="query")
    assert (cost.n_asked, cost.tokens, cost.price) == (20, 80, 80.0)
    assert str(cost) == (
        "model 'test-model': 30 texts to encode, 10 of them encoded before; the others take about 80 tokens "
        "(counted as characters / 4): about 80.00 at the price given"
    )
    assert str(encoder().estimate(asked, kind="query")).endswith("no price was given")


def test_what_has_no_weights_is_neither_loaded_nor_trained():
    from hardneg.models.sentence_transformer import load_model

    with pytest.raises(ModelError, match=r"answers behind an endpoint: it can encode, .* name a Hub id or a folder"):
        load_model("https://host/v1#name")


def test_neither_torch_nor_a_client_is_loaded_before_it_is_needed():
    code = "import sys, hardneg.models.served.encoder; print([m for m in ('httpx2', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
