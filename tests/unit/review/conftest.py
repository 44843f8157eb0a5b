import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.negatives import Selection
from hardneg.pipeline.mining import mine
from hardneg.review.session import opened_review
from hardneg.sources import BM25, Random
from toy import toy_dataset


@pytest.fixture(scope="session")
def toy() -> Dataset:
    return toy_dataset()


@pytest.fixture(scope="session")
def mined(toy, tmp_path_factory):
    """A run folder: 24 queries with four negatives each, found by two sources."""
    out = tmp_path_factory.mktemp("mined") / "run"
    mine(toy, sources=[BM25(analyzer="plain"), Random()], filters=[], select=Selection(4), depth=10, out=out)
    return out


@pytest.fixture
def session(mined, toy, tmp_path):
    """A review of that run with 12 suspects, 12 draws, and everything judged by all."""
    wanted = {"suspects": 12, "sample": 12, "overlap": 1.0}
    with opened_review(mined, toy, tmp_path / "verdicts.sqlite", wanted=wanted) as session:
        yield session


@pytest.fixture
def pairs():
    """Six pairs: suspects 0 to 2 and draws 0 to 3; the pair 1 is both."""
    return pl.DataFrame(
        {
            "pair": range(6),
            "query_id": [f"q{i}" for i in range(6)],
            "doc_id": [f"d{i}" for i in range(6)],
            "suspect": [0, 1, None, 2, None, None],
            "draw": [None, 2, 0, None, 1, 3],
            "shared": [True] * 6,
        },
        schema_overrides={"pair": pl.Int64, "suspect": pl.Int64, "draw": pl.Int64},
    )
