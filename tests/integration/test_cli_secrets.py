"""Keys are planted wherever people keep them, servers echo them, and then everything that was written is searched."""

import html
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from answer_toy import answer_toy
from hardneg.cli import main
from local_llm_server import embeddings, problem, serving, verdict

KEYS = {
    "OPENAI_API_KEY": "sk-llm/a\"b%c\\d'0123",
    "HF_TOKEN": "hf_PlantedForTheHub0123456789",
    "WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567",
    "AWS_SECRET_ACCESS_KEY": "aws/secret+key=0123456789",
    "MY_DATABASE_PASSWORD": "correct horse battery",
    "ELASTIC_API_KEY": "elastic/key\"b%c\\d'0123",
    "QDRANT_API_KEY": "qdrant/key\"b%c\\d'0123",
}
ADDRESSES = (
    "https://me:address-password@host/data",
    "https://host/data?token=address-token-0123",
    "https://me:address-password@host/v1?api_key=address-token-0123#model",
)
OPENLY = ("address-password", "address-token-0123")
BM25 = ("--source", "bm25(analyzer='plain')", "--per-query", "2", "--depth", "8")


@contextmanager
def hub():
    """A Hub that refuses everything, and says back all that it was told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            said = " ".join(value for _, value in self.headers.items())
            body = json.dumps({"error": f"no use: {said} {urllib.parse.quote(said)}"}).encode()
            self.send_response(403)
            self.send_header("X-Error-Message", f"no use: {said}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def forms(key):
    plain = (key, json.dumps(key)[1:-1], json.dumps(key)[1:-1].replace("/", "\\/"), html.escape(key))
    return {
        form.encode() for form in (*plain, urllib.parse.quote(key, safe=""), json.dumps(json.dumps(key)[1:-1])[1:-1])
    }


def where_a_key_stands(folder, *texts):
    """List what holds one of the planted keys in some form."""
    wanted = {form for key in (*KEYS.values(), *OPENLY) for form in forms(key)}
    contents = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    contents |= {f"output {number}": text.encode() for number, text in enumerate(texts)}
    return sorted({name for name, content in contents.items() for form in wanted if form in content})


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    more = {"HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
    for name, value in (KEYS | more | {"HARDNEG_CACHE": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return answer_toy(n_queries=20).write(tmp_path / "data")


@pytest.fixture
def run(surroundings, tmp_path, capfd):
    """Runs hardneg with a log; gives its status and what it wrote on the terminal."""

    def command(*arguments):
        status = main(["--log", str(tmp_path / "log.jsonl"), *map(str, arguments)])
        return status, "".join(capfd.readouterr())

    return command


def in_process(*arguments, code="from hardneg.__main__ import main; main()", **surroundings):
    """Run hardneg in a process of its own, as people do."""
    environment = {**os.environ, **surroundings, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "--log", "log.jsonl", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_judge_that_echoes_its_key(run, surroundings, tmp_path):
    key = KEYS["OPENAI_API_KEY"]
    echo = f"{key} {urllib.parse.quote(key, safe='')} {html.escape(key)}"
    scripts = {
        401: lambda asked: problem(401, echo),
        500: lambda asked: problem(500, echo),
        200: lambda asked: verdict("yes", f"was told {echo}"),
    }
    outputs = []
    for status, script in scripts.items():
        with serving(script) as server:
            scorer = {"use": "llm_judge", "base_url": server.base_url, "model": "test", "backoff_s": 0.001}
            judge = f"teacher_threshold(above=0.5, scorer={scorer | {'max_retries': 1}})"
            code, output = run("mine", surroundings, "-o", tmp_path / "run", *BM25, "--filter", judge, "--yes")
        assert code == (0 if status == 200 else 2)
        assert "[key]" in output or status == 200
        outputs.append(output)
    assert b"[key]" in (tmp_path / "cache" / "verdicts" / "verdicts.sqlite").read_bytes()
    assert run("report", tmp_path / "run")[0] == 0
    assert where_a_key_stands(tmp_path, *outputs) == []


def test_an_embedding_api_that_echoes_its_key(run, surroundings, tmp_path):
    key = KEYS["OPENAI_API_KEY"]
    echo = f"{key} {urllib.parse.quote(key, safe='')} {html.escape(key)}"
    scripts = {
        401: lambda asked: problem(401, echo),
        500: lambda asked: problem(500, echo),
        400: lambda asked: problem(400, echo),
        201: lambda asked: embeddings(asked, lambda text: [1.0], data=echo),
        200: lambda asked: embeddings(asked, lambda text: [1.0, float(len(text))], model=echo, more=echo),
    }
    outputs = []
    for status, script in scripts.items():
        with serving(script) as server:
            dense = f"dense(model='{server.base_url}?backoff_s=0.001&max_retries=1#test')"
            source = ("--source", dense, "--per-query", "2", "--depth", "8")
            code, output = run("mine", surroundings, "-o", tmp_path / "run", *source, "--yes")
        assert code == (0 if status == 200 else 2), output
        assert "[key]" in output or status == 200
        outputs.append(output)
    assert run("report", tmp_path / "run")[0] == 0
    assert where_a_key_stands(tmp_path, *outputs) == []


@pytest.mark.parametrize("asked", [["--model", "them/theirs"], ["hf:them/theirs", *BM25]])
def test_a_hub_that_echoes_its_token(surroundings, tmp_path, asked):
    data = [] if asked[0].startswith("hf:") else [surroundings]
    with hub() as address:
        code, output = in_process("mine", *data, *asked, "-o", tmp_path / "run", HF_ENDPOINT=address)
    assert code == 2, output
    assert "Traceback" not in output
    assert where_a_key_stands(tmp_path, output) == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_with_a_password_or_a_token(run, surroundings, tmp_path, address):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'dataset = "{address}"\nmodel = "{address}"\n')
    commands = [
        ("mine", address, "-o", tmp_path / "a", *BM25),
        ("mine", surroundings, "-o", tmp_path / "b", "--model", address),
        ("run", recipe, "-o", tmp_path / "c"),
        ("run", recipe, "-o", tmp_path / "d", "--dataset", surroundings),
        ("evaluate", surroundings, "--model", address, "-o", tmp_path / "e"),
        ("train", surroundings, "--model", address, "-o", tmp_path / "f"),
        ("encode", surroundings, "--model", address, "-o", tmp_path / "g"),
        ("encode", address, "--model", "tiny", "-o", tmp_path / "h"),
        ("fit", address, "-o", tmp_path / "i", "--steps", "2"),
        ("data", "check", address),
        ("export", address, "-o", tmp_path / "j.jsonl"),
        ("verify", address),
        ("compare", address, tmp_path),
    ]
    outputs = []
    for command in commands:
        code, output = run(*command)
        assert code == 2, output
        outputs.append(output)
    recipe.unlink()
    assert where_a_key_stands(tmp_path, *outputs) == []


def test_servers_of_indexes_that_echo_their_keys_and_databases_that_are_away(run, surroundings, tmp_path, monkeypatch):
    dense = "{'use': 'dense', 'model': 'any'}"
    monkeypatch.setenv("WITH_PASSWORD", "postgresql://me:address-password@127.0.0.1:1/postgres")
    outputs = []
    with hub() as address:
        for source in (
            f"elasticsearch_text(collection='docs', url='{address}')",
            f"qdrant(collection='docs', url='{address}', of={dense})",
            "postgres_text(table='docs', url='env:WITH_PASSWORD', patience_s=0)",
            f"postgres_text(table='docs', url='{ADDRESSES[0].replace('https', 'postgresql')}')",
            f"qdrant(collection='docs', url='{ADDRESSES[1]}', of={dense})",
        ):
            code, output = run("mine", surroundings, "-o", tmp_path / "run", "--source", source)
            assert code == 2, output
            outputs.append(output)
    assert where_a_key_stands(tmp_path, *outputs) == []


BROKEN = """
import os
import hardneg.reports.write as module

def broken(*_, **__):
    raise ZeroDivisionError("with " + os.environ["HF_TOKEN"])

module.write_report = broken
from hardneg.__main__ import main
main()
"""


def test_a_fault_of_our_own_shows_where_it_is_but_no_key(surroundings, tmp_path):
    _, output = in_process("report", ".", code=BROKEN)
    assert "Traceback" in output
    assert "ZeroDivisionError: with [key]" in output
    assert where_a_key_stands(tmp_path, output) == []
