"""What an engine does is to the byte what this process does, whatever is cut into blocks."""

import os
import pickle

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from answer_toy import SharedWords, answer_toy
from copies import Copies
from counting_scorer import Counting
from engine_cases import BY_WORDS, FILTERS, full_toy, sources_of
from hardneg import domains, filters, sources
from hardneg.audits.blocks import AuditBlocks
from hardneg.engines import sent_tables, share_of, shared, working_on
from hardneg.engines.protocol import seated
from hardneg.errors import RecipeError
from hardneg.models import store as vectors
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.scoring import store
from hardneg.scoring.llm import judge as judging
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.sources import BM25, Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from hardneg.verbs.audit import audit_filters
from local_llm_server import serving, verdict
from stopping import weights
from tiny_model import build_tiny_model
from toy import toy_dataset

FULL = full_toy()
BM25_ONLY = {"sources": [BM25(analyzer="plain")], "per_query": 3, "depth": 12, "block_size": 20}


SERVED = {"qdrant", "lancedb", "pgvector", "postgres_text", "elasticsearch", "elasticsearch_text"}  # by a server
FOUND_BY = sorted((sources.SOURCES | domains.SOURCES).keys() - SERVED)


@pytest.fixture(autouse=True)
def everything_in_files(monkeypatch):
    """Tables and arrays of whatever size come to workers as mapped files, which nobody may write to."""
    monkeypatch.setattr(sent_tables, "LEAST", 1)


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def answers():
    return answer_toy(n_queries=80)


@pytest.fixture(scope="module")
def model(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("model"), [*toy.query_texts, *toy.document_texts])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Change to another cache, from which nothing is known."""

    def change(name):
        monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / name))
        for kept in (vectors.document_vectors, vectors._split_vectors):
            kept.cache_clear()

    return change


def parts(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("part-*.parquet"))}


@pytest.mark.parametrize("shard_gb", [8, 1e-6])
def test_mined_parts_are_the_same_whole_or_in_shards(toy, model, tmp_path, cache, shard_gb):
    how = {"sources": [BM25(), Dense(model=model, precision="fp32")], "per_query": 3, "depth": 8, "block_size": 5}
    cache("here")
    hn.mine(toy, out=tmp_path / "here", **how)
    cache("there")
    engine = Copies(shard_gb)
    hn.mine(toy, out=tmp_path / "there", engine=engine, **how)
    assert parts(tmp_path / "there") == parts(tmp_path / "here")
    assert ("ShardSearch" in engine.works) == (shard_gb < 1)
    assert ("TermCounts" in engine.works) == (shard_gb < 1)
    assert not list((vectors.cache_folder()).rglob("*.npz"))  # what was searched for is gone


@pytest.fixture(scope="module")
def each_source(tmp_path_factory):
    return sources_of(FULL, tmp_path_factory.mktemp("sources"))


def mined_by(engine, out, **how):
    hn.mine(FULL, out=out, engine=engine, per_query=3, depth=9, block_size=30, **how)
    return parts(out)


def candidates(folder):
    return pl.read_parquet(folder / "candidates" / "part-*.parquet")


@pytest.mark.parametrize("shard_gb", [8, 1e-6])
@pytest.mark.parametrize("name", FOUND_BY)
def test_each_source_finds_the_same(each_source, tmp_path, cache, name, shard_gb):
    cache("here")
    here = mined_by(None, tmp_path / "here", sources=[each_source[name]], filters=[])
    cache("there")
    there = mined_by(Copies(shard_gb), tmp_path / "there", sources=[each_source[name]], filters=[])
    assert there == here
    assert candidates(tmp_path / "here")[f"rank.{name}"].drop_nulls().len() > 0


@pytest.mark.parametrize("shard_gb", [8, 1e-6])
@pytest.mark.parametrize("name", sorted(filters.FILTERS | domains.FILTERS))
def test_each_filter_judges_the_same(tmp_path, name, shard_gb):
    how = {"sources": [BY_WORDS, "random"], "filters": [FILTERS[name]], "select": {"shortage": "fill_random"}}
    there = mined_by(Copies(shard_gb), tmp_path / "there", **how)
    assert there == mined_by(None, tmp_path / "here", **how)
    assert name in candidates(tmp_path / "here")["dropped_by"]


def test_queries_with_many_answers_are_searched_for_deeper_in_shards_too(answers, tmp_path):
    how = {"sources": [BM25(analyzer="plain")], "per_query": 3, "depth": 8, "block_size": 50, "filters": []}
    hn.mine(answers, out=tmp_path / "here", **how)
    hn.mine(answers, out=tmp_path / "there", engine=Copies(1e-6), **how)
    assert parts(tmp_path / "there") == parts(tmp_path / "here")


def counts(audit):
    """What an audit, or each of a frontier, has counted, without drawing intervals."""
    audits = getattr(audit, "audits", {"": audit})
    kinds = ("queries", "sources", "filters")
    return {name: [getattr(each.outcome, kind).to_dicts() for kind in kinds] for name, each in audits.items()}


AUDITS = {
    "planted": lambda data, **more: hn.audit(data, seeds=1, filters=[], estimate=True, **BM25_ONLY, **more),
    "learned": lambda data, **more: hn.audit(data, seeds=1, filters=["learned(folds=2)"], **BM25_ONLY, **more),
    "frontier": lambda data, **more: audit_filters(data, seeds=1, max_queries=20, **BM25_ONLY, **more),
}


@pytest.mark.parametrize("way", AUDITS)
def test_audits_count_the_same(answers, way, cache):
    cache("there")
    engine = Copies(1e-5)
    there, here = AUDITS[way](answers, engine=engine), AUDITS[way](answers)
    assert engine.works.count("AuditBlocks") == 1
    assert counts(there) == counts(here)
    assert getattr(there, "unlabelled", None) == getattr(here, "unlabelled", None)


def test_a_judged_audit_counts_the_same(answers, tmp_path):
    full, truth = answer_toy(n_queries=80, labelled=6), tmp_path / "truth.tsv"
    pairs = full.with_ids(full.qrels.select("query", "document")).rows()
    lines = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t1" for query, document in pairs)]
    truth.write_text("\n".join(lines) + "\n")
    how = {"judged": truth, "filters": [], **BM25_ONLY}
    assert counts(hn.audit(answers, engine=Copies(), **how)) == counts(hn.audit(answers, **how))


def test_an_audit_that_was_stopped_counts_what_is_left(answers, monkeypatch, cache):
    cache("stopped")
    done = []

    class Dying(Copies):
        def each(self, work, numbers):
            for number in super().each(work, numbers):
                yield number
                if type(work).__name__ == "AuditBlocks":
                    done.append(number)
                    raise RecipeError("stopped")

    def audited(**more):
        return hn.audit(answers, seeds=1, filters=[], **BM25_ONLY, **more)

    with pytest.raises(RecipeError, match="stopped"):
        audited(engine=Dying())
    count = AuditBlocks.count

    def counting(self, number):
        done.append(number)
        return count(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(AuditBlocks, "count", counting)
        there = audited(engine=Copies())
    assert len(done) > 2
    assert done.count(done[0]) == 1  # not again
    assert counts(there) == counts(audited())
    left = [name for name in os.listdir(vectors.cache_folder() / "audits") if not name.startswith("hardneg-audit-")]
    assert left == []


def test_teachers_give_the_same_scores_into_one_store(toy, tmp_path, cache, monkeypatch):
    monkeypatch.setattr(store, "CHUNK", 10)
    mined = hn.mine(toy, sources=[BM25(analyzer="plain")], per_query=3, out=tmp_path / "run")
    cache("there")
    engine, teacher = Copies(), Counting()
    (there,) = hn.score(toy, mined, teacher, out=tmp_path / "there.parquet", engine=engine)
    assert engine.works == ["PairScoring"]
    assert not teacher.calls  # a copy was asked
    (again,) = hn.score(toy, mined, teacher, out=tmp_path / "again.parquet", engine=engine)
    assert engine.works == ["PairScoring"]
    cache("here")
    (here,) = hn.score(toy, mined, teacher, out=tmp_path / "here.parquet")
    assert len(teacher.calls) > 3
    for one in (there, again):
        assert one.path.read_bytes() == here.path.read_bytes()


def test_an_llm_is_asked_once_for_each_pair(toy, tmp_path, cache, monkeypatch):
    monkeypatch.setattr(judging, "_BLOCK", 7)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    mined = hn.mine(toy, sources=[BM25(analyzer="plain")], per_query=3, out=tmp_path / "run")
    with serving(lambda asked: verdict("yes" if len(asked.text("document")) % 2 else "no")) as server:
        judge = LLMJudge(base_url=server.base_url, model="test", api_key_env="", backoff_s=0.001)
        cache("there")
        (there,) = hn.score(toy, mined, judge, out=tmp_path / "there.parquet", engine=Copies())
        n_asked = len(server.asked)
        hn.score(toy, mined, judge, out=tmp_path / "again.parquet", engine=Copies())
        assert len(server.asked) == n_asked
        cache("here")
        (here,) = hn.score(toy, mined, judge, out=tmp_path / "here.parquet")
        assert len(server.asked) == 2 * n_asked
    assert there.path.read_bytes() == here.path.read_bytes()


class Seat:
    """A worker's place among three; notes what it has done elsewhere."""

    n_workers = 3

    def __init__(self):
        self.calls = []

    def call(self, open_, arguments, method, given):
        self.calls.append(method)
        with open_(*arguments) as opened:
            return getattr(opened, method)(*given)


def test_workers_share_databases_and_limits(toy, cache):
    cache("shared")
    pairs = (np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32))
    seat = Seat()
    with seated(seat):
        there = store.stored_scores(SharedWords(), toy, *pairs)
        assert (share_of(8), share_of(2)) == (2, 1)
    assert seat.calls == ["read", "write"]
    assert share_of(8) == 8
    np.testing.assert_array_equal(there, store.stored_scores(SharedWords(), toy, *pairs))
    with shared(store.score_file, vectors.cache_folder() / "one.sqlite") as file:
        assert file.read([b"1"]) == {}


def test_rounds_of_a_refresh_and_what_follows_are_the_same(toy, model, tmp_path):
    plan = Plan(
        "train", (BM25(analyzer="plain"), Dense(model=model, precision="fp32")), (), Selection(per_query=5), depth=8
    )
    mined = mine_block(toy, toy.queries_of("train"), plan)[1]
    settings = TrainSettings(
        batch_size=8,
        epochs=2,
        learning_rate=5e-3,
        precision="fp32",
        negatives_per_row=2,
        refresh=Refresh(every=2, rescore_every=1),
    )
    engine = Copies(1e-6)
    here = train(model, toy, mined, settings=settings, plan=plan, out=tmp_path / "here")
    with working_on(engine):
        there = train(model, toy, mined, settings=settings, plan=plan, out=tmp_path / "there")
    assert "RoundBlocks" in engine.works
    assert weights(tmp_path / "there") == weights(tmp_path / "here")
    assert [each.overlap for each in there.refreshes] == [each.overlap for each in here.refreshes]


class Together(Copies):
    """An engine that trains by a group of one."""

    def together(self, function, folder):
        assert folder.name == "there"
        pickle.loads(pickle.dumps(function))()


def test_what_a_group_has_trained_is_read_back(toy, model, tmp_path):
    settings = TrainSettings(batch_size=8, epochs=1, precision="fp32")
    here = hn.train(model, toy, settings=settings, out=tmp_path / "here")
    there = hn.train(model, toy, settings=settings, out=tmp_path / "there", engine=Together())
    assert weights(tmp_path / "there") == weights(tmp_path / "here")
    assert there.path == tmp_path / "there" / "model"
    assert (there.loss, there.n_steps, there.findings) == (here.loss, here.n_steps, here.findings)
