"""`hardneg fit`: from pairs to a model, the same however often it is stopped."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

import hardneg as hn
from doctoring import change_json, change_weight, copy_of, kinds, wrong
from flipping import flip
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.files import write_json
from hardneg.fits import fitting
from hardneg.fits.race import Race
from hardneg.progress import showing
from hardneg.reports.page import sections
from hardneg.reports.write import read_contents
from hardneg.verbs.verifying.summed import check_fit
from stopping import StopDuring, weights

FIXED = ["--source", 'dense(precision="fp32")', "--set", "batch_size=4", "--set", "precision=fp32"]
FIXED += ["--set", "learning_rate=1e-3", "--strategy", "mined_many", "--strategy", "clustered", "--steps", "4"]


@pytest.fixture(scope="module")
def data(split_toy, tmp_path_factory):
    """The toy dataset with three splits."""
    query = pl.col("query")
    split = pl.when(query < 12).then(pl.lit("train")).when(query < 18).then(pl.lit("dev")).otherwise(pl.lit("test"))
    qrels = split_toy.qrels.with_columns(split.alias("split"))
    return Dataset(split_toy.queries, split_toy.documents, qrels, name="toy").write(tmp_path_factory.mktemp("three"))


def fit(data, bench, out, *options):
    return main([*map(str, ["fit", data, "--model", bench / "tiny", *FIXED, "-o", out, "--quiet", *options])])


@pytest.fixture(scope="module")
def fitted(data, bench, tmp_path_factory):
    """A finished fit; read only."""
    out = tmp_path_factory.mktemp("fitted") / "fit"
    assert fit(data, bench, out) == 0
    return out


@pytest.fixture(scope="module")
def found(fitted):
    return json.loads((fitted / "fit.json").read_text())


def test_the_folder_holds_a_model_with_a_card_a_recipe_and_a_report(fitted, found):
    model = SentenceTransformer(str(fitted / "model"), device="cpu")
    assert model.encode_query(["open a file"]).shape[0] == 1
    card = (fitted / "model" / "README.md").read_text()
    test = found["test"]["rows"][found["choice"]["strategy"]]["nDCG@10"]
    assert f"{test['value']:.4f} | [{test['low']:.4f}, {test['high']:.4f}]" in card
    assert found["counts"]["fingerprint"] in card
    assert {section.key for section in sections(read_contents(fitted))} >= {"quality", "training"}
    assert "The race" in (fitted / "report.html").read_text()


def test_rounds_are_compared_on_one_half_and_the_winner_judged_on_the_other(found, data):
    assert [each["name"] for each in found["rounds"]] == ["rates", "strategies", "survivors", "tuning"]
    queries = found["development"]["queries"]
    assert queries["race"] + queries["fresh"] == 6
    assert {duel["race"]["n"] for duel in found["choice"]["duels"]} == {queries["race"]}
    assert {duel["fresh"]["n"] for duel in found["choice"]["duels"]} == {queries["fresh"]}


def test_the_test_is_looked_at_with_all_labels_of_train_and_dev_trained(fitted, found):
    final = hn.read_dataset(fitted / "finish" / "dataset")
    assert sorted(final.splits) == ["test", "train"]
    assert len(final.queries_of("train")) == 18
    assert {row["nDCG@10"]["n"] for row in found["test"]["rows"].values()} == {6}
    rows = set(found["test"]["rows"])
    assert {"bm25", "zero_shot", "in_batch", found["choice"]["strategy"]} <= rows


def test_the_recipe_repeats_the_model(fitted, found, tmp_path):
    final = fitted / "finish" / "run"
    assert main(["run", str(final / "recipe.toml"), "-o", str(tmp_path / "again"), "--quiet"]) == 0
    assert weights(tmp_path / "again") == weights(final)
    if found["choice"]["strategy"] != "zero_shot":
        assert (fitted / "recipe.toml").read_text() == (final / "recipe.toml").read_text()
        assert weights(fitted) == weights(final)


@pytest.mark.parametrize(("task", "units"), [("training", 30), ("searching with bm25", 1)])
def test_a_fit_that_was_stopped_ends_as_one_that_was_not(data, bench, fitted, found, tmp_path, task, units):
    with showing(StopDuring(task, units)):
        assert fit(data, bench, tmp_path / "fit") in (3, 130)
    assert fit(data, bench, tmp_path / "fit") == 0
    again = json.loads((tmp_path / "fit" / "fit.json").read_text())
    for key in ("choice", "test", "left_out"):
        assert again[key] == found[key], key
    assert weights(tmp_path / "fit") == weights(fitted)


def test_a_finished_fit_is_not_done_again(data, bench, fitted, capsys):
    before = (fitted / "fit.json").stat().st_mtime_ns, weights(fitted)
    assert fit(data, bench, fitted, "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "fit"
    assert weights(fitted) == before[1]


def test_a_fit_that_was_killed_before_its_card_writes_it(data, bench, fitted, tmp_path):
    shutil.copytree(fitted, tmp_path / "fit")
    state = json.loads((fitted / "fit.json").read_text())
    write_json(tmp_path / "fit" / "fit.json", {**state, "finished": False})
    (tmp_path / "fit" / "model" / "README.md").unlink()
    (tmp_path / "fit" / "report.html").unlink()
    assert fit(data, bench, tmp_path / "fit") == 0
    assert (tmp_path / "fit" / "report.html").exists()
    assert (tmp_path / "fit" / "model" / "README.md").exists()
    assert not list((tmp_path / "fit" / "race").glob("*/training/*/model"))


def test_another_request_in_the_same_folder_is_refused(data, bench, fitted, capsys):
    assert fit(data, bench, fitted, "--seed", 5) == 2
    assert "holds a fit with another seed" in capsys.readouterr().err


def test_with_time_for_nothing_one_training_is_handed_over_all_the_same(data, bench, tmp_path, capsys):
    how = ["--source", 'dense(precision="fp32")', "--set", "batch_size=4", "--minutes", 0.01, "--quiet"]
    assert main([*map(str, ["fit", data, "--model", bench / "tiny", *how, "-o", tmp_path / "fit"])]) == 0
    found = json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert [len(each["standings"]) for each in found["rounds"]] == [1]
    assert not found["is_anew"]
    assert wrong(tmp_path / "fit") == []
    assert found["left_out"]
    assert "The race" in (tmp_path / "fit" / "report.html").read_text()


@pytest.fixture
def as_raced(monkeypatch):
    """No time to train the winner anew, which is one with mined negatives."""
    planned, chosen = fitting.plan_fit, fitting.choose
    monkeypatch.setattr(fitting, "choose", lambda *given, **how: replace(chosen(*given, **how), name="mined_many"))
    monkeypatch.setattr(fitting, "plan_fit", lambda *given, **how: replace(planned(*given, **how), is_anew=False))
    monkeypatch.setattr(Race, "is_trained_anew", lambda _race, _entry: False)


def test_a_winner_is_handed_over_as_it_was_raced(data, bench, tmp_path, as_raced):
    assert fit(data, bench, tmp_path / "fit") == 0
    found = json.loads((tmp_path / "fit" / "fit.json").read_text())
    entry, final = found["choice"]["entry"], tmp_path / "fit" / "finish" / "run"
    assert entry["strategy"] == "mined_many"
    raced = tmp_path / "fit" / "race" / f"{entry['strategy']}-{entry['rate']:g}-{entry['steps']}"
    assert (found["is_anew"], found["grown"]) == (False, 1.0)
    assert weights(final) == weights(tmp_path / "fit")
    loss = "training/mined-seed0/loss.jsonl"
    assert (final / loss).samefile(raced / loss)  # not trained again
    stages, before = (json.loads((each / "manifest.json").read_text())["stages"] for each in (final, raced))
    assert stages["train mined-seed0"]["wall_s"] >= before["train mined-seed0"]["wall_s"]
    trained = hn.read_dataset(tmp_path / "fit" / "finish" / "dataset")
    assert len(trained.queries_of("train")) == 12
    assert "with their labels" not in (tmp_path / "fit" / "model" / "README.md").read_text()
    assert {what for what, _ in wrong(tmp_path / "fit")} == {"figures"}  # which do not speak for this choice
    assert main(["run", str(final / "recipe.toml"), "-o", str(tmp_path / "again"), "--quiet"]) == 0
    assert weights(tmp_path / "again") == weights(final)


def test_one_as_it_was_raced_is_handed_over_after_a_stop_too(data, bench, tmp_path, as_raced):
    with showing(StopDuring("searching with bm25", 7)):  # the test
        assert fit(data, bench, tmp_path / "stopped") in (3, 130)
    assert (tmp_path / "stopped" / "finish").exists()
    assert fit(data, bench, tmp_path / "stopped") == 0
    assert fit(data, bench, tmp_path / "fit") == 0
    assert weights(tmp_path / "stopped") == weights(tmp_path / "fit")


def test_trainings_of_a_race_are_watched_on_its_half_alone(data, bench, tmp_path):
    watch = "dev(every=2, queries='all', beside='all', keep='best')"
    assert fit(data, bench, tmp_path / "fit", "--watch", watch) == 0
    found = json.loads((tmp_path / "fit" / "fit.json").read_text())
    curves = list((tmp_path / "fit" / "race").glob("*/training/*/watch.json"))
    assert len(curves) == len(list((tmp_path / "fit" / "race").glob("*/training/*/loss.jsonl")))
    for file in curves:
        about = json.loads(file.read_text())
        assert about["split"] == "dev"
        assert about["queries"] == found["development"]["queries"]["race"]
    assert not list((tmp_path / "fit" / "finish").glob("*/training/*/watch.json"))


def test_pairs_without_splits_are_dealt_and_kept(bench, split_toy, tmp_path, capsys):
    query, document = split_toy.pairs_of("train")
    pairs = pl.DataFrame(
        {"question": split_toy.query_texts.gather(query), "answer": split_toy.document_texts.gather(document)}
    )
    pairs.write_csv(tmp_path / "faq.csv")
    asked = ["fit", tmp_path / "faq.csv", "--model", bench / "tiny", *FIXED, "-o", tmp_path / "fit"]
    assert main([*map(str, asked)]) == 0
    shown = capsys.readouterr()
    assert "has no split 'dev' and 'test': its queries were dealt" in shown.err
    assert "The plan" in shown.err
    assert "measured once" in shown.out
    kept = hn.read_dataset(tmp_path / "fit" / "dataset")
    assert sorted(kept.splits) == ["dev", "test", "train"]


def test_one_document_that_answers_many_queries_does_not_stand_in_the_way(bench, tmp_path):
    n = 40
    pairs = pl.DataFrame(
        {"question": [f"question number {at}" for at in range(n)], "answer": [f"answer {at % 3}" for at in range(n)]}
    )
    dataset = hn.read_dataset(pairs)
    with pytest.raises(hn.errors.DatasetError, match="hang together"):
        hn.split_dataset(dataset, hn.Dealing(split="train"))
    fitted = hn.fit(
        dataset,
        model=str(bench / "tiny"),
        out=tmp_path / "fit",
        steps=2,
        strategies=["in_batch"],
        settings={"batch_size": 4, "precision": "fp32"},
    )
    assert {"bm25", "zero_shot", "in_batch"} <= set(fitted.frame()["system"])
    assert np.isfinite(fitted.frame()["value"].to_numpy()).all()
    assert repr(fitted).startswith("Fitted: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "5"], "a budget is in minutes or in steps"),
        (["--fast", "--thorough"], "two budgets"),
        (["--set", "epochs=3"], "it finds epochs by itself"),
        (["--strategy", "mined_mny"], "mined_many"),
        (["--dev", "train"], "must be different splits"),
        (["--set", "learning_rat=1"], "learning_rat"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(data, bench, tmp_path, refusal, options, message):
    assert message in refusal("fit", data, "--model", bench / "tiny", *FIXED, "-o", tmp_path / "fit", *options)
    assert not (tmp_path / "fit" / "race").exists()


def test_errors_of_the_dataset_stop_it(bench, split_toy, tmp_path, capsys):
    query = split_toy.queries["text"].to_list()
    leaking = pl.DataFrame(
        {"question": query * 2, "answer": query * 2, "split": ["train"] * len(query) + ["test"] * len(query)}
    )
    leaking.write_csv(tmp_path / "leak.csv")
    code = fit(tmp_path / "leak.csv", bench, tmp_path / "fit", "--split-column", "split")
    assert code == 2
    assert not (tmp_path / "fit" / "race").exists()


def test_verify_finds_a_fit_fine_and_each_figure_of_it_that_was_changed(fitted, found, tmp_path):
    assert not {what for what, state in kinds(fitted) if state == "wrong"}
    assert ("figures", "fine") in kinds(fitted)
    doctored = copy_of(fitted, tmp_path / "fit")
    winner, by = found["choice"]["strategy"], found["measure"]

    def raise_it(path):
        def change(state):
            for key in path[:-1]:
                state = state[key]
            state[path[-1]] += 0.001

        return change

    figures = (
        ("test", "rows", winner, by, "value"),
        ("test", "rows", next(name for name in found["test"]["rows"] if name.endswith("by rank")), by, "low"),
        ("rounds", 0, "standings", 0, "value"),
        ("development", "means", "bm25", "fresh"),
        ("choice", "duels", 0, "both", "difference"),
        ("choice", "duels", 0, "among", "difference"),
    )
    before = (doctored / "fit.json").read_text()
    for path in figures:
        change_json(doctored / "fit.json", raise_it(path))
        assert [each.state for each in check_fit(doctored, where=".")].count("wrong") == 1, path
        for place in (doctored / "fit.json", doctored / ".fit.json.copy"):
            place.write_text(before)
    change_weight(doctored / "model")
    assert wrong(doctored) == [("model", "model")]


def test_a_fit_that_was_moved_or_damaged_goes_on_with_all_that_is_whole(data, bench, fitted, tmp_path, caplog):
    moved = shutil.copytree(fitted, tmp_path / "elsewhere")
    before = weights(moved)
    flip(moved / "fit.json", 333)
    flip(moved / "recipe.toml" if (moved / "recipe.toml").exists() else moved / "report.html", 77)
    flip(next((moved / "model").rglob("model.safetensors")), 4_321)
    assert fit(data, bench, moved) == 0
    assert "fit.json is damaged; it is made anew from .fit.json.copy" in caplog.text
    assert "model.safetensors is damaged" in caplog.text
    assert weights(moved) == before
    assert wrong(moved) == []
