import numpy as np
import pytest

from hardneg.errors import ModelError, RunError
from local_llm_server import Answer, problem, says, verdict


@pytest.fixture
def first(pairs):
    return tuple(each[:1] for each in pairs)


def after(*answers):
    """These answers first, then yes."""
    return lambda asked: answers[asked.number] if asked.number < len(answers) else verdict("yes")


@pytest.mark.parametrize(
    "answer",
    [
        problem(429, "slow down"),
        problem(500),
        problem(502),
        problem(503),
        problem(529, "overloaded"),
        problem(408),
        Answer(500, "<html>not JSON</html>"),
        says("not JSON"),
        says(""),
        says(None),
        says('{"verdict": "perhaps", "reason": ""}'),
        says('{"verdict": "yes", "rea', finish_reason="length"),
        Answer(body="{not JSON"),
        Answer(body='{"choices": []}'),
        Answer(body='{"object": "chat.completion"}'),
        Answer(body='{"choices": [{"index": 0}]}'),
        Answer(body="[]"),
        says("x" * 300_000),
        Answer(body="x" * 5_000_000),
    ],
)
def test_what_may_pass_is_asked_again(judge, llm, dataset, first, answer):
    llm.script = after(answer, answer)
    assert judge().score(dataset, *first) == 1.0
    assert len(llm.asked) == 3


def test_retries_are_counted(judge, llm, dataset, first):
    llm.script = lambda asked: problem(500, "broken")
    with pytest.raises(RunError, match=r"1 of 1 pairs: for 1 the server gave no answer \(first: HTTP 500: broken\)"):
        judge(max_retries=4).score(dataset, *first)
    assert len(llm.asked) == 5


def test_malformed_answers_are_asked_for_twice_again_at_most(judge, llm, dataset, first):
    llm.script = lambda asked: says('{"verdict": "yes", "rea', finish_reason="length")
    with pytest.raises(RunError, match="cut off at the limit of tokens; raise max_answer_tokens"):
        judge().score(dataset, *first)
    assert len(llm.asked) == 3


@pytest.mark.parametrize("headers", [{"retry_after": "0.3"}, {"retry_after_ms": "300"}])
def test_a_wait_that_the_server_asks_for_is_kept(judge, llm, dataset, first, headers):
    llm.script = after(problem(429, **headers))
    assert judge().score(dataset, *first) == 1.0
    assert llm.asked[1].at - llm.asked[0].at >= 0.3


def test_a_wait_of_hours_is_a_failure_at_once(judge, llm, dataset, first):
    llm.script = after(problem(429, "daily limit", retry_after="7200"))
    with pytest.raises(RunError, match=r"HTTP 429: daily limit \(it asks to wait 7200 s\)"):
        judge().score(dataset, *first)
    assert len(llm.asked) == 1


def test_waits_double(judge, llm, dataset, first):
    llm.script = after(problem(500), problem(500), problem(500))
    judge(backoff_s=0.05).score(dataset, *first)
    waits = np.diff([each.at for each in llm.asked])
    assert (waits >= [0.025, 0.05, 0.1]).all()


def test_a_request_that_hangs_is_given_up_and_asked_again(judge, llm, dataset, first):
    llm.script = after(verdict("no", hold=True))
    assert judge(timeout_s=0.3).score(dataset, *first) == 1.0
    assert len(llm.asked) == 2


def test_a_server_that_always_hangs_is_named(judge, llm, dataset, first):
    llm.script = lambda asked: verdict("no", hold=True)
    with pytest.raises(RunError, match=r"the server gave no answer \(first: no answer within 0.2 s\)"):
        judge(timeout_s=0.2, max_retries=1).score(dataset, *first)


def test_nobody_listening_is_named(judge, dataset, first):
    with pytest.raises(RunError, match=r"the server gave no answer \(first: ConnectError"):
        judge(base_url="http://127.0.0.1:9/v1", max_retries=1).score(dataset, *first)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem(401, "bad key"), r"HTTP 401: bad key\); set the key in the environment variable \$OPENAI_API_KEY"),
        (problem(403, "not yours"), "this key may not use this model"),
        (problem(404, "no such model"), "model's name and base_url"),
        (problem(402), "no credit"),
        (problem(429, "quota", code="insufficient_quota"), "no credit"),
        (problem(308, location="http://127.0.0.1:9/v1"), "set base_url to where it redirects to"),
    ],
)
def test_what_holds_for_all_pairs_stops_after_one_request(judge, llm, dataset, pairs, answer, words):
    llm.script = lambda asked: answer
    with pytest.raises(ModelError, match=words):
        judge().score(dataset, *pairs)
    assert len(llm.asked) == 1


def test_a_key_that_is_withdrawn_half_way_stops_the_rest(judge, llm, dataset, pairs):
    llm.script = lambda asked: verdict("yes") if asked.number < 20 else problem(401)
    with pytest.raises(ModelError, match="HTTP 401"):
        judge().score(dataset, *pairs)
    assert len(llm.asked) <= 20 + 4
    assert judge().estimate(dataset, *pairs).n_cached >= 17  # of 20; three may have been cancelled on their way back


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_structured_answers_is_asked_in_words(judge, llm, dataset, pairs, status):
    def script(asked):
        if "response_format" in asked.body:
            return problem(status, "unknown field response_format")
        return says('Here you are:\n```json\n{"reason": "so", "verdict": "yes"}\n```')

    llm.script = script
    np.testing.assert_array_equal(judge().score(dataset, *pairs), 1)
    assert len(llm.asked) == 61
    assert ["response_format" in each.body for each in llm.asked[:3]] == [True, False, False]


def test_options_that_a_model_does_not_know_are_left_out_from_then_on(judge, llm, dataset, pairs):
    def script(asked):
        for option in ("max_tokens", "temperature"):
            if option in asked.body:
                return problem(400, f"Unsupported parameter: '{option}' is not supported with this model.")
        return verdict("yes")

    llm.script = script
    np.testing.assert_array_equal(judge(max_answer_tokens=99).score(dataset, *pairs), 1)
    assert len(llm.asked) == 62
    assert set(llm.asked[-1].body) == {"model", "messages", "response_format", "max_completion_tokens"}


def test_a_pair_that_is_refused_either_way_does_not_end_structured_answers(judge, llm, dataset, pairs):
    llm.script = lambda asked: problem(400, "too long") if asked.number < 2 else verdict("yes")
    with pytest.raises(RunError, match="1 of 60 pairs: for 1 the request or the answer was refused"):
        judge().score(dataset, *pairs)
    assert all("response_format" in each.body for each in llm.asked[2:])


def test_a_content_filter_is_a_refusal(judge, llm, dataset, first):
    llm.script = lambda asked: says("", finish_reason="content_filter")
    with pytest.raises(RunError, match="content filter withheld"):
        judge().score(dataset, *first)
    assert len(llm.asked) == 1
