"""Several datasets in one training, against training on each of them alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, Interrupted, RecipeError
from hardneg.progress import showing
from hardneg.training.loop import train
from hardneg.training.mixture import MixturePart, mix, shares
from hardneg.training.plan import TrainingData, plan_steps, serve
from hardneg.training.sampling.batches import training_pairs
from hardneg.training.settings import TrainSettings
from stopping import StopAtOnce, weights
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives

SETTINGS = TrainSettings(batch_size=4, learning_rate=1e-2, precision="fp32", max_steps=1)


def small_dataset():
    """Nine queries of other texts than those of the toy data, in a split of another name."""
    toy = toy_dataset()
    back = pl.col("text").str.split(" ").list.reverse().list.join(" ")
    labels = pl.DataFrame({"query_id": [f"q{i}" for i in range(9)], "doc_id": [f"d{i}" for i in range(9)]})
    labels = labels.with_columns(relevance=pl.lit(1), split=pl.lit("tuning"))
    queries, documents = toy.queries.head(9).with_columns(back), toy.documents.head(20).with_columns(back)
    return Dataset.from_tables(queries, documents, labels, name="small")


def small_negatives():
    return pl.DataFrame({"query": range(9), "document": range(10, 19)}, schema_overrides={"query": pl.Int32})


@pytest.fixture(scope="module")
def toy():
    return toy_dataset()


@pytest.fixture(scope="module")
def small():
    return small_dataset()


@pytest.fixture(scope="module")
def start(tmp_path_factory, toy):
    return build_tiny_model(tmp_path_factory.mktemp("model"), [*toy.query_texts, *toy.document_texts, "find: seek:"])


@pytest.fixture(scope="module")
def part(small):
    return MixturePart(
        dataset=small, negatives=small_negatives(), split="tuning", query_prompt="seek: ", document_prompt=""
    )


def steps_of(toy, part, **settings):
    settings = replace(SETTINGS, max_steps=None, **settings)
    mixture = mix([MixturePart(dataset=toy, negatives=toy_negatives()), part], settings)
    query, document = training_pairs(mixture.dataset, "train")
    negatives = serve(mixture.negatives, settings, n_queries=mixture.dataset.n_queries)
    data = TrainingData(mixture.dataset, query, document, negatives, mixture=mixture)
    return mixture, data, plan_steps(data, settings)


def test_a_batch_is_of_one_dataset_and_every_pair_comes_once_an_epoch(toy, part):
    mixture, data, steps = steps_of(toy, part, epochs=3)
    for epoch in range(3):
        rows = [rows for step in steps if step.epoch == epoch for rows in step.batches]
        assert sorted(np.concatenate(rows)) == list(range(30 + 9))
        whose = [set(mixture.part_of(data.query[each])) for each in rows]
        assert all(len(each) == 1 for each in whose)
        assert len({min(each) for each in whose[:6]}) == 2  # they take turns
    assert {step.passes for step in steps if step.epoch == 2} == {(2,)}


def test_with_a_lower_power_a_small_one_comes_again_and_a_large_one_goes_on_in_the_next_epoch(toy, part):
    mixture, data, steps = steps_of(toy, part, epochs=2, mixing_power=0.0)
    rows = [rows for step in steps for rows in step.batches]
    whose = np.array([mixture.part_of(data.query[each])[0] for each in rows])
    assert len(rows) == 2 * (8 + 3)
    assert abs((whose == 0).sum() - (whose == 1).sum()) <= 2  # one an epoch
    of_large = np.concatenate([each for each, part_of in zip(rows, whose, strict=True) if part_of == 0])
    assert len(set(of_large.tolist()[:30])) == 30  # none again before all have come
    passes = [number for step in steps for (number, at) in zip(step.passes, step.batches, strict=True) if at[0] >= 30]
    assert passes == sorted(passes)
    assert passes[-1] == 3  # ten batches of three a pass


def test_shares_add_up_and_fall_with_the_power():
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = rng.integers(1, 1_000, rng.integers(1, 9)).tolist()
        assert shares(sizes, 1.0).tolist() == sizes
        for power in (0.0, 0.3, 0.7):
            counts = shares(sizes, power)
            assert counts.min() >= 1
            assert abs(counts.sum() - sum(sizes)) <= len(sizes)
            order = np.argsort(sizes)
            assert (np.diff(counts[order]) >= -1).all()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_step_is_that_of_its_dataset_alone_with_its_prompts(start, toy, small, part, tmp_path, seed):
    settings = replace(SETTINGS, seed=seed, query_prompt="find: ")
    mixture, data, steps = steps_of(toy, part, seed=seed)
    together = train(start, toy, toy_negatives(), settings=settings, also=[part], out=tmp_path / "together")
    if mixture.part_of(data.query[steps[0].batches[0]])[0]:
        alone = replace(settings, query_prompt="seek: ", document_prompt="")
        train(start, small, small_negatives(), settings=alone, split="tuning", out=tmp_path / "alone")
    else:
        train(start, toy, toy_negatives(), settings=settings, out=tmp_path / "alone")
    assert weights(tmp_path / "together") == weights(tmp_path / "alone")
    prompts = SentenceTransformer(str(together.path), device="cpu").prompts
    assert prompts == {"query": "find: ", "document": "", "small-query": "seek: ", "small-document": ""}


def test_the_seeds_above_begin_with_either(toy, part):
    first = {steps_of(toy, part, seed=seed)[2][0].batches[0][0] >= 30 for seed in (0, 1, 2, 3)}
    assert first == {False, True}


def test_a_stopped_training_goes_on_to_the_same_model(start, toy, part, tmp_path):
    settings = replace(SETTINGS, max_steps=6, accumulate=2, mixing_power=0.5)
    train(start, toy, toy_negatives(), settings=settings, also=[part], out=tmp_path / "whole")
    with showing(StopAtOnce()), pytest.raises(Interrupted):
        train(start, toy, toy_negatives(), settings=settings, also=[part], out=tmp_path / "stopped")
    train(start, toy, toy_negatives(), settings=settings, also=[part], out=tmp_path / "stopped")
    assert weights(tmp_path / "whole") == weights(tmp_path / "stopped")


def test_labels_of_each_say_what_answers_and_an_unused_train_split_trains_nothing(toy, small):
    more = small.qrels.vstack(small.qrels.with_columns(split=pl.lit("train"), document=pl.col("document") + 1))
    mixture = mix([MixturePart(dataset=toy), MixturePart(dataset=small.with_labels(more), split="tuning")], SETTINGS)
    query, _ = mixture.dataset.pairs_of("train")
    assert len(query) == 30 + 9
    assert mixture.dataset.is_answer(np.array([24, 24]), np.array([40, 41])).all()
    assert mixture.dataset.queries["id"][24] == "small:q0"
    assert mixture.dataset.documents["dataset"].unique(maintain_order=True).to_list() == ["toy", "small"]


def test_two_datasets_of_one_name_are_told_apart(toy):
    assert mix([MixturePart(dataset=toy), MixturePart(dataset=toy)], SETTINGS).names == ("toy", "toy-2")


def test_what_knows_of_one_dataset_only_is_refused(toy, small, part):
    with pytest.raises(RecipeError, match="clusters works with one dataset only"):
        mix([MixturePart(dataset=toy), part], TrainSettings(clusters="greedy"))
    with pytest.raises(DatasetError, match="small has no split 'train'"):
        mix([MixturePart(dataset=toy), MixturePart(dataset=small)], SETTINGS)
    scores = pl.DataFrame({"query": [0], "document": [0], "score": [1.0]})
    with pytest.raises(RecipeError, match="score all of them or none"):
        mix([MixturePart(dataset=toy, scores=scores), part], SETTINGS)
    with pytest.raises(RecipeError, match="mixing_power must be in"):
        TrainSettings(mixing_power=2)


def test_the_command_takes_runs_and_datasets_and_a_recipe_their_prompts(start, toy, small, tmp_path, capsys):
    for dataset in (toy, small):
        dataset.write(tmp_path / dataset.name)
    mine = ["mine", str(tmp_path / "small"), "--source", "bm25", "--depth", "8", "--split", "tuning", "--quiet"]
    assert main([*mine, "--out", str(tmp_path / "mined")]) == 0
    how = ["--model", str(start), "--set", "batch_size=4", "--set", "max_steps=3", "--quiet"]
    command = ["train", str(tmp_path / "toy"), *how]
    mined = str(tmp_path / "mined")
    assert main([*command, "--also", mined, "--out", str(tmp_path / "run")]) == 0
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('dataset = "toy"\n[[also]]\nnegatives = "mined"\nquery_prompt = "seek: "\n')
    assert main([*command, "--recipe", str(recipe), "--out", str(tmp_path / "prompted")]) == 0
    assert weights(tmp_path / "run") != weights(tmp_path / "prompted")


def with_test_split(dataset, *, of):
    """Move every third query of a split to `test`."""
    test = (pl.col("query") % 3 == 0) & (pl.col("split") == of)
    return dataset.with_labels(dataset.qrels.with_columns(split=pl.when(test).then(pl.lit("test")).otherwise("split")))


RECIPE = """
dataset = "{place}/toy"
model = "{start}"
[mine]
depth = 12
[[sources]]
use = "bm25"
[select]
per_query = 2
[train]
batch_size = 4
max_steps = 3
[evaluate]
depth = 10
rows = ["zero_shot", "in_batch"]
[[also]]
dataset = "{place}/small"
split = "tuning"
query_prompt = "seek: "
"""


@pytest.fixture
def recipe(start, toy, small, tmp_path):
    with_test_split(toy, of="train").write(tmp_path / "toy")
    with_test_split(small, of="tuning").write(tmp_path / "small")

    def written():
        file = tmp_path / "both.toml"
        file.write_text(RECIPE.format(place=tmp_path, start=start))
        return str(file)

    return written


def test_a_run_mines_each_dataset_trains_on_all_and_measures_each(recipe, start, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["run", recipe(), "--out", str(run), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["rows"]) == list(report["further"]["small"]) == ["zero_shot", "in_batch", "mined"]
    assert (run / "also" / "small" / "report.html").exists()

    sources = ["--source", "bm25", "--depth", "12", "--per-query", "2", "--quiet"]
    assert main(["mine", str(tmp_path / "toy"), *sources, "--out", str(tmp_path / "a")]) == 0
    assert main(["mine", str(tmp_path / "small"), *sources, "--split", "tuning", "--out", str(tmp_path / "b")]) == 0
    by_hand = tmp_path / "train.toml"
    by_hand.write_text(f'dataset = "{tmp_path}/toy"\n[[also]]\nnegatives = "{tmp_path}/b"\nquery_prompt = "seek: "\n')
    how = ["--set", "batch_size=4", "--set", "max_steps=3", "--model", str(start), "--quiet"]
    command = ["train", "--recipe", str(by_hand), "--negatives", str(tmp_path / "a"), *how]
    assert main([*command, "--out", str(tmp_path / "trained")]) == 0
    assert weights(run / "training" / "mined-seed0") == weights(tmp_path / "trained")

    assert main(["verify", str(run)]) == 0, capsys.readouterr()
    files = {file: file.stat().st_mtime_ns for file in run.rglob("*.parquet")}
    assert main(["run", recipe(), "--out", str(run), "--quiet"]) == 0  # and nothing is done again
    assert files == {file: file.stat().st_mtime_ns for file in run.rglob("*.parquet")}
    (tmp_path / "small").rename(tmp_path / "moved")
    assert main(["run", recipe(), "--out", str(run)]) == 2


def test_stages_mine_each_dataset_with_their_own_model(recipe, tmp_path, capsys):
    stages = '[[stage]]\nname = "first"\n[[stage]]\nname = "second"\n[[stage.sources]]\nuse = "dense"\n'
    file = tmp_path / "stages.toml"
    file.write_text(Path(recipe()).read_text().replace(', "in_batch"', "") + stages)
    assert main(["run", str(file), "--out", str(tmp_path / "run"), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["further"]["small"])[-1] == "mined"
    states = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("run/stages/*/also/small/mining.json"))]
    assert [state["split"] for state in states] == ["tuning", "tuning"]
    assert "query_prompt" in str(states[1]["plan"])
    assert main(["verify", str(tmp_path / "run")]) == 0, capsys.readouterr()


def test_what_a_run_cannot_do_with_several_datasets_is_said_before_any_work(recipe, tmp_path, capsys):
    (tmp_path / "wrong.toml").write_text(Path(recipe()).read_text().replace("[train]", '[train]\nclusters = "greedy"'))
    assert main(["run", str(tmp_path / "wrong.toml"), "--out", str(tmp_path / "wrong")]) == 2
    assert "clusters works with one dataset only" in capsys.readouterr().err
    assert main(["estimate", recipe()]) == 2
    assert "an estimate knows one dataset" in capsys.readouterr().err
