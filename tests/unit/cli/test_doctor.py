"""`hardneg doctor` and `hardneg cache`: what they say is so, and what they delete is what they showed."""

import json
import os
import time

import pytest

from hardneg.cli import main
from hardneg.models.store import cache_folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path))
    for kind, name, days in (("vectors", "old", 40), ("vectors", "new", 0), ("models", "old", 40)):
        place = cache_folder() / kind / name
        place.mkdir(parents=True)
        (place / "data").write_bytes(b"x" * 1000)
        then = time.time() - days * 86_400
        os.utime(place / "data", (then, then))
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "verdicts.sqlite").write_bytes(b"paid")
    os.utime(tmp_path / "verdicts" / "verdicts.sqlite", (0, 0))
    return tmp_path


def said(capsys, *command):
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_doctor_looks_at_all_and_says_what_to_do(cache, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    looks = said(capsys, "doctor")
    names = {"versions", "processor", "arithmetic", "devices", "threads", "disk", "cache", "hub"}
    assert names <= set(looks)
    assert "hardneg" in looks["versions"]["value"]
    assert "wait for each other" in looks["threads"]["advice"]
    assert "HF_HUB_OFFLINE" in looks["hub"]["value"]
    assert looks["cache"]["value"].startswith("4 entries")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["doctor"]) == 0
    assert "\x1b[" not in capsys.readouterr().out


def test_an_extra_that_lacks_a_package_is_named_with_the_way_to_get_it(cache, capsys, monkeypatch):
    import hardneg.verbs.doctor as doctor

    there = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "peft" else there(name))
    assert said(capsys, "doctor")["extra peft"]["advice"] == "pip install 'hardneg[peft]'"


def test_what_is_kept_is_listed_and_what_is_old_goes_on_request(cache, capsys):
    assert {(each["kind"], each["bytes"]) for each in said(capsys, "cache", "ls")} == {
        *(("vectors", 1000), ("models", 1000), ("verdicts", 4)),
    }
    removed = said(capsys, "cache", "prune", "--older-than", "30", "--yes")["removed"]
    assert {each["path"] for each in removed} == {str(cache / "vectors" / "old"), str(cache / "models" / "old")}
    assert (cache / "vectors" / "new").exists()
    assert (cache / "verdicts" / "verdicts.sqlite").exists()  # paid for
    assert not (cache / "vectors" / "old").exists()


def test_nothing_goes_without_a_yes_and_an_unknown_kind_is_refused(cache, capsys, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert main(["cache", "prune"]) == 3
    assert (cache / "vectors" / "old").exists()
    assert "2 entries" in capsys.readouterr().out
    assert main(["cache", "prune", "--kind", "pictures"]) == 2
    assert "no kind 'pictures'; name one of: vectors, indexes, models" in capsys.readouterr().err
