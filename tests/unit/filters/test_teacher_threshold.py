from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest

from hardneg.cli.components import parse_component
from hardneg.errors import RecipeError
from hardneg.filters import apply_filters
from hardneg.filters.teacher_threshold import TeacherThreshold
from hardneg.recipe import Recipe
from hardneg.recipe.reference import reference
from hardneg.scoring import BiEncoder, CrossEncoder

# d0 .. d7 for each query of `tiny`; the positives are d0 (q0), d1 and d4 (q1), d2 (q2), d3 (q3).
SCORES = np.array(
    [
        [0.80, 0.05, 0.10, 0.79, 0.20, 0.95, 0.50, 0.99],
        [0.02, 0.90, 0.48, 0.49, 0.50, 0.30, 0.70, 0.91],
        [-0.9, -0.7, -0.8, -0.82, -0.85, -0.1, -0.99, 0.0],
        [0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.10],
    ],
    dtype=np.float32,
)


@dataclass(frozen=True)
class Told:
    """A teacher that was told its scores; keeps what it was asked."""

    name: str = "told"
    asked: list = field(default_factory=list, compare=False, repr=False)

    def score(self, dataset, query, document):
        self.asked.extend(zip(query.tolist(), document.tolist(), strict=True))
        return SCORES[query, document]


@pytest.fixture
def rows() -> pl.DataFrame:
    return pl.DataFrame({"query": np.repeat(range(4), 8), "document": np.tile(range(8), 4)}).cast(pl.Int32)


def kept(filter_, rows, tiny, query):
    table = filter_.annotate(rows, tiny).filter(pl.col("query") == query)
    return [i for i, keep in enumerate(filter_.keep(table, tiny).tolist()) if keep]


def test_above_refuses_what_scores_above_it_and_keeps_what_scores_at_it(rows, tiny):
    bound = float(np.float32(0.1))
    assert kept(TeacherThreshold(Told(), above=bound), rows, tiny, 0) == [1, 2]
    assert kept(TeacherThreshold(Told(), above=bound), rows, tiny, 3) == list(range(8))


def test_ratio_compares_with_the_weakest_positive(rows, tiny):
    # The bars are 0.76 for q0 and 0.475 for q1, whose stronger positive scores 0.9.
    assert kept(TeacherThreshold(Told(), ratio=0.95), rows, tiny, 0) == [1, 2, 4, 6]
    assert kept(TeacherThreshold(Told(), ratio=0.95), rows, tiny, 1) == [0, 5]


def test_ratio_asks_for_less_also_when_the_teacher_scores_below_zero(rows, tiny):
    assert kept(TeacherThreshold(Told(), ratio=0.95), rows, tiny, 2) == [0, 4, 6]


def test_margin_is_a_distance_from_the_weakest_positive(rows, tiny):
    assert kept(TeacherThreshold(Told(), margin=0.015), rows, tiny, 1) == [0, 2, 5]


def test_with_several_bounds_each_can_refuse(rows, tiny):
    assert kept(TeacherThreshold(Told(), above=0.4, ratio=0.95, margin=0.01), rows, tiny, 0) == [1, 2, 4]
    assert kept(TeacherThreshold(Told(), above=0.4, margin=0.01), rows, tiny, 1) == [0, 5]


def test_without_a_positive_among_the_rows_only_the_fixed_bounds_count(rows, tiny):
    strangers = rows.filter((pl.col("query") != 0) | (pl.col("document") != 0))
    assert kept(TeacherThreshold(Told(), ratio=0.95), strangers, tiny, 0) == list(range(7))
    assert kept(TeacherThreshold(Told(), ratio=0.95, above=0.6), strangers, tiny, 0) == [0, 1, 3, 5]


def test_answers_are_refused_and_only_if_asked_handed_out(rows, tiny):
    rule = {"above": 0.1, "relabel_above": 0.9}
    refusing = apply_filters(rows, tiny, [TeacherThreshold(Told(), **rule)])
    assert "found_by" not in refusing.columns
    finding = apply_filters(rows, tiny, [TeacherThreshold(Told(), **rule, relabel=True)])
    assert finding["dropped_by"].to_list() == refusing["dropped_by"].to_list()
    found = finding.filter(pl.col("found_by") == "teacher_threshold").select("query", "document").rows()
    # Not d5, which repeats the positive's text, and not d7 for q0: it was judged, and a label is surer than a score.
    assert found == [(1, 7)]


def test_relabel_above_alone_refuses_only_answers(rows, tiny):
    assert kept(TeacherThreshold(Told(), relabel_above=0.9), rows, tiny, 0) == [0, 1, 2, 3, 4, 6]


def test_found_is_nothing_without_a_bound_for_it(rows, tiny):
    assert not TeacherThreshold(Told(), above=0.1).found(rows, tiny).any()


def test_the_teacher_is_asked_only_about_what_is_undecided_and_the_positives(rows, tiny):
    teacher = Told()
    table = rows.with_columns(
        dropped_by=pl.when((pl.col("query") == 1) & (pl.col("document") > 3)).then(pl.lit("near_duplicate"))
    )
    filtered = apply_filters(table, tiny, [TeacherThreshold(teacher, above=0.1)])
    asked = set(teacher.asked)
    assert (1, 4) in asked  # a positive
    assert not asked & {(1, 5), (1, 6), (1, 7)}
    unasked = filtered.filter(pl.col("teacher_score").is_null()).select("query", "document").rows()
    assert set(unasked) == {(q, d) for q in range(4) for d in range(8)} - asked
    known = filtered.filter(pl.col("teacher_score").is_not_null())
    np.testing.assert_array_equal(
        known["teacher_score"].to_numpy(), SCORES[known["query"].to_numpy(), known["document"].to_numpy()]
    )
    assert filtered.schema["teacher_score"] == pl.Float32


def test_documents_judged_not_relevant_are_spared(rows, tiny):
    filtered = apply_filters(rows, tiny, [TeacherThreshold(Told(), above=0.1)])
    judged = filtered.filter((pl.col("query") == 0) & (pl.col("document") == 7))
    assert judged["dropped_by"].to_list() == [None]


def test_keep_asks_the_teacher_itself_where_nobody_did(rows, tiny):
    filter_ = TeacherThreshold(Told(), ratio=0.95, relabel_above=0.9)
    np.testing.assert_array_equal(filter_.keep(rows, tiny), filter_.keep(filter_.annotate(rows, tiny), tiny))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no bound is set"),
        ({"ratio": 0.0}, r"ratio is 0\.0"),
        ({"ratio": 1.5}, r"ratio is 1\.5"),
        ({"margin": -0.1}, r"margin is -0\.1"),
        ({"above": float("nan")}, "above is nan"),
        ({"relabel_above": float("inf")}, "relabel_above is inf"),
        ({"above": 0.9, "relabel_above": 0.1}, "relabel_above = 0.1 lies below above = 0.9"),
        ({"above": 0.1, "relabel": True}, "relabel = true needs relabel_above"),
    ],
)
def test_bounds_that_cannot_be_are_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        TeacherThreshold(Told(), **values)


def recipe(*filters):
    return Recipe.from_table({"name": "r", "dataset": "data", "filters": list(filters)}, place="r.toml")


def test_a_recipe_holds_the_scorer_as_an_inner_table_and_writes_it_back(tmp_path):
    made = recipe(
        {
            "use": "teacher_threshold",
            "scorer": {"use": "cross_encoder", "model": "some/reranker", "max_tokens": 128},
            "above": 0.1,
            "relabel_above": 0.9,
            "relabel": True,
        }
    )
    scorer = CrossEncoder("some/reranker", max_tokens=128)
    assert made.filters == (TeacherThreshold(scorer, above=0.1, relabel_above=0.9, relabel=True),)
    (tmp_path / "again.toml").write_text(made.resolved())
    again = Recipe.load(tmp_path / "again.toml")
    assert again.filters == made.filters
    assert again.fingerprint == made.fingerprint


def test_the_fingerprint_of_a_recipe_tells_scorers_apart():
    tables = [
        {"use": "cross_encoder", "model": "a"},
        {"use": "cross_encoder", "model": "b"},
        {"use": "cross_encoder", "model": "a", "activation": "identity"},
        {"use": "bi_encoder", "model": "a"},
    ]
    made = [recipe({"use": "teacher_threshold", "scorer": table, "above": 0.1}) for table in tables]
    assert len({each.fingerprint for each in made}) == 4


def test_it_can_be_written_on_the_command_line():
    text = "teacher_threshold(scorer={'use': 'bi_encoder', 'model': 'm'}, ratio=0.95)"
    assert recipe(parse_component(text)).filters == (TeacherThreshold(BiEncoder("m"), ratio=0.95),)


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (
            {"use": "cros_encoder", "model": "m"},
            r"filters\[1\]\.scorer: unknown scorer .* did you mean 'cross_encoder'",
        ),
        ({"model": "m"}, r"filters\[1\]\.scorer: must name a scorer by the key 'use'"),
        ("cross_encoder", r"filters\[1\]\.scorer: 'model' must be given"),
        ({"use": "cross_encoder", "modle": "m"}, r"scorer: unknown key 'modle'; did you mean 'model'"),
        ({"use": "cross_encoder", "model": "m", "max_tokens": 1}, r"scorer: cross_encoder: max_tokens is 1"),
        ({"use": "cross_encoder", "model": "m", "max_tokens": "9"}, r"scorer\.max_tokens: should be"),
        (3, r"filters\[1\]\.scorer: must name a scorer"),
        ({"use": "hardneg.filters:NearDuplicate"}, r"is not a scorer: it lacks something that Scorer asks for"),
    ],
)
def test_what_is_wrong_with_a_scorer_is_said_with_its_place(scorer, message):
    with pytest.raises(RecipeError, match=message):
        recipe({"use": "teacher_threshold", "scorer": scorer, "above": 0.1})


def test_a_scorer_from_elsewhere_is_named_by_module_and_class():
    made = recipe({"use": "teacher_threshold", "scorer": {"use": "counting_scorer:Counting"}, "above": 0.1})
    assert made.filters[0].scorer.name == "teacher"
    assert recipe({"use": "teacher_threshold", "scorer": "counting_scorer:Counting", "above": 0.1}) == made


@dataclass(frozen=True)
class Own:
    """A filter from elsewhere whose `scorer` is a plain word."""

    scorer: str
    name = "own"
    exempts_judged = False

    def keep(self, candidates, dataset):
        return np.ones(candidates.height, dtype=bool)


def test_a_filter_from_elsewhere_may_call_something_else_its_scorer():
    made = recipe({"use": f"{__name__}:Own", "scorer": "word"}) if __name__ != "__main__" else None
    assert made.filters[0].scorer == "word"
    assert 'scorer = "word"' in made.resolved()


def test_the_reference_lists_the_scorers_and_their_keys():
    text = reference()
    assert '#### `use = "cross_encoder"`' in text
    assert "| `relabel_above` | not set |" in text
