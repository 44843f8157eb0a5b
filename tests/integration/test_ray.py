"""Mining on a real Ray cluster of several nodes, against mining in one process."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hardneg as hn
from hardneg.cli.app import app
from hardneg.engines import Ray
from hardneg.errors import RecipeError, RunError
from hardneg.models import store
from hardneg.sources import BM25, Dense
from ray_sources import Troubled
from tiny_model import build_tiny_model
from toy import toy_dataset

RAY = Path(sys.executable).with_name("ray")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    """A head without room for work, and nodes with one processor each, as processes of their own."""

    def __init__(self):
        self.address = f"127.0.0.1:{free_port()}"
        self._nodes = []
        port = self.address.partition(":")[2]
        self._start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", "--disable-usage-stats")

    def _start(self, *arguments):
        command = [RAY, "start", *arguments, "--object-store-memory=100000000", "--block"]
        node = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._nodes.append(node)
        return node

    def node(self):
        return self._start(f"--address={self.address}", "--num-cpus=1")

    def join(self, cpus):
        import ray

        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if not ray.is_initialized():
                    ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
                if ray.cluster_resources().get("CPU", 0) == cpus:
                    return
            except (ConnectionError, RuntimeError, ValueError):
                pass
            time.sleep(0.2)
        raise TimeoutError(f"the cluster has {ray.cluster_resources()}")

    def kill(self, node):
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def stop(self):
        import ray

        ray.shutdown()
        for node in reversed(self._nodes):
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGTERM)
        for node in self._nodes:
            node.wait(60)


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield from started()


def started():
    one = Cluster()
    try:
        one.join(0)
        for cpus in (1, 2):
            one.node()
            one.join(cpus)
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture
def marks(tmp_path):
    (tmp_path / "marks").mkdir()
    return str(tmp_path / "marks")


def parts(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("part-*.parquet"))}


def hardneg(*arguments):
    app([str(each) for each in arguments], standalone_mode=False)


def mined(dataset, sources, out, engine=None, **how):
    return hn.mine(dataset, sources=sources, per_query=3, depth=8, block_size=4, out=out, engine=engine, **how)


def same(toy, sources, tmp_path, engine, **how):
    mined(toy, sources, tmp_path / "cluster", engine, **how)
    mined(toy, sources, tmp_path / "here", **how)
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")
    assert len(parts(tmp_path / "here")) > 8


def test_parts_have_the_bytes_of_one_process(cluster, toy, tmp_path, monkeypatch):
    model = build_tiny_model(tmp_path / "model", [*toy.query_texts, *toy.document_texts])
    sources = [BM25(), Dense(model=model, precision="fp32")]
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache-cluster"))
    mined(toy, sources, tmp_path / "cluster", Ray(address="auto"))
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache-here"))
    for kept in (store.document_vectors, store._split_vectors):
        kept.cache_clear()
    mined(toy, sources, tmp_path / "here")
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")
    vectors = [
        sorted((path.parent.name, path.read_bytes()) for path in (tmp_path / cache).rglob("vectors.npy"))
        for cache in ("cache-cluster", "cache-here")
    ]
    assert vectors[0] == vectors[1]
    assert len(vectors[0]) == 2


def test_a_filter_that_is_fitted_judges_the_same(cluster, toy, tmp_path):
    same(toy, [BM25()], tmp_path, Ray(), filters=["positive_percentile(score='bm25', percentile=50)"])


def test_a_block_whose_worker_was_killed_is_done_by_another(cluster, toy, tmp_path, marks):
    same(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path, Ray())
    assert os.listdir(marks) == ["9"]


def test_a_block_that_loses_every_worker_is_named_and_the_rest_is_kept(cluster, toy, tmp_path, marks):
    with pytest.raises(RunError, match=r"block 2 lost its worker 1 times.*the same command goes on"):
        mined(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path / "out", Ray(workers=1, tries=0))
    kept = parts(tmp_path / "out")
    assert kept
    mined(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path / "out", Ray(workers=1, tries=0))
    assert parts(tmp_path / "out").items() >= kept.items()


def test_what_a_source_objects_to_is_said_as_in_one_process(cluster, toy, tmp_path, marks):
    with pytest.raises(RecipeError, match="told to fail"):
        mined(toy, [Troubled(marks, query=9, trouble="fail")], tmp_path / "out", Ray())


def test_an_idle_worker_takes_the_block_of_a_slow_one(cluster, toy, tmp_path, marks):
    started = time.monotonic()
    same(toy, [Troubled(marks, query=9, trouble="120")], tmp_path, Ray())
    assert time.monotonic() - started < 100


def test_a_machine_that_is_lost_takes_nothing_with_it(cluster, toy, tmp_path, marks):
    third = cluster.node()
    cluster.join(3)
    source = [Troubled(marks, each=0.3)]
    killed = []

    class Killing(Ray):
        def each(self, work, numbers):
            for number in super().each(work, numbers):
                if not killed:
                    killed.append(cluster.kill(third))
                yield number

    mined(toy, source, tmp_path / "cluster", Killing())
    mined(toy, source, tmp_path / "here")
    assert killed
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")


DRIVER = """
import sys
import hardneg as hn
from hardneg.cli.app import app
from hardneg.engines import Ray
from ray_sources import Troubled
from toy import toy_dataset

hn.mine(toy_dataset(), sources=[Troubled(sys.argv[2], each=float(sys.argv[3]))], per_query=3, depth=8, block_size=4,
        out=sys.argv[1], engine=Ray(address=sys.argv[4]))
"""


def test_the_end_of_the_process_that_asks_loses_no_block(cluster, toy, tmp_path, marks):
    out = tmp_path / "cluster"
    command = [sys.executable, "-c", DRIVER, str(out), marks]
    paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    driver = subprocess.Popen([*command, "0.5", cluster.address], env=os.environ | paths)
    end = time.monotonic() + 120
    while not list(out.rglob("negatives/part-*.parquet")) and time.monotonic() < end:
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    time.sleep(1)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("negatives/part-*.parquet")}
    assert kept
    mined(toy, [Troubled(marks, each=0.5)], out, Ray())
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("negatives/part-*.parquet")}.items()
    mined(toy, [Troubled(marks, each=0.5)], tmp_path / "here")
    assert parts(out) == parts(tmp_path / "here")
    assert not list(out.rglob("*.tmp"))


def test_more_than_the_cluster_has_is_said_with_what_it_has(cluster, toy, tmp_path):
    with pytest.raises(RunError, match="no room for a worker of 9 CPU"):
        mined(toy, [BM25()], tmp_path / "out", Ray(cpus=9))


def test_an_engine_needs_a_folder(toy):
    with pytest.raises(RecipeError, match="give out"):
        hn.mine(toy, sources=[BM25()], engine=Ray())


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path):
    code = "from hardneg.engines import Ray; list(Ray(address='127.0.0.1:1').each(None, [1]))"
    paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True, check=False)
    assert "RunError: ray: no cluster at 127.0.0.1:1: [Errno 111] Connection refused. Start one" in ended.stderr


def test_the_command_mines_and_encodes_on_a_cluster(cluster, toy, tmp_path):
    toy.write(tmp_path / "data")
    tiny = build_tiny_model(tmp_path / "model", [*toy.query_texts, *toy.document_texts])
    on = ["--engine", "ray", "--address", "auto", "--workers", "2", "--quiet"]
    hardneg("encode", tmp_path / "data", "--model", tiny, "-o", tmp_path / "vectors", *on)
    sides = ", ".join(
        f"{kind[:-1] if kind != 'queries' else 'query'}_vectors='{tmp_path}/vectors/{kind}.npy'"
        for kind in ("documents", "queries")
    )
    mining = ["--source", f"vectors({sides})", "--block-size", "8"]
    hardneg("mine", tmp_path / "data", *mining, "-o", tmp_path / "cluster", *on)
    hardneg("mine", tmp_path / "data", *mining, "-o", tmp_path / "here", "--quiet")
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and token in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "--address and --workers belong to an engine: add --engine ray"),
        (["--engine", "spark"], "--engine spark: there is only ray; leave it out"),
    ],
)
def test_options_of_engines_that_do_not_fit_are_refused(toy, tmp_path, options, message):
    toy.write(tmp_path / "data")
    with pytest.raises(RecipeError, match=message):
        hardneg("mine", tmp_path / "data", "--source", "bm25", "-o", tmp_path / "out", *options)
