"""A recommender from interactions to figures, through the command line."""

import json

import pytest

from hardneg.cli import main
from hardneg.data.reading import read_dataset
from interactions_toy import toy_events, toy_items


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy_events(n_users=20).write_csv("ratings.csv")
    toy_items().drop("category").with_columns(genres=toy_items()["category"].list.join("|")).write_csv("items.csv")
    return ["data", "interactions", "ratings.csv", "--items", "items.csv", "-o", "data"]


def test_a_recommender_is_built_trained_with_the_preset_and_measured(files, capsys):
    assert main([*files, "--min-rating", "2", "--model", "items", "--dimension", "8", "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["splits"]["test"]["queries"] > 10
    assert built["interactions"]["positives"] > 100
    assert main(["mine", "data", "-o", "mined", "--preset", "recommender", "--model", "items", "--quiet"]) == 0
    arguments = ["--negatives", "mined", "--model", "items", "--set", "repeat_documents=true", "--set", "batch_size=16"]
    log_q = ["--set", "log_q={'estimate': 'streaming'}", "--set", "learning_rate=0.05"]
    assert main(["train", "data", "-o", "trained", *arguments, *log_q, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "data", "--model", "trained/model", "--depth", "10", "--exclude", "seen", "--json"]) == 0
    (figures,) = json.loads(capsys.readouterr().out).values()
    assert figures["HR@10"]["n"] == built["splits"]["test"]["queries"]
    assert 0 < figures["shown"]["coverage"] <= 1


def test_what_was_built_is_told_in_words(files, capsys):
    assert main([*files, "--min-rating", "3", "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "cold items: " in shown
    assert "training pairs a user: " in shown
    assert read_dataset("data").splits == ["train", "dev", "test", "seen"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "who"], "ratings.csv: no column 'who'; it has: user, item, time, rating; name it with --user"),
        (["--split", "randomly"], "no split by 'randomly'; take leave-last-out, time or random"),
        (["--item-text", "plot"], "items.csv: no column 'plot' for the text"),
        (["--split", "time", "--test-share", "0.7", "--dev-share", "0.5"], "their sum below 1"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(files, arguments, message, tmp_path, capsys):
    assert main([*files, *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_the_preset_names_the_column_that_items_lack(files, tmp_path, capsys):
    toy_items().drop("category").write_csv("bare.csv")
    assert (
        main(
            [
                "data",
                "interactions",
                "ratings.csv",
                "--items",
                "bare.csv",
                "-o",
                "bare",
                "--model",
                "m",
                "--min-rating",
                "1",
            ]
        )
        == 0
    )
    capsys.readouterr()
    assert main(["mine", "bare", "-o", "mined", "--preset", "recommender", "--model", "m"]) == 2
    shown = capsys.readouterr()
    assert "names the column 'category', which the documents of bare do not have" in shown.err


def test_a_recipe_leaves_out_what_was_seen_and_names_a_split_that_is_not_there(files, tmp_path, capsys):
    assert main([*files, "--min-rating", "2", "--model", "items", "--dimension", "8", "--quiet"]) == 0
    lines = ['dataset = "data"', 'model = "items"', "sources = []", "[train]", "max_steps = 2"]
    recipe = "\n".join([*lines, "[evaluate]", 'rows = ["zero_shot"]', "depth = 10", ""])
    (tmp_path / "recipe.toml").write_text(recipe + 'exclude = "seen"\n')
    assert main(["run", "recipe.toml", "--out", "run", "--quiet"]) == 0
    data = read_dataset("data")
    seen = data.qrels.filter(data.qrels["split"] == "seen")
    pairs = set(
        zip(data.queries["id"].gather(seen["query"]), data.documents["id"].gather(seen["document"]), strict=True)
    )
    runs = sorted((tmp_path / "run" / "evaluation").glob("*/run.trec"))
    shown = {tuple(line.split()[::2][:2]) for file in runs for line in file.read_text().splitlines()}
    assert len(runs) == 2
    assert not shown & pairs
    (tmp_path / "recipe.toml").write_text(recipe + 'exclude = "sene"\n')
    capsys.readouterr()
    assert main(["run", "recipe.toml", "--out", "other", "--quiet"]) == 2
    assert "no split 'sene' to exclude; it has: train, dev, test, seen" in capsys.readouterr().err
