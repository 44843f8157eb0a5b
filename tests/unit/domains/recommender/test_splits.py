import polars as pl
import pytest

from hardneg.domains.recommender.build import interactions_dataset
from hardneg.domains.recommender.splits import InteractionSplits
from hardneg.errors import DatasetError
from interactions_toy import toy_events

RANDOM = InteractionSplits(by="random")


def log(rows):
    schema = {"user": pl.String, "item": pl.String, "time": pl.Float64, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def taken(n_users, n_items):
    return log([(f"u{u}", f"i{i}", None, None) for u in range(n_users) for i in range(n_items)])


def answers(dataset, split):
    rows = dataset.qrels.filter((pl.col("split") == split) & (pl.col("relevance") > 0))
    users, ids = dataset.queries["history_of"], dataset.documents["id"]
    return [(users[q], ids[d]) for q, d in rows.select("query", "document").iter_rows()]


def test_a_random_split_holds_out_one_item_of_each_user_for_test_and_one_for_dev():
    dataset, _ = interactions_dataset(taken(200, 8), splits=RANDOM)
    for split in ("test", "dev"):
        held = answers(dataset, split)
        assert sorted(user for user, _ in held) == sorted(f"u{u}" for u in range(200))
        share = pl.Series([item for _, item in held]).value_counts(normalize=True)["proportion"]
        assert share.max() < 0.25  # any of the eight, not the last of the file
    assert not set(answers(dataset, "train")) & set(answers(dataset, "test") + answers(dataset, "dev"))


def test_a_random_split_is_the_seeds_and_not_that_of_the_order_of_rows():
    rows = taken(20, 6)
    first, shuffled = (
        interactions_dataset(each, splits=RANDOM)[0] for each in (rows, rows.sample(fraction=1, shuffle=True, seed=1))
    )
    assert first.fingerprint == shuffled.fingerprint
    other = interactions_dataset(rows, splits=InteractionSplits(by="random", seed=1))[0]
    assert other.fingerprint != first.fingerprint


def test_a_random_split_keeps_two_items_of_each_user_to_train_on():
    sizes = {"a": 1, "b": 2, "c": 3, "d": 4}
    rows = log([(user, f"{user}{n}", None, None) for user, size in sizes.items() for n in range(size)])
    dataset, _ = interactions_dataset(rows, splits=RANDOM)
    assert sorted(user for user, _ in answers(dataset, "test")) == ["c", "d"]
    assert [user for user, _ in answers(dataset, "dev")] == ["d"]
    assert sorted(user for user, _ in answers(dataset, "train")) == ["b", "b", "c", "c", "d", "d"]


def asked_with(dataset, split):
    users, text = dataset.queries["history_of"], dataset.query_texts
    rows = dataset.qrels.filter((pl.col("split") == split) & (pl.col("relevance") > 0))
    ids = dataset.documents["id"]
    pairs = rows.select("query", "document").rows()
    return [(users[query], ids[document], {word[1:] for word in text[query].split()}) for query, document in pairs]


def test_in_a_random_split_a_history_is_the_set_of_all_else_that_its_user_took_in_training():
    rows = log([(f"u{u}", f"i{i}", None, None) for u in range(30) for i in range(u % 3, 9)])
    dataset, _ = interactions_dataset(rows, splits=RANDOM)
    trained, developed = {}, dict(answers(dataset, "dev"))
    for user, item in answers(dataset, "train"):
        trained.setdefault(user, set()).add(item)
    for user, item, history in asked_with(dataset, "train"):
        assert history == trained[user] - {item}
    assert all(history == trained[user] for user, _, history in asked_with(dataset, "dev"))
    assert all(history == trained[user] | {developed[user]} for user, _, history in asked_with(dataset, "test"))
    short, _ = interactions_dataset(rows, splits=RANDOM, history=3)
    for user, item, history in asked_with(short, "train"):
        assert len(history) == 3
        assert history < trained[user] - {item}


def test_a_set_is_whole_and_a_history_in_order_holds_fifty_unless_told_otherwise():
    rows = taken(3, 60)
    lengths = {
        splits.by: interactions_dataset(rows, splits=splits)[0].query_texts.str.split(" ").list.len().max()
        for splits in (RANDOM, InteractionSplits())
    }
    assert lengths == {"random": 59, "leave-last-out": 50}


def test_in_a_random_split_what_was_not_taken_is_judged_in_training_and_seen_before_the_test():
    given = [(f"u{u}", f"i{i}", None, float(i % 2)) for u in range(30) for i in range(12)]
    dataset, counts = interactions_dataset(log(given), splits=RANDOM)
    assert counts.positives == 30 * 6
    judged = dataset.qrels.filter(pl.col("relevance") == 0)
    names = dataset.documents["id"]
    assert {names[document] for document in judged["document"]} == {f"i{i}" for i in range(0, 12, 2)}
    assert judged.filter(pl.col("split") == "train").height == 30 * 6
    tested = set(dataset.qrels.filter(pl.col("split") == "test")["query"])
    assert judged.filter((pl.col("split") == "seen") & pl.col("query").is_in(tested)).height == 30 * 6


def test_times_are_not_made_up_where_there_are_none():
    assert "time" not in interactions_dataset(taken(5, 5), splits=RANDOM)[0].queries.columns
    with pytest.raises(DatasetError, match=r"a split by time needs the time of each interaction; .*--split random"):
        interactions_dataset(taken(5, 5), splits=InteractionSplits(by="time"))


def test_users_of_three_are_not_developed_on_where_nobody_would_be_left_to_train_on():
    three = log([(f"u{u}", f"i{i}", float(i), None) for u in range(4) for i in range(3)])
    dataset, counts = interactions_dataset(three)
    assert (len(answers(dataset, "train")), len(answers(dataset, "test"))) == (4, 4)
    assert counts.pairs_per_user == (1.0, 1)
    four = pl.concat([three, log([("v", f"i{i}", float(i), None) for i in range(4)])])
    assert len(answers(interactions_dataset(four)[0], "dev")) == 5


def test_an_unknown_split_names_those_there_are():
    with pytest.raises(DatasetError, match="no split by 'often'; take leave-last-out, time or random"):
        InteractionSplits(by="often")


def test_leave_last_out_does_not_depend_on_the_seed():
    given = toy_events()
    first, second = (
        interactions_dataset(given, min_rating=1, splits=InteractionSplits(seed=seed))[0].fingerprint for seed in (0, 1)
    )
    assert first == second
