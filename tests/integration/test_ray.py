"""Mining on a real Ray cluster of several nodes, against mining in one process."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from counting_scorer import Counting
from engine_cases import FILTERS, full_toy, sources_of
from hardneg.cli.app import app, main
from hardneg.engines import Ray, sent_tables, working_on
from hardneg.errors import RecipeError, RunError
from hardneg.models import store
from hardneg.ray import mine_dataset, read_negatives
from hardneg.scoring import store as scores
from hardneg.sources import BM25, Dense
from object_store import object_store
from process_group import run_in_processes
from ray_sources import Troubled
from refreshing_cases import CLUSTERED, clustered
from stopping import weights
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
        less = ("--include-dashboard=false", "--disable-usage-stats", "--no-monitor")
        less += (f"--ray-client-server-port={free_port()}",)  # of its own, beside the cluster of another process
        self._start("--head", f"--port={port}", "--num-cpus=0", *less)

    def _start(self, *arguments):
        less = ("--object-store-memory=100000000", "--include-log-monitor=false")
        return self._run([RAY, "start", *arguments, *less, "--block"])

    def _run(self, command):
        node = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._nodes.append(node)
        return node

    def node(self):
        return self._start(f"--address={self.address}", "--num-cpus=1")

    def join(self, cpus):
        import ray

        end = time.monotonic() + 300
        while time.monotonic() < end:
            for node in [each for each in self._nodes if each.poll() is not None]:
                self._nodes.remove(node)  # Ray gives a node half a minute, which is little on a busy machine
                self._run(node.args)
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
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        self._nodes.remove(node)

    def stop(self):
        import ray

        ray.shutdown()
        for node in self._nodes[::-1]:
            self.kill(node)
        end = time.monotonic() + 10
        while (left := self._processes()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left

    def _processes(self):
        """The command lines of processes that belong to the cluster, by its address or its port."""
        port = self.address.partition(":")[2]
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return [line for line in lines if self.address in line or f"gcs_server_port={port}" in line]


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_gcs_rpc_server_connect_timeout_s", "60")  # on a machine that is busy with other tests
        patch.setenv("RAY_prestart_worker_first_driver", "0")  # processes that none of these tests would use
        read_settings()
        yield from started()
    read_settings()


def read_settings():
    """Have Ray read its environment again: it did when it was imported, as tests before these may have done."""
    from ray._raylet import Config

    Config.initialize("")


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
def crew(cluster):
    """Workers that stay for the rest of the tests; what needs the whole cluster comes before."""
    engine = Ray(address="auto", workers=2)
    with working_on(engine):
        yield engine


@dataclass(frozen=True)
class Through:
    """An engine with settings of its own and the workers of another; told of each block, by number, that is done."""

    engine: Ray
    shard_gb: float = 8
    told: object = None

    def each(self, work, numbers):
        for number in self.engine.each(work, numbers):
            if self.told is not None:
                self.told(number)
            yield number


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


def mined(dataset, sources, out, engine=None, block_size=4, **how):
    return hn.mine(dataset, sources=sources, per_query=3, depth=8, block_size=block_size, out=out, engine=engine, **how)


def same(toy, sources, tmp_path, engine, **how):
    mined(toy, sources, tmp_path / "cluster", engine, **how)
    mined(toy, sources, tmp_path / "here", **how)
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")
    assert len(parts(tmp_path / "here")) > 8


def test_an_engine_needs_a_folder(toy):
    with pytest.raises(RecipeError, match="give out"):
        hn.mine(toy, sources=[BM25()], engine=Ray())


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(RunError, match=r"ray: no cluster at 127.0.0.1:1: \[Errno 111\] Connection refused. Start one"):
        list(Ray(address="127.0.0.1:1").each(None, [1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "--address, --workers, --cpus, --gpus, --grows and --shard-gb belong to an engine"),
        (["--engine", "ray", "--gpus", "-1"], "gpus and tries not below"),
        (["--engine", "spark"], "--engine spark: there is only ray; leave it out"),
        (["--engine", "ray", "--grows"], "a cluster that grows has room for any number of workers; say how many"),
        (["--engine", "ray", "--shard-gb", "0"], "shard_gb is 0.0; set it above 0"),
    ],
)
def test_options_of_engines_that_do_not_fit_are_refused(toy, tmp_path, options, message):
    toy.write(tmp_path / "data")
    with pytest.raises(RecipeError, match=message):
        hardneg("mine", tmp_path / "data", "--source", "bm25", "-o", tmp_path / "out", *options)


def test_more_than_the_cluster_has_is_said_with_what_it_has(cluster, toy, tmp_path):
    with pytest.raises(RunError, match="no room for a worker of 9 CPU"):
        mined(toy, [BM25()], tmp_path / "out", Ray(cpus=9))


def test_a_block_that_loses_every_worker_is_named_and_the_rest_is_kept(cluster, toy, tmp_path, marks):
    with pytest.raises(RunError, match=r"block 2 lost its worker 1 times.*the same command goes on"):
        mined(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path / "out", Ray(workers=1, tries=0))
    kept = parts(tmp_path / "out")
    assert kept
    mined(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path / "out")
    assert parts(tmp_path / "out").items() >= kept.items()


DRIVER = """
import sys
import hardneg as hn
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
    mined(toy, [Troubled(marks, each=0.5)], out)
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("negatives/part-*.parquet")}.items()
    mined(toy, [Troubled(marks)], tmp_path / "here")
    assert parts(out) == parts(tmp_path / "here")
    assert not list(out.rglob("*.tmp"))


def test_a_machine_that_is_lost_takes_nothing_with_it(cluster, toy, tmp_path, marks):
    third = cluster.node()
    cluster.join(3)
    killed = []

    def kill(_number):
        if not killed:
            killed.append(cluster.kill(third))

    mined(toy, [Troubled(marks, each=0.3)], tmp_path / "cluster", Through(Ray(), told=kill))
    mined(toy, [Troubled(marks)], tmp_path / "here")
    assert killed
    assert parts(tmp_path / "cluster") == parts(tmp_path / "here")


@pytest.mark.filterwarnings("ignore")  # of Ray about itself
def test_two_workers_train_what_two_processes_of_torch_do(cluster, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Ray has it for workers of one core; sums differ by the threads
    start = build_tiny_model(tmp_path / "model", [*toy.query_texts, *toy.document_texts])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hn.train(start, toy, settings=CLUSTERED, out=tmp_path / "cluster", engine=Ray(workers=2))
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    run_in_processes(2, clustered, start, tmp_path)
    assert weights(tmp_path / "cluster") == weights(tmp_path / "run")
    assert not (tmp_path / "cluster" / ".ray").exists()


@pytest.mark.filterwarnings("ignore")  # of Ray about itself
def test_a_dataset_of_ray_is_mined_into_another(cluster, toy, tmp_path):
    import ray.data

    query, document = toy.pairs_of("train")
    pairs = {"query": toy.query_texts.gather(query), "positive": toy.document_texts.gather(document)}
    table = pl.DataFrame(pairs)
    how = {"sources": [BM25()], "per_query": 3, "depth": 8, "filters": []}
    negatives = mine_dataset(ray.data.from_arrow(table.to_arrow()), out=tmp_path / "cluster", engine=Ray(), **how)
    here = hn.mine(hn.read_dataset(table), out=tmp_path / "here", **how)
    assert parts(tmp_path / "cluster" / "negatives") == parts(tmp_path / "here" / "negatives")
    assert negatives.count() == here.negatives.height
    with pytest.raises(RunError, match="holds no part-"):
        read_negatives(tmp_path)


def test_parts_have_the_bytes_of_one_process_whole_and_in_shards(crew, toy, tmp_path, monkeypatch):
    model = build_tiny_model(tmp_path / "model", [*toy.query_texts, *toy.document_texts])
    sources = [BM25(), Dense(model=model, precision="fp32")]
    for name, engine in {"whole": crew, "shards": Through(crew, shard_gb=1e-6), "here": None}.items():
        monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / f"cache-{name}"))
        for kept in (store.document_vectors, store._split_vectors):
            kept.cache_clear()
        mined(toy, sources, tmp_path / name, engine)
    assert parts(tmp_path / "whole") == parts(tmp_path / "shards") == parts(tmp_path / "here")
    vectors = [
        sorted((path.parent.name, path.read_bytes()) for path in (tmp_path / f"cache-{name}").rglob("vectors.npy"))
        for name in ("whole", "shards", "here")
    ]
    assert vectors[0] == vectors[1] == vectors[2]
    assert len(vectors[0]) == 2


def test_a_filter_that_is_fitted_judges_the_same(crew, toy, tmp_path):
    same(toy, [BM25()], tmp_path, crew, filters=["positive_percentile(score='bm25', percentile=50)"])


def test_an_audit_counts_the_same(crew, toy):
    how = {"sources": [BM25()], "per_query": 3, "depth": 8, "block_size": 2, "seeds": 1}
    assert hn.audit(toy, engine=crew, **how).as_dict() == hn.audit(toy, **how).as_dict()


def test_an_evaluation_finds_the_same(crew, toy, tmp_path, monkeypatch):
    tiny = Dense(build_tiny_model(tmp_path / "model", [*toy.query_texts, *toy.document_texts]))
    heres = [hn.evaluate(toy, source, split="train", depth=10) for source in (BM25(), tiny)]
    monkeypatch.setattr("hardneg.evaluation.searching.retrieve_without", None)  # the process that asks searches nothing
    for source, here in zip((BM25(), tiny), heres, strict=True):
        for engine in (crew, Through(crew, shard_gb=1e-6)):
            with working_on(engine):
                there = hn.evaluate(toy, source, split="train", depth=10, block_size=5)
            assert there.run.equals(here.run)
            assert there.metrics == here.metrics


def test_teachers_write_into_one_store(crew, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "CHUNK", 10)
    negatives = mined(toy, [BM25()], tmp_path / "run")
    for name, engine in (("cluster", crew), ("here", None)):
        monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / f"cache-{name}"))
        hn.score(toy, negatives, Counting(), out=tmp_path / f"{name}.parquet", engine=engine)
    assert (tmp_path / "cluster.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_tasks_of_a_ladder_that_need_nothing_of_each_other_are_done_at_a_time(
    crew, bench, split_toy, tmp_path, tasks_here
):
    how = {"model": str(bench / "tiny"), "rungs": ["zero_shot", "in_batch"], "seeds": 1, "budget_steps": 2}
    how["settings"] = {"batch_size": 4, "precision": "fp32", "learning_rate": 1e-3}
    tables = [
        hn.ladder(split_toy, out=tmp_path / name, engine=engine, **how).frame()
        for name, engine in (("cluster", crew), ("here", None))
    ]
    columns = ["rung", "state", "dev", "test"]
    assert tables[0].select(columns).equals(tables[1].select(columns))


def test_trainings_of_a_fit_are_done_at_a_time(crew, split_toy, bench, tmp_path):
    how = {"model": str(bench / "tiny"), "strategies": ["in_batch", "mined_many"], "steps": 2}
    how["settings"] = {"batch_size": 4, "precision": "fp32", "learning_rate": 1e-3}
    done = []
    for name, engine in (("cluster", Through(crew, told=done.append)), ("here", None)):
        fitted = hn.fit(split_toy, out=tmp_path / name, engine=engine, **how)
        assert fitted.best
    assert done
    tables = [json.loads((tmp_path / name / "fit.json").read_text()) for name in ("cluster", "here")]
    assert len({json.dumps([table["choice"], table["test"]["rows"]]) for table in tables}) == 1
    assert weights(tmp_path / "cluster") == weights(tmp_path / "here")


def test_the_command_mines_and_encodes_on_a_cluster(crew, toy, tmp_path):
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


def test_what_a_cluster_mines_is_published_at_an_address(crew, toy, tmp_path):
    toy.write(tmp_path / "data")
    mining = ["--source", "bm25(analyzer='plain')", "--depth", "9", "--block-size", "4", "--quiet"]
    with object_store() as store:
        store.put(f"{tmp_path / 'data'}/", "bucket/data/", recursive=True)
        on = ["--engine", "ray", "--address", "auto", "--workers", "2"]
        assert main(["mine", "s3://bucket/data", "-o", "s3://bucket/run", *mining, *on]) == 0
        there = {name.removeprefix("bucket/run/"): store.cat_file(name) for name in store.find("bucket/run")}
    hardneg("mine", tmp_path / "data", "-o", tmp_path / "here", *mining)
    written = {name: content for name, content in there.items() if "/part-" in name}
    assert written == parts(tmp_path / "here")
    assert {f"{name}/.checksums" for name in ("candidates", "negatives")} <= set(there)


def test_a_block_whose_worker_was_killed_is_done_by_another(crew, toy, tmp_path, marks):
    same(toy, [Troubled(marks, query=9, trouble="kill")], tmp_path, crew)
    assert os.listdir(marks) == ["9"]


def test_a_worker_without_memory_is_replaced_by_another(crew, toy, tmp_path, marks):
    same(toy, [Troubled(marks, query=9, trouble="memory")], tmp_path, crew)
    assert os.listdir(marks) == ["9"]


@pytest.mark.parametrize(("shard_gb", "n_filters"), [(8, None), (1e-6, 0)])
def test_each_source_and_filter_does_the_same_with_mapped_tables(crew, tmp_path, monkeypatch, shard_gb, n_filters):
    monkeypatch.setattr(sent_tables, "LEAST", 1)
    dataset = full_toy()
    sources = list(sources_of(dataset, tmp_path).values())
    filters = sorted(FILTERS.values(), key=lambda filter_: filter_.name != "learned")[:n_filters]
    same(dataset, sources, tmp_path, Through(crew, shard_gb), filters=filters, block_size=16)


def test_a_full_object_store_changes_nothing(crew, toy, tmp_path):
    import ray

    held = [ray.put(np.full(2**21, number, dtype=np.float64)) for number in range(8)]  # 134 MB where there are 100
    same(toy, [BM25()], tmp_path, crew)
    assert [float(ray.get(each)[0]) for each in held] == list(range(8))


def test_what_a_source_objects_to_is_said_as_in_one_process(crew, toy, tmp_path, marks):
    with pytest.raises(RecipeError, match="told to fail"):
        mined(toy, [Troubled(marks, query=9, trouble="fail")], tmp_path / "out", crew)


def test_an_idle_worker_takes_the_block_of_a_slow_one(crew, toy, tmp_path, marks):
    started = time.monotonic()
    same(toy, [Troubled(marks, query=9, trouble="120")], tmp_path, crew)
    assert time.monotonic() - started < 100
