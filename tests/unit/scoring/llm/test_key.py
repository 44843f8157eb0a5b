import html
import json
import logging
import pickle
import urllib.parse

import pytest

from hardneg.endpoints.key import read_key
from hardneg.errors import ModelError, RecipeError, RunError
from local_llm_server import KEY, Answer, problem, says, verdict


def files_with_key(cache):
    return [path for path in cache.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def whole_text(error):
    """Messages of an exception and of everything it came from."""
    seen = []
    while error is not None:
        seen += [str(error), repr(error), *getattr(error, "__notes__", [])]
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def test_the_key_is_in_the_header_and_nowhere_else(judge, llm, dataset, pairs, cache, caplog):
    caplog.set_level(logging.DEBUG)
    llm.script = lambda asked: verdict("yes", f"{asked.headers['authorization']} told me")
    found = judge().judge(dataset, *pairs)
    assert all(each.headers["authorization"] == f"Bearer {KEY}" for each in llm.asked)
    assert all(KEY not in str(each.body) for each in llm.asked)
    assert set(found["reason"]) == {"Bearer [key] told me"}
    assert (cache / "verdicts" / "verdicts.sqlite").exists()
    assert files_with_key(cache) == []
    key = read_key("OPENAI_API_KEY")
    shown = [repr(judge()), str(judge()), judge().fingerprint(), repr(key), repr(vars(key)), caplog.text]
    assert not [text for text in shown if KEY in text]
    assert KEY.encode() not in pickle.dumps(judge())


@pytest.mark.parametrize(
    "answer",
    [
        problem(401, f"Incorrect API key provided: {KEY}"),
        problem(403, f"{KEY} may not"),
        problem(500, f"crashed with {KEY}"),
        problem(400, "x" * 90 + KEY),
        says(f"I was given {KEY}"),
        says("x" * 90 + KEY),
        Answer(body="x" * 90 + KEY),
        says(None, refusal=f"not with {KEY}"),
        says(None, refusal="x" * 90 + KEY),
    ],
)
def test_errors_do_not_repeat_the_key(judge, llm, dataset, pairs, cache, answer, caplog):
    caplog.set_level(logging.DEBUG)
    llm.script = lambda asked: answer
    with pytest.raises((ModelError, RunError)) as caught:
        judge(max_retries=1).score(dataset, pairs[0][:1], pairs[1][:1])
    text = whole_text(caught.value) + caplog.text
    assert KEY not in text
    assert KEY[:12] not in text
    assert files_with_key(cache) == []


ODD_KEY = "sk-a/b\"c\\d<e&f+g=h'i"


def escaped(form):
    """The odd key as a server may write it."""
    return {
        "plain": ODD_KEY,
        "json": json.dumps(ODD_KEY)[1:-1],
        "json twice": json.dumps(json.dumps(ODD_KEY)[1:-1])[1:-1],
        "slashes": json.dumps(ODD_KEY)[1:-1].replace("/", "\\/"),
        "numbers": "".join(f"\\u{ord(each):04X}" for each in ODD_KEY),
        "numbers twice": "".join(f"\\\\u{ord(each):04x}" for each in ODD_KEY),
        "python": "".join(f"\\x{ord(each):02x}" for each in ODD_KEY),
        "page": html.escape(ODD_KEY),
        "entities": "".join(f"&#{ord(each)};" for each in ODD_KEY),
        "address": urllib.parse.quote(ODD_KEY, safe=""),
    }[form]


FORMS = ["plain", "json", "json twice", "slashes", "numbers", "numbers twice", "python", "page", "entities", "address"]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_hidden_in_every_form(monkeypatch, form):
    monkeypatch.setenv("OPENAI_API_KEY", ODD_KEY)
    assert read_key("OPENAI_API_KEY").hide(f"a {escaped(form)} b") == "a [key] b"


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_a_server_echoes_escaped_is_neither_shown_nor_stored(
    judge, llm, dataset, pairs, cache, monkeypatch, form, raw
):
    monkeypatch.setenv("OPENAI_API_KEY", ODD_KEY)
    body = '{"error": {"message": "no use: ' + escaped(form) + ' ."}}'  # parsed where it is JSON
    one = tuple(each[:1] for each in pairs)
    llm.script = lambda asked: Answer(401, body) if raw else problem(401, f"no use: {escaped(form)} .")
    with pytest.raises(ModelError) as caught:
        judge().score(dataset, *one)
    assert "no use: [key] ." in str(caught.value)
    llm.script = lambda asked: verdict("yes", f"was given {escaped(form)} .")
    assert judge().judge(dataset, *one)["reason"].to_list() == ["was given [key] ."]
    stored = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file()).decode("utf-8", "replace")
    assert "[key]" in stored
    assert escaped(form) not in stored
    assert ODD_KEY[:12] not in stored


def test_without_a_key_none_is_sent(judge, llm, dataset, pairs, monkeypatch):
    one = tuple(each[:1] for each in pairs)
    judge(api_key_env="").score(dataset, *one)
    monkeypatch.delenv("OPENAI_API_KEY")
    judge(model="other").score(dataset, *one)
    assert not [each for each in llm.asked if "authorization" in each.headers]


def test_another_variable_may_hold_the_key(judge, llm, dataset, pairs, monkeypatch):
    monkeypatch.setenv("MY_KEY", "  sk-mine-123456\n")
    judge(api_key_env="MY_KEY").score(dataset, pairs[0][:1], pairs[1][:1])
    assert llm.asked[0].headers["authorization"] == "Bearer sk-mine-123456"


@pytest.mark.parametrize("value", ["sk-two\nlines", "sk with blanks", "sk-ünicode"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(monkeypatch, value):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(ModelError, match=r"\$OPENAI_API_KEY has characters") as caught:
        read_key("OPENAI_API_KEY")
    assert "sk" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        {"api_key_env": KEY},
        {"base_url": f"https://user:{KEY}@host/v1"},
        {"base_url": f"https://host/v1?api-key={KEY}"},
        {"base_url": f"host/v1?api-key={KEY}"},
    ],
)
def test_a_key_in_the_recipe_is_refused_without_repeating_it(judge, option):
    with pytest.raises(RecipeError, match="environment") as caught:
        judge(**option)
    assert KEY not in whole_text(caught.value)


def test_short_words_in_place_of_a_key_are_no_secrets(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert read_key("OPENAI_API_KEY").hide("an EMPTY room") == "an EMPTY room"
