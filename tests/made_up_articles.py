"""Articles of made-up words, each with a title that its text does not repeat."""

import numpy as np
import polars as pl

WORDS = [f"{first}{second}{third}" for first in "bdgklmnr" for second in "aeiou" for third in "bdgklmnr"]


def articles(n=60, length=80):
    rng = np.random.default_rng(0)
    text = [" ".join(rng.choice(WORDS, length)) for _ in range(n)]
    title = [" ".join(rng.choice(WORDS, 4)) for _ in range(n)]
    return pl.DataFrame({"id": [f"a{i}" for i in range(n)], "title": title, "text": text})
