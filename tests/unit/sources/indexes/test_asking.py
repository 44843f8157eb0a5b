"""Where a server is, its keys, and how often it is asked again."""

import os
import time
from pathlib import Path

import pytest

from hardneg.components import pick
from hardneg.errors import ModelError, RecipeError, StorageError
from hardneg.hiding import hide
from hardneg.leave import allowing
from hardneg.place import Place
from hardneg.recipe.rooms import SOURCE
from hardneg.sources.indexes import asking
from hardneg.sources.indexes.asking import Passing, address_in, check_address, patiently, shown_address

OF = {"use": "dense", "model": "any"}


@pytest.fixture
def slept(monkeypatch):
    naps = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


def test_what_passes_is_asked_again_with_longer_waits_and_as_long_as_the_server_says(slept):
    failures = [Passing("busy"), Passing("busy", wait_s=7.0), Passing("busy")]

    def call():
        if failures:
            raise failures.pop(0)
        return "answer"

    assert patiently(call, patience_s=60, title="index 'a'", way_out="look") == "answer"
    assert slept == [0.5, 7.0, 2.0]


def test_a_server_that_stays_away_is_one_message_with_the_way_out(slept):
    def call():
        raise Passing("connection\n refused")

    with pytest.raises(StorageError, match=r"index 'a' does not answer \(connection refused\), tried for 0 s; look"):
        patiently(call, patience_s=0.1, title="index 'a'", way_out="look")
    assert slept == []


def test_what_does_not_pass_goes_on_as_it_is(slept):
    def call():
        raise ModelError("no")

    with pytest.raises(ModelError, match="no"):
        patiently(call, patience_s=60, title="index 'a'", way_out="look")
    assert slept == []


@pytest.mark.parametrize(
    "url", ["http://me:a-password@host", "https://host/?api_key=a-password-0", "http://me:@host", "http://:pw@host"]
)
def test_an_address_with_a_secret_is_refused(url):
    with pytest.raises(RecipeError, match=r'url holds a password or key.*url = "env:NAME"') as caught:
        check_address(url, kind="qdrant", schemes=("http", "https"))
    assert "a-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:6333", "set it to an address, http://… or https://…"),
        ("ftp://host", "set it to an address"),
        ("http://[host", "set it to an address"),
        ("env:sk-0123456789", "url must name an environment variable"),
    ],
)
def test_what_is_no_address_is_refused(url, message):
    with pytest.raises(RecipeError, match=message):
        check_address(url, kind="qdrant", schemes=("http", "https"))


def test_an_address_from_the_environment_keeps_its_password_to_itself(monkeypatch):
    monkeypatch.setattr("hardneg.hiding._noted", set())
    monkeypatch.setenv("WHERE", "https://me:pass%20word-0123@host:9200/base?x=1")
    address = address_in("env:WHERE", kind="elasticsearch")
    assert shown_address(address) == "https://host:9200/base"
    assert hide("it was 'pass word-0123'") == "it was '[key]'"
    monkeypatch.delenv("WHERE")
    with pytest.raises(RecipeError, match="the environment variable WHERE, which url names, is not set"):
        address_in("env:WHERE", kind="elasticsearch")
    assert address_in("http://host", kind="qdrant") == "http://host"


def test_a_key_is_kept_in_mind_whatever_its_variable_is_called(monkeypatch):
    monkeypatch.setattr("hardneg.hiding._noted", set())
    monkeypatch.setenv("MINE", " very-secret-0123 ")
    assert asking.key_in("MINE") == "very-secret-0123"
    assert "very-secret" not in hide("very-secret-0123")
    assert asking.key_in("") is asking.key_in("NOT_SET") is None
    assert "NOT_SET" not in os.environ


def test_a_recipe_of_a_stranger_may_name_no_server_and_no_folder_that_a_client_trusts(tmp_path):
    place = Place(tmp_path / "recipe.toml", foreign=True)
    asked = {"use": "qdrant", "collection": "docs", "of": OF}
    with pytest.raises(RecipeError, match=r"names the server 'http://theirs', to which .* say --allow-code"):
        pick(SOURCE, asked | {"url": "http://theirs"}, place)
    with pytest.raises(RecipeError, match=r"names '.*theirs', which a library would read .* say --allow-code"):
        pick(SOURCE, asked | {"path": str(tmp_path / "theirs")}, place)
    pick(SOURCE, asked | {"url": "http://mine"}, Place(Path("mine.toml")))
    assert pick(SOURCE, asked | {"url": "http://mine"}, place).url == "http://mine"  # named by the user before
    with allowing(code=True):
        assert pick(SOURCE, asked | {"url": "http://theirs"}, place).url == "http://theirs"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "set url to the address of the server, or path to a folder"),
        ({"url": "http://host", "path": "folder"}, "one of them alone"),
        ({"url": "http://host", "pool": 0}, "pool is 0; set it to 1 or more"),
        ({"url": "http://host", "patience_s": -1}, "patience_s is -1.*; set it to 0 or more"),
        ({"url": "http://host", "api_key_env": "sk-0123456789"}, "api_key_env must name an environment variable"),
        ({"url": "http://host", "of": {"use": "bm25"}}, "the source 'bm25' has no vectors; name dense or vectors"),
        ({"url": "http://host", "name": " "}, "name is empty"),
    ],
)
def test_values_are_checked(options, message):
    with pytest.raises(RecipeError, match=message):
        pick(SOURCE, {"use": "qdrant", "collection": "docs", "of": OF} | options, Place(Path("test")))
