"""Interactions of twelve users with thirty items, in order of time, and the items' titles."""

import numpy as np
import polars as pl


def toy_events(*, n_users=12, n_items=30, seed=0):
    """Rows as `read_interactions` gives them; popular items come up more often, ratings are 1 to 5."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, n_items + 1)
    rows = []
    for user in range(n_users):
        items = rng.choice(n_items, size=int(rng.integers(6, 15)), replace=False, p=chance / chance.sum())
        times = np.sort(rng.integers(0, 1_000, len(items)))
        rows += [
            (f"u{user}", f"i{item}", float(time), float(rng.integers(1, 6)))
            for item, time in zip(items, times, strict=True)
        ]
    schema = {"user": pl.String, "item": pl.String, "time": pl.Float64, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("time", maintain_order=True)


def toy_items(*, n_items=30):
    kinds = ("Drama", "Comedy", "War")
    return pl.DataFrame(
        {
            "id": [f"i{item}" for item in range(n_items)],
            "title": [f"Film {item % 7} of {item}" for item in range(n_items)],
            "text": [kinds[item % 3] for item in range(n_items)],
            "category": [[kinds[item % 3]] for item in range(n_items)],
        }
    )
