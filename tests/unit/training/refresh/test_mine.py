"""Rounds of negatives, against the plain way: mining anew with a saved model."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crashing_source import Crashing
from flipping import files_of
from hardneg.domains import DuplicateCode
from hardneg.errors import RunError
from hardneg.filters import Learned, PositiveMargin, TeacherThreshold
from hardneg.models.sentence_transformer import forget_encoders
from hardneg.models.store import cache_folder
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, filter_and_select, mine_block
from hardneg.scoring import LLMJudge
from hardneg.sources import BM25, Dense, Random, gather
from hardneg.training.refresh.mine import (
    Job,
    check_refresh,
    compare,
    describe_plan,
    keep_first_candidates,
    mine_round,
    rescore_round,
    rescored,
)
from hardneg.training.refresh.store import Refreshed, Report, Rounds, in_force
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def models(tmp_path_factory, toy):
    """The model that training starts from, and the one that it has become."""
    texts = [*toy.query_texts, *toy.document_texts]
    return [build_tiny_model(tmp_path_factory.mktemp(f"m{seed}"), texts, seed=seed) for seed in (0, 1)]


def plan_of(model, **changes):
    sources = (BM25(analyzer="plain"), Dense(model=model, precision="fp32"), Random())
    filters = (PositiveMargin(ratio=0.999, score="dense"),)
    return replace(Plan("train", sources, filters, Selection(per_query=4, score="dense"), depth=9, seed=3), **changes)


def job_of(toy, model, path, *, keeps_candidates=False, queries=range(24)):
    job = Job(toy, plan_of(model), str(model), np.array(queries, dtype=np.int32), Rounds(path), keeps_candidates)
    job.rounds.finish(0, mine_block(toy, job.query, job.plan)[1], Report(0.0, None, None, None))
    return job


def vectors_in_cache():
    return sorted(path.name for path in (cache_folder() / "vectors").glob("*"))


def test_a_round_holds_what_mining_with_its_weights_finds_and_nothing_of_the_round_before(toy, models, tmp_path):
    job = job_of(toy, models[0], tmp_path)
    for number, model in ((5, models[1]), (9, models[0])):
        shutil.copytree(model, job.rounds.model(number))
        report = mine_round(job, number=number, before=0 if number == 5 else 5)
        assert_frame_equal(job.rounds.read(number), mine_block(toy, job.query, plan_of(model))[1])
        assert report.overlap < 1
        assert list(files_of(job.rounds.folder(number))) == ["negatives.parquet", "report.json"]


def test_the_users_cache_gets_no_vectors_of_a_round(toy, models, tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    forget_encoders()
    job = job_of(toy, models[0], tmp_path, keeps_candidates=True)
    keep_first_candidates(job)
    before = vectors_in_cache()
    assert before
    shutil.copytree(models[1], job.rounds.model(5))
    mine_round(job, number=5, before=0)
    shutil.copytree(models[1], job.rounds.model(6))
    rescore_round(job, number=6, before=5, mined=0)
    assert vectors_in_cache() == before


def test_scores_of_a_report_are_those_of_the_new_weights(toy, models, tmp_path):
    job = job_of(toy, models[0], tmp_path)
    shutil.copytree(models[1], job.rounds.model(5))
    report = mine_round(job, number=5, before=0)
    assert report == job.rounds.report(5)
    now = Dense(model=models[1], precision="fp32")
    for table, mean in ((job.rounds.read(0), report.old_score), (job.rounds.read(5), report.new_score)):
        expected = now.score(toy, table["query"].to_numpy(), table["document"].to_numpy())
        assert mean == pytest.approx(float(expected.mean()), rel=1e-5)


def test_rescoring_chooses_among_the_same_candidates_as_if_the_source_had_scored_them_so(toy, models, tmp_path):
    job = job_of(toy, models[0], tmp_path, keeps_candidates=True)
    keep_first_candidates(job)
    shutil.copytree(models[1], job.rounds.model(5))
    report = rescore_round(job, number=5, before=0, mined=0)
    candidates = gather(toy, job.plan.sources, job.query, job.plan.depth)
    now = Dense(model=models[1], precision="fp32")
    score = now.score(toy, candidates["query"].to_numpy(), candidates["document"].to_numpy())
    expected = filter_and_select(by_hand(candidates, score), toy, job.plan)[1]
    found = job.rounds.read(5)
    assert_frame_equal(found, expected, rel_tol=1e-5)
    assert 0 < report.overlap < 1
    assert report.old_score == pytest.approx(float(mean_of(now, toy, job.rounds.read(0))), rel=1e-4)


def by_hand(candidates, score):
    """New scores, and ranks counted pair by pair."""
    rows = candidates.with_columns(pl.Series("score.dense", score)).to_dicts()
    for row in rows:
        if row["rank.dense"] is not None:
            better = [
                other
                for other in rows
                if other["query"] == row["query"]
                and other["rank.dense"] is not None
                and (-other["score.dense"], other["document"]) < (-row["score.dense"], row["document"])
            ]
            row["rank.dense"] = len(better) + 1
    return pl.DataFrame(rows, schema=candidates.schema)


def mean_of(source, toy, table):
    table = table.filter(pl.col("source") != "fill")
    return source.score(toy, table["query"].to_numpy(), table["document"].to_numpy()).mean()


def test_rescoring_encodes_only_the_documents_of_candidates(toy, models, tmp_path, monkeypatch):
    job = job_of(toy, models[0], tmp_path, keeps_candidates=True, queries=range(2))
    keep_first_candidates(job)
    shutil.copytree(models[1], job.rounds.model(5))
    seen = []
    plain = Dense.encoder

    def watched(self):
        encoder = plain(self)
        encode = type(encoder).encode_documents
        monkeypatch.setattr(
            type(encoder), "encode_documents", lambda own, texts: seen.extend(texts) or encode(own, texts)
        )
        return encoder

    monkeypatch.setattr(Dense, "encoder", watched)
    rescore_round(job, number=5, before=0, mined=0)
    parts = [pl.read_parquet(file) for file in job.rounds.candidates(0)]
    candidates = set(pl.concat(parts)["document"].to_list()) | set(job.rounds.read(0)["document"].to_list())
    assert len(seen) == len(candidates) < toy.n_documents


def test_equal_new_scores_are_ranked_by_document_and_what_was_not_retrieved_stays_without_rank():
    rows = pl.DataFrame(
        {"query": [0, 0, 0, 0], "document": [1, 2, 5, 9], "rank.dense": [2, None, 1, 3], "score.dense": [0.0] * 4},
        schema_overrides={"query": pl.Int32, "document": pl.Int32, "rank.dense": pl.Int32, "score.dense": pl.Float32},
    )
    again = rescored(rows, "dense", np.array([0.5, 0.9, 0.5, 0.7], dtype=np.float32))
    assert again["rank.dense"].to_list() == [2, None, 3, 1]
    assert again.schema == rows.schema


def test_overlap_is_the_share_of_the_new_that_were_there_and_fill_is_no_score():
    old = pl.DataFrame({"query": [0, 0, 1], "document": [1, 2, 3]})
    new = pl.DataFrame(
        {"query": [0, 0, 1, 1], "document": [2, 3, 3, 4], "source": ["dense", "fill", "dense", "dense"]},
        schema_overrides={"query": pl.Int32, "document": pl.Int32},
    )
    found = compare(old, new, lambda query, document: np.where(document == 4, np.nan, document).astype(np.float32))
    assert found == (0.5, 2.0, 2.5)
    assert compare(old, new.clear(), lambda query, document: document.astype(np.float32)) == (None, 2.0, None)


def test_a_learned_filter_must_be_fitted_but_not_in_the_same_place(toy, models):
    fitted = [plan_of(models[0], filters=(Learned(fitted=place),)) for place in ("a", "b")]
    assert describe_plan(fitted[0], toy) == describe_plan(fitted[1], toy)
    assert check_refresh(fitted[0], toy_negatives(), model=models[0], split="train") == fitted[0]
    with pytest.raises(RunError, match="not fitted"):
        check_refresh(plan_of(models[0], filters=(Learned(),)), toy_negatives(), model=models[0], split="train")


def test_a_refresh_that_cannot_be_is_refused(models):
    plan = plan_of(models[0])
    for arguments, message in (
        ((None, toy_negatives()), "the plan that they were mined with"),
        ((plan, None), "the negatives to begin with"),
        ((replace(plan, split="dev"), toy_negatives()), "for the split 'dev'"),
        ((plan_of(models[1]), toy_negatives()), "no dense source encodes with"),
        ((replace(plan, sources=(BM25(),)), toy_negatives()), "no dense source encodes with"),
    ):
        with pytest.raises(RunError, match=message):
            check_refresh(*arguments, model=models[0], split="train")


def test_a_plan_that_cannot_be_written_down_is_refused_where_another_process_mines(models):
    class Local(Crashing):
        pass

    for part, message in (
        (Crashing(SimpleNamespace()), "source 'crashing' cannot be written down: it is or has a SimpleNamespace"),
        (Local("crash"), "source 'crashing' cannot be written down.*Local"),
        (SimpleNamespace(name="live", retrieve=None), "source 'live' cannot be written down: .* a SimpleNamespace"),
    ):
        plan = plan_of(models[0])
        plan = replace(plan, sources=(*plan.sources, part))
        assert check_refresh(plan, toy_negatives(), model=models[0], split="train") is plan
        with pytest.raises(RunError, match=f'(?s){message}.*mode = "sync"'):
            check_refresh(plan, toy_negatives(), model=models[0], split="train", mode="async")


def test_a_job_is_the_same_in_another_process(toy, models, tmp_path):
    judge = LLMJudge(model="m", base_url="http://localhost:1/v1", max_document_characters=None, temperature=None)
    filters = (PositiveMargin(ratio=0.9), DuplicateCode(trivial=None), TeacherThreshold(scorer=judge, above=0.5))
    select = Selection(per_query=5, strategy="weighted(temperature=0.2)", quotas={"dense": 2, "crashing": 1})
    plan = Plan("train", (Dense(model=str(models[0])), Crashing("crash")), filters, select, depth=8, seed=3)
    job = Job(toy, plan, str(models[0]), np.array([1, 3], dtype=np.int32), Rounds(tmp_path), keeps_candidates=True)
    table = json.loads(json.dumps(job.as_table(toy.write(tmp_path / "dataset"))))
    again = Job.from_table(table)
    assert again.plan == plan
    assert again.dataset.fingerprint == toy.fingerprint
    assert again.query.tolist() == [1, 3]
    assert (again.model, again.rounds, again.keeps_candidates) == (job.model, job.rounds, True)


def test_the_round_in_force_is_the_last_that_was_made(tmp_path):
    rounds = Rounds(tmp_path)
    assert in_force(rounds.records()) == (0, 0)
    for record in (
        Refreshed(10, "mine", 0),
        Refreshed(15, "rescore", 0),
        Refreshed(23, "mine", 3),
        Refreshed(33, "mine", 3, problem="it died"),
    ):
        rounds.record(record)
    assert in_force(rounds.records()) == (20, 20)
    rounds.cut(23)
    assert in_force(rounds.records()) == (15, 10)
    for number in (0, 10, 15, 20):
        rounds.finish(number, toy_negatives(), Report(0.0, None, None, None))
    rounds.forget(but={0, 15})
    assert [number for number in (0, 10, 15, 20) if rounds.is_there(number)] == [0, 15]
