import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.files import read_interactions, read_items
from hardneg.domains.recommender.splits import InteractionSplits
from hardneg.errors import DatasetError
from interactions_toy import toy_events, toy_items

STRICT = Rejections(skip=False)


def events(rows):
    schema = {"user": pl.String, "item": pl.String, "time": pl.Float64, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


FIVE = events([("u", item, float(time), 5.0) for time, item in enumerate("abcde")])


def labels(dataset, split):
    rows = dataset.qrels.filter(pl.col("split") == split)
    return {
        (dataset.queries["id"][q], dataset.documents["id"][d], r)
        for q, d, r in rows.select("query", "document", "relevance").iter_rows()
    }


def text_of(dataset, query_id):
    return dataset.queries.filter(pl.col("id") == query_id)["text"].item()


def test_each_positive_with_a_history_is_asked_for_by_what_was_taken_before():
    dataset, counts = interactions_dataset(FIVE)
    assert labels(dataset, "train") == {("u@1", "b", 1), ("u@2", "c", 1)}
    assert labels(dataset, "dev") == {("u@3", "d", 1)}
    assert labels(dataset, "test") == {("u@4", "e", 1)}
    assert text_of(dataset, "u@2") == "@b @a"
    assert counts.first_positives == 1
    assert counts.pairs_per_user == (2.0, 2)


def test_a_history_holds_its_newest_items_only():
    dataset, _ = interactions_dataset(FIVE, history=1)
    assert text_of(dataset, "u@2") == "@b"


@pytest.mark.parametrize("by", ["leave-last-out", "time"])
def test_no_query_knows_the_future_of_its_user(by):
    given = toy_events()
    dataset, _ = interactions_dataset(given, toy_items(), min_rating=3, splits=InteractionSplits(by=by, test_share=0.3))
    when = {(row["user"], row["item"]): row["time"] for row in given.iter_rows(named=True)}
    answers = dataset.qrels.filter((pl.col("relevance") > 0) & (pl.col("split") != "seen"))
    assert answers.height > 20
    for query, document in answers.select("query", "document").iter_rows():
        user, item = dataset.queries["history_of"][query], dataset.documents["id"][document]
        history = [word[1:] for word in dataset.queries["text"][query].split() if word.startswith("@")]
        assert item not in history
        assert all(when[user, before] <= when[user, item] for before in history)


def test_a_split_by_time_trains_on_nothing_after_its_moment():
    given = toy_events()
    dataset, _ = interactions_dataset(
        given, min_rating=1, splits=InteractionSplits(by="time", test_share=0.2, dev_share=0.2)
    )
    times = {
        split: dataset.queries["time"].gather(dataset.qrels.filter(pl.col("split") == split)["query"])
        for split in ("train", "dev", "test")
    }
    assert times["train"].max() < times["dev"].min()
    assert times["dev"].max() < times["test"].min()
    held = given.filter(pl.col("time") >= times["dev"].min())
    before = given.filter(pl.col("time") < times["dev"].min())
    counts = before.group_by("item").len()
    popular = dataset.documents.join(counts, left_on="id", right_on="item", how="left").fill_null(0)
    assert popular["popularity"].to_list() == popular["len"].to_list()
    assert held.height > 0


def test_what_was_shown_and_not_taken_is_judged_for_the_next_positive():
    ratings = [5.0, 5.0, 1.0, 5.0, 2.0, 5.0, 5.0]
    rows = [("u", item, float(at), rating) for at, (item, rating) in enumerate(zip("abxcyde", ratings, strict=True))]
    dataset, counts = interactions_dataset(events(rows), min_rating=4)
    assert labels(dataset, "train") == {("u@1", "b", 1), ("u@2", "c", 1), ("u@2", "x", 0)}
    assert labels(dataset, "seen") >= {("u@3", "x", 0), ("u@3", "y", 0), ("u@3", "a", 1), ("u@4", "d", 1)}
    assert counts.positives == 5


def test_seen_is_all_that_came_before_and_no_answer():
    dataset, _ = interactions_dataset(toy_events(), min_rating=3)
    for split in ("dev", "test"):
        answers = {(query, item) for query, item, _ in labels(dataset, split)}
        assert not answers & {(query, item) for query, item, _ in labels(dataset, "seen")}


def test_an_item_taken_twice_counts_once():
    again = pl.concat([FIVE, FIVE.with_columns(pl.col("time") + 10)])
    dataset, counts = interactions_dataset(again)
    assert counts.positives == 5
    assert labels(dataset, "test") == {("u@4", "e", 1)}


def test_an_item_that_training_does_not_know_is_written_as_its_text():
    items = pl.DataFrame({"id": list("abcde"), "title": [f"Title {each}" for each in "abcde"], "text": ["Drama"] * 5})
    dataset, counts = interactions_dataset(FIVE, items)
    assert text_of(dataset, "u@4") == "Title d Drama @c @b @a"
    assert counts.cold_items == 2
    assert counts.cold_positives == {"dev": 1.0, "test": 1.0}
    assert dataset.document_texts[0] == "Title a #a Drama"


def test_a_cap_takes_the_newest_queries_of_each_user():
    dataset, _ = interactions_dataset(FIVE, queries_per_user=1)
    assert labels(dataset, "train") == {("u@2", "c", 1)}


def test_training_queries_of_a_user_share_their_answers_and_none_of_test():
    dataset, _ = interactions_dataset(toy_events(), min_rating=3)
    taken = {}
    for query, item, relevance in labels(dataset, "train"):
        if relevance:
            taken.setdefault(query.partition("@")[0], set()).add(item)
    queries = dataset.queries_of("train")
    for query in queries:
        user = dataset.queries["history_of"][int(query)]
        everything = np.arange(dataset.n_documents, dtype=np.int32)
        answers = dataset.is_answer(np.full(dataset.n_documents, query, dtype=np.int32), everything)
        found = set(dataset.documents["id"].filter(pl.Series(answers)))
        shared_texts = dataset.query_texts == dataset.query_texts[int(query)]
        same_text = {dataset.queries["history_of"][at] for at in shared_texts.arg_true()}
        assert taken[user] <= found
        if same_text == {user}:
            assert found == taken[user]


def test_whose_history_it_is_belongs_to_the_fingerprint():
    dataset, _ = interactions_dataset(FIVE)
    other = Dataset(dataset.queries.with_columns(history_of=pl.lit("v")), dataset.documents, dataset.qrels)
    assert other.fingerprint != dataset.fingerprint


def test_a_threshold_needs_ratings():
    with pytest.raises(DatasetError, match="no rating"):
        interactions_dataset(FIVE.with_columns(rating=pl.lit(None, pl.Float64)), min_rating=3)


def test_too_few_positives_are_refused():
    with pytest.raises(DatasetError, match="left for test"):
        interactions_dataset(FIVE.head(2))


def test_columns_are_found_by_their_usual_names_and_dates_become_seconds(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text("userId,movieId,timestamp\nu,a,2020-01-02\nv,b,2020-01-01T00:00:10Z\n")
    found, _ = read_interactions(file, rejections=STRICT)
    assert found["user"].to_list() == ["v", "u"]
    assert found["time"].to_list() == [1577836810.0, 1577923200.0]
    assert found["rating"].is_null().all()


def test_a_row_without_a_time_is_named_by_its_line(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text("user,item,time,rating\nu,a,1,5\nu,b,soon,5\n")
    with pytest.raises(DatasetError, match=r"r\.csv:3: .*no usable time"):
        read_interactions(file, rejections=STRICT)
    skipping = Rejections(skip=True)
    assert read_interactions(file, rejections=skipping)[0].height == 1
    assert skipping.counts == {"incomplete interaction": 1}


def test_a_missing_column_names_the_option(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text("who,item,time\nu,a,1\n")
    with pytest.raises(DatasetError, match=r"for the user .*name it with --user"):
        read_interactions(file, rejections=STRICT)


def test_items_keep_their_columns_and_lists(tmp_path):
    file = tmp_path / "movies.csv"
    file.write_text(
        'movieId,title,genres,year\n1,"Toy, Story",Comedy|Kids,1995\n1,Other,Drama,1996\n2,Heat,Action,1995\n'
    )
    found, _ = read_items(file, rejections=STRICT)
    assert found["id"].to_list() == ["1", "2"]
    assert found["category"].to_list() == [["Comedy", "Kids"], ["Action"]]
    assert found["text"].to_list() == ["Comedy Kids", "Action"]
    assert found["title"].to_list() == ["Toy, Story", "Heat"]
    assert found["year"].to_list() == ["1995", "1995"]
