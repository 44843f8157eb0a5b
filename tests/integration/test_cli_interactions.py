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


CLICKS = [("u0", "i2", 1), ("u0", "i9", 0), ("u0", "i1", 1), ("u0", "i4", 0), ("u0", "i10", 1), ("u1", "i7", 1)]
CLICKS += [("u1", "i11", 0), ("u1", "i10", 1), ("u1", "i6", 1), ("u1", "i3", 0)]


def test_clicks_of_0_are_never_positives(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [f"{user},{item},{time},{click}" for time, (user, item, click) in enumerate(CLICKS)]
    (tmp_path / "click.csv").write_text("\n".join(["user_id,item_id,timestamp,click", *lines]))
    for split in ("leave-last-out", "random"):
        assert main(["data", "interactions", "click.csv", "-o", split, "--split", split, "--json"]) == 0
        built = json.loads(capsys.readouterr().out)
        assert built["interactions"]["positives"] == 6
        notes = built["mapping"]["interactions"]["notes"]
        assert "positive is 1, a click; 0 is an exposure without a click (6 of 10)" in notes
        data = read_dataset(split)
        labels = data.qrels.filter(data.qrels["relevance"] > 0)["document"]
        taken = set(data.documents["id"].gather(labels))
        assert taken <= {item for _, item, click in CLICKS if click}


def test_a_file_without_header_or_times_is_built_and_says_how_it_was_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    toy = toy_events().select("user", "item", "rating")
    (tmp_path / "plays.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in toy.iter_rows()))
    (tmp_path / "names.txt").write_text("".join(f"i{n}|Film {n}|Drama\n" for n in range(30)))
    command = ["data", "interactions", "plays.dat", "-o", "out", "--items", "names.txt"]
    assert main(command) == 2
    assert "--columns user,item,rating,time" in capsys.readouterr().err
    command += ["--columns", "user,item,rating", "--item-columns", "id,title,genres"]
    assert main(command) == 2
    assert "--split random" in capsys.readouterr().err
    command += ["--split", "random"]
    assert main(command) == 2
    assert "--min-rating 4" in capsys.readouterr().err
    assert main([*command, "--min-rating", "4"]) == 0
    shown = capsys.readouterr().out
    assert "user    ← column 1" in shown
    assert "plays.dat is UTF-8, '::' between fields, no header" in shown
    assert "title     ← column 2" in shown
    assert read_dataset("out").document_texts.to_list()[0].startswith("Film ")


def test_items_of_other_ids_are_refused_and_those_that_lack_counted(files, tmp_path, capsys):
    toy_items().with_columns(id="id" + toy_items()["id"]).drop("category").write_csv("other.csv")
    asked = ["data", "interactions", "ratings.csv", "--min-rating", "2", "-o", "out"]
    assert main([*asked, "--items", "other.csv"]) == 2
    assert "is in the file of items ('idi0', 'idi1', 'idi2', …)" in capsys.readouterr().err
    toy_items().head(20).drop("category").write_csv("some.csv")
    assert main([*asked, "--items", "some.csv"]) == 0
    assert "items that the file of items lacks: 9" in capsys.readouterr().out


@pytest.mark.parametrize("split", ["random", "time"])
def test_the_order_of_rows_is_for_the_split_that_reads_one(files, split, capsys):
    assert main([*files, "--order", "--split", split]) == 2
    assert "--order is for --split leave-last-out" in capsys.readouterr().err


def test_the_order_of_rows_is_taken_where_the_user_says_so(files, capsys):
    assert main([*files, "--order", "--ignore-rating", "--json"]) == 0
    mapping = json.loads(capsys.readouterr().out)["mapping"]["interactions"]
    assert mapping["ignored"] == ["time", "rating"]
    assert "the order of rows is taken as the order of time, as you said" in mapping["notes"]


def test_it_is_said_whether_the_order_carries_anything(files, tmp_path, capsys):
    built = {}
    for name, more in (("ordered", []), ("drawn", ["--split", "random"])):
        assert main([*files[:-1], name, "--min-rating", "2", *more]) == 0
        built[name] = capsys.readouterr().out
    assert (
        "order carries nothing that shows: the newer half of a history is nearer to the answer for" in built["ordered"]
    )
    assert "order: none; a history is the set of all else that its user took" in built["drawn"]
    (tmp_path / "days.csv").write_text("user,item,time\n" + "".join(f"u{n % 5},i{n},{n % 5}\n" for n in range(40)))
    assert main(["data", "interactions", "days.csv", "-o", "days"]) == 2
    message = capsys.readouterr().err
    assert "every user has one time for all that was taken, which tells no order" in message
    assert "--split random" in message
