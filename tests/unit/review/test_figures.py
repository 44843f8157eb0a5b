import polars as pl

from hardneg.audits.intervals import wilson
from hardneg.audits.verdict_store import VOTES_SCHEMA, decided
from hardneg.review.figures import figures


def _votes(*rows):
    return pl.DataFrame(rows, schema=VOTES_SCHEMA, orient="row")


def test_only_the_draw_makes_the_estimate_and_only_up_to_the_first_gap(pairs):
    votes = _votes((0, "a", "answer"), (1, "a", "answer"), (2, "a", "not_answer"), (3, "a", "answer"))
    found = figures(pairs, votes, negatives=50)
    # The pair 1 was drawn third, and judged early for being a suspect: the second draw is still open.
    assert found.contamination == wilson(0, 1)
    assert found.suspects == wilson(3, 3)
    assert (found.answers, found.judged, found.pairs, found.at_least) == (3, 4, 6, 0.06)
    more = pl.concat([votes, _votes((4, "a", "not_answer"))])
    assert figures(pairs, more, negatives=50).contamination == wilson(1, 3)


def test_an_unsure_draw_is_counted_apart_and_closes_no_gap_by_itself(pairs):
    votes = _votes((2, "a", "unsure"), (4, "a", "answer"), (1, "a", "not_answer"))
    found = figures(pairs, votes, negatives=50)
    assert found.contamination == wilson(1, 2)
    assert found.sample_open == 1


def test_the_majority_decides_and_a_tie_does_not(pairs):
    votes = _votes(
        *[(0, name, "answer") for name in "ab"],
        (0, "c", "not_answer"),
        (1, "a", "answer"),
        (1, "b", "not_answer"),
        (2, "a", "not_answer"),
        (2, "b", "unsure"),
    )
    rows = decided(pairs, votes).select("yes", "no", "unsure", "answer").rows()
    assert rows[:4] == [(2, 1, 0, True), (1, 1, 0, None), (0, 1, 1, False), (0, 0, 0, None)]


def test_agreement_is_over_the_pairs_that_both_decided(pairs):
    votes = _votes(
        (0, "ben", "answer"),
        (0, "anna", "answer"),
        (1, "anna", "not_answer"),
        (1, "ben", "not_answer"),
        (2, "anna", "answer"),
        (2, "ben", "not_answer"),
        (3, "anna", "unsure"),
        (3, "ben", "answer"),
        (4, "cleo", "answer"),
    )
    (found,) = figures(pairs, votes, negatives=50).agreement
    assert (found.first, found.second, found.kappa.n) == ("anna", "ben", 3)
    assert abs(found.kappa.value - 0.4) < 1e-9  # 2/3 observed, 4/9 by chance
    told = figures(pairs, votes, negatives=50).as_dict()
    assert told["agreement"][0]["reviewers"] == ["anna", "ben"]
    assert told["by_reviewer"] == {"anna": 4, "ben": 4, "cleo": 1}


def test_before_the_first_verdict_there_are_no_figures(pairs):
    found = figures(pairs, _votes(), negatives=50)
    assert (found.judged, found.answers, found.contamination.value, found.suspects.value) == (0, 0, None, None)
