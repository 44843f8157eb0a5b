import numpy as np
import polars as pl
import pytest

from hardneg.domains.recommender.order import weigh_order


def positives(*, follows, n_users=300, n_items=40, length=12, seed=0):
    """Make users who take items of one of four kinds, then of another, and last one more of the second or of either."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        older, newer = rng.choice(4, size=2, replace=False)
        kinds = [np.arange(kind, n_items, 4) for kind in (older, newer)]
        halves = [rng.choice(kind, size=length // 2 + 1, replace=False) for kind in kinds]
        taken = [*halves[0][:-1], *halves[1][:-1]]
        answer = halves[1][-1] if follows else halves[int(rng.integers(2))][-1]
        rows += [(f"u{user}", f"i{item}", number, "train") for number, item in enumerate(taken)]
        rows.append((f"u{user}", f"i{answer}", length, "dev"))
    return pl.DataFrame(rows, schema=["user", "item", "number", "split"], orient="row")


def test_an_order_that_tells_what_comes_next_is_seen():
    evidence = weigh_order(positives(follows=True))
    assert evidence.carries_something
    assert evidence.newer > 0.9 * evidence.users
    assert str(evidence).startswith("order: the newer half of a history is nearer to the answer for ")


@pytest.mark.parametrize("seed", range(3))
def test_an_order_that_tells_nothing_is_called_so(seed):
    evidence = weigh_order(positives(follows=False, seed=seed))
    assert not evidence.carries_something
    assert evidence.users > 250
    assert "--split random reads histories as sets" in str(evidence)


def test_users_agree_with_a_count_by_hand():
    """Agree with loops over users that took each pair of items."""
    rows = positives(follows=True, n_users=25, length=6)
    evidence = weigh_order(rows)
    train = {}
    for user, item, _, split in rows.sort("user", "number").iter_rows():
        if split == "train":
            train.setdefault(user, []).append(item)
    taken = {item: {user for user, items in train.items() if item in items} for item in rows["item"].unique()}
    counted = []
    for user, answer in rows.filter(pl.col("split") == "dev").select("user", "item").iter_rows():
        near = []
        for item in train[user]:
            chance = len(taken[item]) * len(taken[answer]) / len(train)
            near.append((len(taken[item] & taken[answer]) - chance) / np.sqrt(max(chance, 1e-9)))
        half = len(near) // 2
        counted.append(np.sign(sum(near[half:]) - sum(near[:half])))
    assert evidence.newer == counted.count(1)
    assert evidence.users == 25 - counted.count(0)


def test_histories_of_one_item_tell_nothing():
    rows = pl.DataFrame({"user": ["u", "u"], "item": ["a", "b"], "number": [0, 1], "split": ["train", "test"]})
    evidence = weigh_order(rows)
    assert (evidence.users, evidence.carries_something, evidence.split) == (0, False, "test")
    assert "cannot be told" in str(evidence)
