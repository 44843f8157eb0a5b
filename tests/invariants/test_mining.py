"""What must hold of mining: the same rows for any blocks, after any kill, in memory and on disk."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flipping import files_of
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.filters import NearDuplicate, PositiveMargin
from hardneg.negatives import Selection, Weighted
from hardneg.pipeline.mining import mine
from hardneg.runs.parts import part_files, read_negatives, read_parts
from hardneg.sources import BM25, Dense, Random
from pausing_source import Pausing
from tiny_model import build_tiny_model
from toy import toy_dataset


@pytest.fixture(scope="module")
def copied() -> Dataset:
    """The toy dataset, whose first ten documents, all of them answers, are there again in other letters."""
    toy = toy_dataset()
    copies = toy.documents.head(10).select(
        pl.format("copy of {}", "id").alias("id"), pl.format(" {}\n", pl.col("text").str.to_uppercase()).alias("text")
    )
    qrels = toy.qrels.select(
        query_id=toy.queries["id"].gather(toy.qrels["query"]),
        doc_id=toy.documents["id"].gather(toy.qrels["document"]),
        relevance="relevance",
        split="split",
    )
    return Dataset.from_tables(toy.queries, pl.concat([toy.documents, copies]), qrels, name="copied")


@pytest.fixture(scope="module")
def plan(tmp_path_factory, copied):
    texts = [*copied.query_texts, *copied.document_texts]
    model = build_tiny_model(tmp_path_factory.mktemp("miner"), texts)
    return {
        "sources": [BM25(analyzer="plain"), Dense(model=model, precision="fp32"), Random(seed=3)],
        "filters": [NearDuplicate(threshold=0.7), PositiveMargin(ratio=0.99, score="dense")],
        "select": Selection(per_query=4, strategy=Weighted(temperature=0.1), quotas={"bm25": 1, "dense": 2}),
        "depth": 12,
        "seed": 5,
    }


def parts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("part-*.parquet"))}


def write_times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("part-*.parquet")}


def test_block_size_changes_no_row_and_the_disk_none_either(copied, plan, tmp_path):
    in_memory = mine(copied, **plan)
    assert in_memory.negatives.height > 24
    assert_frame_equal(mine(copied, **plan, block_size=5).negatives, in_memory.negatives)
    candidates = []
    for block_size in (1, 3, 4096):
        out = tmp_path / str(block_size)
        on_disk = mine(copied, **plan, block_size=block_size, out=out)
        assert_frame_equal(on_disk.negatives, in_memory.negatives)
        assert on_disk.funnel == in_memory.funnel == json.loads((out / "funnel.json").read_text())
        assert len(part_files(out / "negatives")) == -(-24 // block_size)
        candidates.append(read_parts(out / "candidates", copied))
    assert_frame_equal(candidates[0], candidates[1])
    assert_frame_equal(candidates[0], candidates[2])


def test_the_same_plan_writes_the_same_bytes(copied, plan, tmp_path):
    for name in "ab":
        mine(copied, **plan, block_size=7, out=tmp_path / name)
    assert parts(tmp_path / "a") == parts(tmp_path / "b")


def test_no_negative_is_an_answer_by_id_or_by_text(copied, plan):
    def same(text):
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

    found = mine(copied, **plan | {"filters": []}).negatives
    query, document = copied.qrels["query"].to_list(), copied.qrels["document"].to_list()
    answers = {(q, same(copied.document_texts[d])) for q, d in zip(query, document, strict=True)}
    chosen = {(q, same(copied.document_texts[d])) for q, d in found.select("query", "document").iter_rows()}
    assert chosen
    assert answers.isdisjoint(chosen)


def test_the_funnel_adds_up_over_all_and_by_source(copied, plan, tmp_path):
    mined = mine(copied, **plan, block_size=7, out=tmp_path)
    funnel = mined.funnel
    assert funnel["queries"] == 24
    assert {"known_positives", "positive_margin"} <= set(funnel["dropped"])
    rows = read_parts(tmp_path / "candidates", copied)
    found = {name: rows.filter(pl.col(f"rank.{name}").is_not_null()) for name in ("bm25", "dense", "random")}
    retrieved = rows.filter(pl.any_horizontal(pl.col("^rank\\..*$").is_not_null()))
    for counts, table in [(funnel, retrieved), *((funnel["sources"][name], found[name]) for name in found)]:
        assert counts["candidates"] == table.height == counts["eligible"] + sum(counts["dropped"].values())
        assert counts["eligible"] == table["dropped_by"].null_count()
        for reason, count in counts["dropped"].items():
            assert count == table.filter(pl.col("dropped_by") == reason).height
    assert funnel["selected"] == mined.negatives.height == sum(s["selected"] for s in funnel["sources"].values())
    lengths = mined.negatives.group_by("query").len()["len"].to_list()
    assert funnel["short_queries"] == 24 - sum(length >= 4 for length in lengths)
    assert funnel["empty_queries"] == 24 - len(lengths)
    eligible = retrieved.filter(pl.col("dropped_by").is_null()).select("query", "document")
    assert mined.negatives.join(eligible, on=["query", "document"], how="anti").is_empty()


def test_random_documents_that_fill_a_shortage_are_counted_on_a_line_of_their_own(copied):
    select = Selection(per_query=3, shortage="fill_random")
    funnel = mine(copied, sources=[BM25(analyzer="plain")], filters=[], select=select, depth=1).funnel
    by_source = {name: counts["selected"] for name, counts in funnel["sources"].items()}
    assert sum(by_source.values()) == funnel["selected"] == 72
    assert by_source["bm25"] <= 24


@pytest.mark.parametrize("lost", [["negatives/part-00002"], ["candidates/part-00001", "negatives/part-00001"]])
def test_parts_that_are_missing_are_mined_again_and_no_others(copied, plan, tmp_path, lost):
    mine(copied, **plan, block_size=7, out=tmp_path)
    before, times = parts(tmp_path), write_times(tmp_path)
    for name in lost:
        (tmp_path / f"{name}.parquet").unlink()
    mine(copied, **plan, block_size=7, out=tmp_path)
    assert parts(tmp_path) == before
    number = lost[-1][-5:]
    touched = {name for name, time in write_times(tmp_path).items() if time != times[name]}
    assert touched == {f"{table}/part-{number}.parquet" for table in ("candidates", "negatives")}


def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_bytes(copied, tmp_path):
    copied.write(tmp_path / "data")
    program = (
        "import hardneg, pausing_source\n"
        "pausing_source.Pausing.patience = 2\n"
        f"dataset = hardneg.read_dataset({str(tmp_path / 'data')!r})\n"
        "sources = [pausing_source.Pausing()]\n"
        f"hardneg.mine(dataset, sources=sources, filters=[], block_size=7, out={str(tmp_path / 'killed')!r})\n"
    )
    tests = Path(__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=tests) as process:
        assert process.stdout.readline() == b"standing still\n"
        process.kill()
    killed = tmp_path / "killed"
    assert [path.name for path in part_files(killed / "negatives")] == [
        "part-00000.parquet",
        "part-00001.parquet",
    ]
    with pytest.raises(RunError, match="was interrupted; run it again"):
        read_negatives(killed, copied)
    times = write_times(killed)
    once = {"sources": [Pausing()], "filters": [], "block_size": 7}
    resumed = mine(copied, **once, out=killed)
    whole = mine(copied, **once, out=tmp_path / "whole")
    assert_frame_equal(resumed.negatives, whole.negatives)
    assert resumed.funnel == whole.funnel
    assert parts(killed) == parts(tmp_path / "whole")
    assert times.items() <= write_times(killed).items()
    assert_frame_equal(read_negatives(killed, copied), whole.negatives)


def test_a_part_that_could_not_be_written_leaves_nothing_behind(copied, tmp_path, monkeypatch):
    def half(self, path):
        path.write_bytes(b"PAR1 and then the disk was full")
        raise OSError("no space left")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", half)
    with pytest.raises(OSError, match="no space"):
        mine(copied, sources=[Pausing()], filters=[], out=tmp_path)
    assert list(files_of(tmp_path)) == ["mining.json"]
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"depth": 11}, "depth"),
        ({"seed": 6}, "seed"),
        ({"sources": [Random(seed=4)]}, "sources"),
        ({"filters": []}, "filters"),
        ({"select": Selection(per_query=2)}, "select"),
        ({"seed": 6, "depth": 11}, "depth, seed"),
    ],
)
def test_another_plan_in_the_same_folder_is_refused_by_name_and_harms_nothing(copied, tmp_path, change, named):
    plan = {"sources": [Random(seed=3)], "filters": [NearDuplicate()], "depth": 12, "seed": 5, "block_size": 7}
    mine(copied, **plan, out=tmp_path)
    before = parts(tmp_path)
    with pytest.raises(RunError, match=f"mined with another {named}; name another folder"):
        mine(copied, **plan | change, out=tmp_path)
    assert parts(tmp_path) == before


def test_another_dataset_or_a_changed_model_is_another_plan(copied, tmp_path):
    texts = [*copied.query_texts, *copied.document_texts]
    dense = Dense(model=build_tiny_model(tmp_path, texts, seed=0), precision="fp32")
    mine(copied, sources=[dense], filters=[], depth=2, out=tmp_path / "out")
    with pytest.raises(RunError, match="another dataset"):
        mine(toy_dataset(), sources=[dense], filters=[], depth=2, out=tmp_path / "out")
    build_tiny_model(tmp_path, texts, seed=1)
    with pytest.raises(RunError, match="another sources"):
        mine(copied, sources=[dense], filters=[], depth=2, out=tmp_path / "out")


def test_a_split_that_does_not_exist_is_refused_before_anything_is_written(copied, tmp_path):
    with pytest.raises(DatasetError, match="no split 'dev'; it has: train"):
        mine(copied, split="dev", sources=[Random()], filters=[], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parts_of_another_dataset_are_refused_by_id(copied, tiny, tmp_path):
    mine(copied, sources=[Random()], filters=[], out=tmp_path)
    with pytest.raises(RunError, match="was made from other texts than those of tiny"):
        read_negatives(tmp_path, tiny)
    alone = tmp_path.parent / f"{tmp_path.name}-alone.parquet"
    alone.write_bytes((tmp_path / "negatives" / "part-00000.parquet").read_bytes())
    with pytest.raises(RunError, match="names query_id 'q4', which tiny does not have"):
        read_negatives(alone, tiny)
    with pytest.raises(RunError, match=r"holds no part-\*\.parquet; mine first"):
        read_negatives(tmp_path / "elsewhere", copied)


def test_mining_goes_on_with_the_blocks_that_it_began_with(copied, plan, tmp_path):
    whole = mine(copied, **plan, block_size=7, out=tmp_path)
    before, times = parts(tmp_path), write_times(tmp_path)
    (tmp_path / "negatives/part-00002.parquet").unlink()
    resumed = mine(copied, **plan, block_size=2, out=tmp_path)
    assert_frame_equal(resumed.negatives, whole.negatives)
    assert resumed.funnel == whole.funnel
    assert parts(tmp_path) == before
    touched = {name for name, time in write_times(tmp_path).items() if time != times[name]}
    assert touched == {"candidates/part-00002.parquet", "negatives/part-00002.parquet"}


def test_brackets_and_stars_in_a_folders_name_mean_themselves(copied, tmp_path):
    plan = {"sources": [Random()], "filters": [], "depth": 5}
    for name in ("r_[1]", "r_1", "r_*"):
        found = mine(copied, **plan, seed=len(name), out=tmp_path / name)
        assert_frame_equal(read_negatives(tmp_path / name, copied), found.negatives)
        one = tmp_path / name / "negatives" / "part-00000.parquet"
        assert_frame_equal(read_negatives(one, copied), found.negatives)


@pytest.mark.parametrize("text", ["", '{"depth": ', "[]", "{}", '"text"'])
def test_a_damaged_account_of_what_was_mined_is_named_with_the_way_out(copied, tmp_path, text):
    plan = {"sources": [Random()], "filters": []}
    mine(copied, **plan, out=tmp_path)
    (tmp_path / "mining.json").write_text(text)
    (tmp_path / ".checksums").unlink()  # with them it is known that it was written for just this plan, and mended
    with pytest.raises(
        RunError,
        match=r"mining\.json (is damaged|lacks|holds no).*; delete the folder to mine anew",
    ):
        mine(copied, **plan, out=tmp_path)


def test_damaged_and_foreign_tables_are_named_with_the_way_out(copied, tmp_path):
    plan = {"sources": [Random()], "filters": []}
    mine(copied, **plan, out=tmp_path)
    account = json.loads((tmp_path / "mining.json").read_text())
    (tmp_path / ".checksums").unlink()
    (tmp_path / "mining.json").write_text(json.dumps(account | {"block_size": 0}))
    with pytest.raises(RunError, match=r"mining\.json is damaged: block_size is 0"):
        mine(copied, **plan, out=tmp_path)
    (tmp_path / "mining.json").write_text(json.dumps(account))
    (tmp_path / "candidates/part-00000.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(RunError, match=r"part-00000\.parquet is damaged"):
        read_parts(tmp_path / "candidates", copied)
    (tmp_path / "candidates/.checksums").unlink()
    with pytest.raises(RunError, match="cannot be read as Parquet"):
        read_parts(tmp_path / "candidates", copied)
    mine(copied, **plan, out=tmp_path)
    assert read_parts(tmp_path / "candidates", copied).height
    foreign = tmp_path / "foreign.parquet"
    for table in (pl.DataFrame({"qid": ["q0"]}), pl.DataFrame({"query_id": [0], "doc_id": ["d0"]})):
        table.write_parquet(foreign)
        with pytest.raises(RunError, match=r"foreign\.parquet has no column 'query_id' of text"):
            read_negatives(foreign, copied)


def test_sources_without_names_of_their_own_are_refused_before_anything_is_written(copied, tmp_path):
    with pytest.raises(RecipeError, match="two sources are named 'random'"):
        mine(copied, sources=[Random(seed=1), Random(seed=2)], filters=[], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_second_model_named_in_a_margin_judges_the_candidates_of_all_sources(copied, tmp_path):
    texts = [*copied.query_texts, *copied.document_texts]
    miner, judge = (
        Dense(model=build_tiny_model(tmp_path / name, texts, seed=seed), precision="fp32", name=name)
        for seed, name in enumerate(("dense", "judge"))
    )
    margin = PositiveMargin(ratio=0.99, score="judge")
    mine(copied, sources=[BM25(analyzer="plain"), miner, judge], filters=[margin], depth=6, out=tmp_path / "out")
    rows = read_parts(tmp_path / "out" / "candidates", copied)
    assert rows["score.judge"].null_count() == 0
    scores = judge.score(copied, rows["query"].to_numpy(), rows["document"].to_numpy())
    assert rows["score.judge"].to_list() == scores.tolist()
    labels = copied.qrels.select("query", "document").with_columns(positive=True)
    weakest = rows.join(labels, on=["query", "document"]).group_by("query").agg(least=pl.col("score.judge").min())
    judged = rows.filter(pl.col("dropped_by").ne_missing("known_positives")).join(weakest, on="query")
    score, least = (judged[name].cast(pl.Float64) for name in ("score.judge", "least"))
    refused = judged["dropped_by"] == "positive_margin"
    assert refused.fill_null(value=False).to_list() == (score >= least - least.abs() * 0.01).to_list()
    assert judged.filter(pl.col("rank.judge").is_null() & refused).height
