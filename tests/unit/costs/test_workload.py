import pytest

from hardneg.costs import Workload
from hardneg.errors import RecipeError

SIZE = {"documents": 10, "queries": 4}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"documents": 0}, "documents is 0"),
        ({"sources": ("bm52",)}, "no source 'bm52'"),
        ({"sources": ("dense",)}, "dense needs a model"),
        (
            {"sources": ("dense",), "model": "https://host/v1#m"},
            "behind an endpoint is not tried, since it costs money",
        ),
        ({"sources": ("vectors",)}, "give --dim"),
        ({"sources": ("dense", "vectors"), "model": "m", "dim": 4}, "name dense for vectors that a model makes"),
        ({"sources": ("dense",), "model": "m", "dim": 4}, "leave --dim out"),
        ({"sources": ("bm25",), "train_steps": 3}, "training needs a model"),
        ({"sources": ("bm25",), "score_pairs": 3}, "name one with --teacher"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(given, message):
    with pytest.raises(RecipeError, match=message):
        Workload(**SIZE | given)


def test_a_teacher_scores_the_negatives_and_a_positive_if_not_told_otherwise():
    work = Workload(**SIZE, sources=("bm25",), teacher="t", per_query=4)
    assert work.pairs == 20
    assert Workload(**SIZE, sources=("bm25",)).pairs == 0
