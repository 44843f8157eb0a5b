"""Datasets, vectors and run folders at addresses of a real S3-compatible server that the tests start."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import typer

import hardneg as hn
from hardneg.addresses import STANDING, shown_place
from hardneg.audits.verdict_store import database_of, opened
from hardneg.cli import addresses, main
from hardneg.cli.app import app
from hardneg.errors import DatasetError, LockedError, RecipeError, StorageError
from hardneg.review.session import opened_review
from hardneg.runs import publishing, writing_there
from hardneg.runs.publishing import published
from hardneg.runs.writer import Writer
from hardneg.runs.writing_there import claimed
from hardneg.storage import bring, objects
from hardneg.storage.listing import read_listing
from hardneg.storage.objects import Objects
from object_store import KEY, SECRET, answering, object_store

BM25 = ["--source", "bm25(analyzer='plain')", "--depth", "9", "--block-size", "7", "--quiet"]
PAUSING = ["--source", "pausing_source:Pausing", "--depth", "9", "--block-size", "4", "--quiet"]
STOPS = """
import sys
from hardneg.cli import addresses, main
from hardneg.runs import publishing
from pausing_source import Pausing
publishing.EVERY_S, Pausing.patience = 0.1, 2
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def files(bench):
    with object_store() as store:
        for name in ("data", "tiny"):
            store.put(f"{bench / name}/", f"bucket/{name}/", recursive=True)
        yield store


@pytest.fixture
def at(files, tmp_path, monkeypatch):
    """An address of the test's own, and a cache as a machine has that never saw it."""
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(publishing, "EVERY_S", 0.1)
    monkeypatch.setattr(writing_there, "BEAT_S", 0.1)
    monkeypatch.setattr(writing_there, "_POLL_S", 0.05)
    return f"s3://bucket/{tmp_path.name}"


def results(folder):
    """What was mined, byte by byte."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def objects_at(files, address):
    root = address.removeprefix("s3://")
    return {name.removeprefix(f"{root}/"): files.cat_file(name) for name in files.find(root)}


def test_mining_from_and_to_an_address_gives_the_bytes_of_a_folder(files, bench, at, tmp_path, capsys):
    assert main(["mine", "s3://bucket/data", "-o", f"{at}/run", *BM25]) == 0
    assert f"Negatives are in {at}/run/negatives" in capsys.readouterr().out.replace("\n", "")
    assert main(["mine", str(bench / "data"), "-o", str(tmp_path / "run"), *BM25]) == 0
    there = objects_at(files, f"{at}/run")
    assert {name: content for name, content in there.items() if name.endswith(".parquet")} == results(tmp_path / "run")
    inside = {name for name in there if name.startswith(".hardneg/")}
    assert inside == {".hardneg/list-000001.json", ".hardneg/writer-000001.json"}
    # What is there says where the data are, and no key.
    assert json.loads(there[".status.json"])["dataset"] == "s3://bucket/data"
    assert not [name for name, content in there.items() if KEY.encode() in content or SECRET.encode() in content]

    # From there it is verified, and handed on, also where nobody knows the run.
    assert main(["verify", f"{at}/run", "--quiet"]) == 0
    assert main(["export", f"{at}/run", "-o", f"{at}/out/pairs.jsonl", "--quiet"]) == 0
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "pairs.jsonl"), "--quiet"]) == 0
    exported = objects_at(files, f"{at}/out")
    assert exported["pairs.jsonl"] == (tmp_path / "pairs.jsonl").read_bytes()
    assert set(exported) == {"pairs.jsonl", "pairs.jsonl.manifest"}
    assert main(["status", f"{at}/run"]) == 0
    assert f"{at}/run: hardneg mine, finished" in capsys.readouterr().out


def test_only_what_has_changed_is_read_again(files, at, monkeypatch):
    files.copy("bucket/data", at.removeprefix("s3://"), recursive=True)
    fetched = []
    fetch = Objects.fetch
    monkeypatch.setattr(Objects, "fetch", lambda self, name, path: fetched.append(name) or fetch(self, name, path))
    before = hn.read_dataset(at)
    assert before.fingerprint == hn.read_dataset("s3://bucket/data").fingerprint
    n_files = len(fetched) // 2
    assert hn.read_dataset(Path(at)).fingerprint == before.fingerprint  # a path lacks a slash
    assert len(fetched) == 2 * n_files > 0

    queries = f"{at.removeprefix('s3://')}/queries.parquet"
    files.pipe_file(queries, (bring(at) / "queries.parquet").read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"queries\.parquet"):
        hn.read_dataset(at)
    assert fetched[2 * n_files :] == ["queries.parquet"]


def test_mining_that_was_killed_goes_on_on_another_machine(files, bench, at, tmp_path, monkeypatch):
    command = ["mine", str(bench / "data"), "-o", f"{at}/run", *PAUSING]
    with subprocess.Popen(
        [sys.executable, "-c", STOPS, *command],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "HARDNEG_CACHE": str(tmp_path / "other")},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"standing still\n"
        until = time.monotonic() + 30
        while "negatives/part-00001.parquet" not in read_listing(Objects(f"{at}/run")).files:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.kill()
    import pausing_source

    monkeypatch.setattr(pausing_source.Pausing, "n_blocks", 0)
    assert main(command) == 0
    assert pausing_source.Pausing.n_blocks == 3  # of five
    assert main(["mine", str(bench / "data"), "-o", str(tmp_path / "run"), *PAUSING]) == 0
    there = objects_at(files, f"{at}/run")
    assert {name: content for name, content in there.items() if name.endswith(".parquet")} == results(tmp_path / "run")
    assert not [name for name in there if name.startswith(".hardneg/") and "-000002." not in name]


def test_a_reader_never_sees_half_of_a_step(files, at, tmp_path):
    with published(at) as folder:
        (folder / "old").write_text("first")
        until_published(at, "old")
        (folder / "old").write_text("second")
        (folder / "new").write_text("first")
        until_published(at, "new")
        # What the list before named is still there, and nobody who reads without the list sees both.
        assert objects_at(files, at)["old"] == b"first"
        assert (read_elsewhere(at, tmp_path / "reader") / "old").read_text() == "second"
    assert {name: content for name, content in objects_at(files, at).items() if not name.startswith(".")} == {
        "old": b"second",
        "new": b"first",
    }


def read_elsewhere(address, cache):
    """Bring what is at an address as a process does that does not publish there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARDNEG_CACHE", str(cache))
        patch.delenv(STANDING)
        return bring(address)


def until_published(address, name):
    until = time.monotonic() + 20
    while name not in read_listing(Objects(address)).files:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_is_damaged_is_named_and_what_is_deleted_is_made_anew(files, bench, at, tmp_path, capsys, monkeypatch):
    command = ["mine", str(bench / "data"), "-o", f"{at}/run", *BM25]
    assert main(command) == 0
    part = f"{at.removeprefix('s3://')}/run/negatives/part-00001.parquet"
    whole = files.cat_file(part)
    for damaged, how in ((whole[:-20], "bytes, not"), (whole[:-9] + b"?" + whole[-8:], "its checksum differs")):
        files.pipe_file(part, damaged)
        monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "another"))
        for reads in (bring, lambda address: published(address).__enter__()):
            with pytest.raises(StorageError, match=f"s3://{part} is not what was published there.*{how}"):
                reads(f"{at}/run")
    files.rm_file(part)
    assert main(command) == 0
    assert files.cat_file(part) == whole

    listing = files.find(f"{at.removeprefix('s3://')}/run/.hardneg")[0]
    files.pipe_file(listing, files.cat_file(listing).replace(b"part-00001", b"part-00007"))
    assert main(["status", f"{at}/run"]) == 2
    assert "is damaged (its checksum differs)" in capsys.readouterr().err


def test_one_writer_an_address(bench, at, capsys):
    with claimed(Objects(f"{at}/run")) as claim:
        assert main(["mine", str(bench / "data"), "-o", f"{at}/run", *BM25]) == 2
        assert f"{at}/run is being written by `" in capsys.readouterr().err
        # One on another machine that gives no sign of life any more, and comes back.
        elsewhere = replace(claim, generation=7, writer=replace(Writer.this(), host="elsewhere", boot="1"))
        Objects(f"{at}/run").write(elsewhere.name, elsewhere.content(3))
        assert main(["mine", str(bench / "data"), "-o", f"{at}/run", *BM25]) == 0
        with pytest.raises(LockedError, match="taken over by"):
            elsewhere.check()
    assert read_listing(Objects(f"{at}/run")).generation == 8


def test_what_somebody_else_put_there_is_left_alone(files, bench, at, capsys):
    files.pipe_file(f"{at.removeprefix('s3://')}/notes.txt", b"mine")
    assert main(["mine", str(bench / "data"), "-o", at, *BM25]) == 2
    assert "holds 1 objects that hardneg did not publish, the first notes.txt" in capsys.readouterr().err
    assert set(objects_at(files, at)) == {"notes.txt"}
    assert main(["mine", str(bench / "data"), "-o", f"{at}/run", *BM25, "--split", "nowhere"]) == 2
    assert set(objects_at(files, at)) == {"notes.txt"}  # nothing was mined, and nothing was left


def test_vectors_and_a_model_at_an_address(files, bench, at, tmp_path, monkeypatch):
    model = ["--model", str(bench / "tiny")]
    assert main(["encode", "s3://bucket/data", *model, "-o", f"{at}/vectors", "--quiet"]) == 0
    assert main(["encode", str(bench / "data"), *model, "-o", str(tmp_path / "vectors"), "--quiet"]) == 0
    for place, out in ((f"{at}/vectors", f"{at}/run"), (tmp_path / "vectors", tmp_path / "run")):
        source = f"vectors(document_vectors='{place}/documents.npy', query_vectors='{place}/queries.npy')"
        assert main(["mine", str(bench / "data"), "-o", str(out), "--source", source, "--depth", "9", "--quiet"]) == 0
    mined = {name: each for name, each in objects_at(files, f"{at}/run").items() if name.endswith(".parquet")}
    assert mined == results(tmp_path / "run")

    steps = ["--set", "epochs=1", "--set", "batch_size=16", "--quiet"]
    train = ["train", "s3://bucket/data", *model, "--negatives", f"{at}/run", "-o", f"{at}/trained", *steps]
    assert main(train) == 0
    weights = objects_at(files, f"{at}/trained")["model/model.safetensors"]
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "another"))
    assert (bring(f"{at}/trained/model") / "model.safetensors").read_bytes() == weights


def test_no_command_takes_an_address_for_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program, n_refused, n_taken = typer.main.get_command(app), 0, 0
    monkeypatch.setattr(typer.main, "get_command", lambda _: program)  # made once, not hundreds of times
    for names, command in commands(program):
        for parameter in command.params:
            there = (" ".join(names), parameter.name)
            if getattr(parameter, "is_flag", False) or addresses.what_becomes(*there, "s3://bucket/place", set()):
                n_taken += 1
                continue
            option = next((each for each in parameter.opts if each.startswith("--")), None)
            before = (
                [] if option else ["x" for each in command.params[: command.params.index(parameter)] if is_word(each)]
            )
            words = [*names, *([option] if option else before), "s3://bucket/place"]
            with (
                pytest.raises(RecipeError, match="s3://bucket/place is an address"),
                addresses.at_addresses(words, app),
            ):
                pass
            n_refused += 1
    assert n_refused > 200 < n_taken
    assert main(["review", "run", "--database", "s3://bucket/place"]) == 2
    assert "hardneg review: --database: s3://bucket/place is an address" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def is_word(parameter):
    return not any(name.startswith("-") for name in parameter.opts)


def commands(group, names=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


def test_what_cannot_be_is_said_in_one_message(tmp_path, split_toy, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, message in (
        (["mine", "data", "-o", "http://host/run"], "http://host/run is an address that hardneg cannot use"),
        (["mine", "data", "-o", f"s3://{KEY}:{SECRET}@bucket/run"], "has a user or a key in it"),
        (["mine", "s3://", "-o", "run"], "names no bucket"),
        (["mine", "gs://bucket/data", "-o", "run"], "pip install 'hardneg[gs]'"),
        (["mine", "memory://nowhere/data", "-o", "run"], "memory://nowhere/data holds nothing"),
        (["mine", "data", "-o", "run", "--verdicts", "http://host/all.csv"], "hardneg cannot use"),
    ):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert message in error
        assert SECRET not in error
    monkeypatch.setenv("HARDNEG_CACHE", "s3://bucket/cache")
    with pytest.raises(RecipeError, match="HARDNEG_CACHE: s3://bucket/cache is an address"):
        bring("memory://nowhere/data")
    with pytest.raises(RecipeError, match="published"):
        hn.mine(split_toy, sources=["bm25"], out="s3://bucket/run")
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_would_lie_outside_of_the_folder_is_refused(files, at):
    Objects(at).write(".hardneg/list-000001.json", b"{}")
    with pytest.raises(StorageError, match="is damaged"):
        bring(at)


def test_a_whole_run_and_what_is_done_with_it(files, bench, at, tmp_path, monkeypatch, capsys):
    recipe = (bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', "").replace("s = 2", "s = 1")
    for place, file in (("s3://bucket", "there.toml"), (bench, "here.toml")):
        named = recipe.replace('"data"', f'"{place}/data"').replace('"tiny"', f'"{place}/tiny"')
        (tmp_path / file).write_text(named)
    files.put_file(str(tmp_path / "there.toml"), f"{at.removeprefix('s3://')}/small.toml")
    assert main(["run", f"{at}/small.toml", "-o", f"{at}/run", "--quiet"]) == 0
    assert main(["run", str(tmp_path / "here.toml"), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    capsys.readouterr()
    there = objects_at(files, f"{at}/run")
    assert {name: each for name, each in there.items() if name.endswith(".parquet")} == results(tmp_path / "run")
    weights = next(name for name in there if name.endswith("model.safetensors"))
    assert there[weights] == (tmp_path / "run" / weights).read_bytes()

    # On another machine the same command has nothing to do, and a page is written where the run is.
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "another"))
    assert main(["run", f"{at}/small.toml", "-o", f"{at}/run", "--quiet"]) == 0
    files.rm_file(f"{at.removeprefix('s3://')}/run/report.html")
    assert main(["report", f"{at}/run"]) == 0
    assert f"The report is {at}/run/report.html" in capsys.readouterr().out.replace("\n", "")
    assert main(["report", f"{at}/run", "-o", f"{at}/pages/one.html", "--quiet"]) == 0
    assert set(objects_at(files, f"{at}/pages")) == {"one.html"}
    model = f"{at}/run/{weights.rpartition('/')[0]}"
    assert main(["evaluate", "s3://bucket/data", "--model", model, "-o", f"{at}/measured", "--quiet"]) == 0
    assert "metrics.json" in objects_at(files, f"{at}/measured")
    assert main(["report", f"{at}/nothing"]) == 2
    assert f"{at}/nothing" in capsys.readouterr().err
    assert objects_at(files, f"{at}/nothing") == {}


def test_verdicts_are_published_as_they_are_given(files, bench, at, tmp_path):
    run = ["mine", str(bench / "data"), "-o", f"{at}/run", *BM25, "--filter", "known_positives"]
    assert main(run) == 0
    with (
        published(f"{at}/run") as folder,
        opened_review(folder, hn.read_dataset(bench / "data"), database_of(folder), wanted={}) as review,
    ):
        for pair, verdict in enumerate(("answer", "not_answer", "answer")):
            review.judge(pair, "somebody", verdict)
            until_published(at + "/run", "review/verdicts.sqlite")
            with opened(database_of(read_elsewhere(f"{at}/run", tmp_path / f"reader {pair}"))) as store:
                assert store.votes().height <= pair + 1
    assert not [name for name in objects_at(files, f"{at}/run") if "-wal" in name or "-shm" in name]
    assert main(["review", f"{at}/run", "--export", f"{at}/verdicts/all.csv"]) == 0
    assert objects_at(files, f"{at}/verdicts")["all.csv"].count(b"\r\n") == 4
    assert main([*run[:2], "-o", f"{at}/again", *run[4:], "--verdicts", f"{at}/run"]) == 0


def test_what_lies_in_a_published_folder_is_known_by_its_address(at, split_toy):
    with published(f"{at}/fit") as folder:
        split_toy.write(folder / "dataset")
        assert shown_place((folder / "dataset").resolve()) == f"{at}/fit/dataset"
        assert bring(f"{at}/fit/dataset") == folder / "dataset"  # though nothing was sent yet
        assert hn.read_dataset(f"{at}/fit/dataset").fingerprint == split_toy.fingerprint


@pytest.mark.parametrize("code", ["", "NotImplemented"])
def test_a_store_that_cannot_keep_writers_apart_is_refused(bench, tmp_path, monkeypatch, capsys, code):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    with object_store(lambda app: answering(app, code)) as store:
        assert main(["mine", str(bench / "data"), "-o", "s3://bucket/unguarded", *BM25]) == 2
        error = capsys.readouterr().err
        assert "hardneg: s3://bucket/unguarded lies in a store that " in error
        assert ("not implemented" in error) == (code != "")
        assert "(If-None-Match), so nothing would keep two writers apart there; write to a folder" in error
        assert store.find("bucket/unguarded") == []


def test_a_large_file_is_sent_in_parts(files, at, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_LARGE", 1 << 20)
    monkeypatch.setitem(objects._OVERWRITING, "s3", {"chunksize": 5 << 20})  # the least that S3 takes; else 50 MB
    (tmp_path / "large").write_bytes(os.urandom(11 << 20))
    with published(f"{at}/run") as folder:
        shutil.copy(tmp_path / "large", folder / "large")
    assert files.info(f"{at.removeprefix('s3://')}/run/large")["ETag"].strip('"').endswith("-3")
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "another"))
    assert (bring(f"{at}/run") / "large").read_bytes() == (tmp_path / "large").read_bytes()
