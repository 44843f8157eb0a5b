"""Keys, tokens and passwords stand in nothing that is shown or written."""

import html
import json
import subprocess
import sys
import time
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import ModelError
from hardneg.hiding import hide, hide_in_message, hide_value, note_secret

TOKEN = "t0p/s\"e%c'r&t<0123>"
FORMS = {
    "plain": TOKEN,
    "json": json.dumps(TOKEN)[1:-1],
    "slashes": json.dumps(TOKEN)[1:-1].replace("/", "\\/"),
    "page": html.escape(TOKEN),
    "address": urllib.parse.quote(TOKEN, safe=""),
    "address twice": urllib.parse.quote(urllib.parse.quote(TOKEN, safe=""), safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("variable", ["HF_TOKEN", "WANDB_API_KEY", "my_service_password", "GITHUB_PAT", "AWS_SECRET"])
def test_values_of_variables_are_hidden_by_their_name(monkeypatch, variable, form):
    monkeypatch.setenv(variable, TOKEN)
    assert hide(f"a {FORMS[form]} b") == "a [key] b"
    assert str(ModelError(f"a {FORMS[form]} b")) == "a [key] b"


def test_other_variables_short_words_and_places_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("MONKEY_HOUSE", "a harmless word")
    monkeypatch.setenv("SOME_TOKEN", "EMPTY")
    monkeypatch.setenv("SSH_KEY", str(tmp_path))
    text = f"a harmless word in an EMPTY {tmp_path}"
    assert hide(text) == text


def test_a_key_of_a_variable_of_any_name_is_hidden_once_it_was_read():
    note_secret("abc-123-noted-456")
    assert hide("no abc-123-noted-456!") == "no [key]!"


def test_tokens_that_were_stored_are_hidden(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "token").write_text("stored-by-login-1\n")
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n  login user\n  password stored-by-login-2\n")
    assert hide("stored-by-login-1 and stored-by-login-2") == "[key] and [key]"


def test_nor_is_a_token_of_ray_that_lies_in_its_file(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("planted-for-the-cluster\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert hide("refused planted-for-the-cluster") == "refused [key]"


def test_a_run_of_backslashes_takes_no_time():
    started = time.monotonic()
    hide_value("\\" * 300_000, "sk-a/b", "/ab/cd/ef")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("before", ["", "\\", "\\\\\\", "\\n", "%5C"])
@pytest.mark.parametrize("key", ["sk-0123456", "/0123456789", '"0123456789', "\\0123456789"])
def test_what_stands_before_a_key_shows_none_of_it(before, key):
    for form in (key, json.dumps(key)[1:-1], "".join(f"\\u{ord(each):04x}" for each in key)):
        assert "234" not in hide_value(f"{before}{form} x", key)


def test_of_a_long_message_the_middle_is_left_out_and_no_part_of_a_key_shown(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "abcdefghijklmnop")
    for length in (47_990, 47_995, 48_000, 48_005):
        shown = hide_in_message("x" * length + "abcdefghijklmnop" * 9_000 + "the way out")
        assert shown.endswith("the way out")
        assert "[…]" in shown
        assert len(shown) < 8_000
        assert "abc" not in shown
        assert "nop" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/x", "https://[key]@host/x"),
        ("hf://a-token@host", "hf://[key]@host"),
        ("https://host/x?a=1&access_token=abc&b=2", "https://host/x?a=1&access_token=[key]&b=2"),
        ("https://host/x?X-Amz-Signature=abc", "https://host/x?X-Amz-Signature=[key]"),
        ("https://host/x?api-key=abc'", "https://host/x?api-key=[key]'"),
        ("is hf_AbCdEfGhIjKlMnOpQrStUv one", "is [key] one"),
        ("Bearer sk-proj-0123456789abcdefghij", "Bearer [key]"),
        ("me@example.org at http://host/a@b", "me@example.org at http://host/a@b"),
        ("the key=value of ?tokens=5", "the key=value of ?tokens=5"),
    ],
)
def test_addresses_and_what_looks_like_a_token(text, shown):
    assert hide(text) == shown


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8), st.text(), st.text())
def test_whatever_the_key_it_is_hidden_plain_and_escaped(key, before, after):
    forms = (key, json.dumps(key)[1:-1], html.escape(key), urllib.parse.quote(key, safe=""))
    for form in forms:
        hidden = hide_value(f"{before} {form} {after}", key)
        assert form not in hidden or form in f"{before} [key] {after}" or form in before + after


def test_a_traceback_shows_no_key():
    code = "from hardneg.hiding import *; hide_in_tracebacks(); raise ValueError('to https://me:my-password@host')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "ValueError: to https://[key]@host" in done.stderr
    assert done.stderr.count("my-password") == 0


def test_a_name_with_empty_lines_leaves_a_message_of_one_paragraph():
    assert str(ModelError("model folder ./f\n\n \n does not exist")) == "model folder ./f\n does not exist"
