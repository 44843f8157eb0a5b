from collections import Counter

import polars as pl
import pytest

from hardneg.audits.sampled import draw
from hardneg.audits.verdict_store import Settings
from hardneg.errors import RunError
from hardneg.review.schedule import in_suspicion, read_reviewable, schedule


@pytest.fixture(scope="module")
def negatives(mined, toy):
    return read_reviewable(mined, toy)


def test_negatives_come_with_what_every_source_said(negatives, toy):
    assert negatives.height == 4 * 24
    assert {"rank.bm25", "score.bm25", "rank.random", "score", "positive_score"} <= set(negatives.columns)
    assert not toy.is_answer(negatives["query"].to_numpy(), negatives["document"].to_numpy()).any()


def test_the_first_suspect_is_what_the_sources_disagree_about_most(negatives):
    ordered, order = in_suspicion(negatives)
    assert order == "disagreement"
    first = ordered.row(0, named=True)
    ranks = [first["rank.bm25"], first["rank.random"]]
    assert 1 in ranks
    assert None in ranks
    assert ordered["suspicion"].drop_nulls().is_sorted(descending=True)


def test_what_a_filter_or_teacher_knows_goes_before_and_can_be_asked_for(negatives):
    told = negatives.with_columns(
        p_positive=(pl.int_range(pl.len()) / 100).cast(pl.Float32),
        teacher_score=-pl.int_range(pl.len()).cast(pl.Float32),
    )
    by_filter, order = in_suspicion(told)
    assert order == "p_positive"
    assert by_filter["p_positive"].is_sorted(descending=True)
    by_teacher, order = in_suspicion(told, "teacher")
    assert order == "teacher"
    assert by_teacher["teacher_score"].is_sorted(descending=True)
    with pytest.raises(RunError, match="nothing is known of 'teacher' in this run; order by disagreement or score"):
        in_suspicion(negatives, "teacher")


def test_a_score_counts_by_how_near_it_comes_to_the_weakest_positive(negatives):
    ordered, _ = in_suspicion(negatives, "score")
    rows = ordered.filter(pl.col("suspicion").is_not_null())
    relative = (rows["score"] - rows["positive_score"]) / rows["positive_score"].abs()
    assert relative.to_list() == pytest.approx(sorted(relative.to_list(), reverse=True))
    assert ordered["suspicion"].tail(ordered.height - rows.height).null_count() == ordered.height - rows.height


def test_two_suspects_and_one_of_the_draw_take_turns(negatives, toy):
    pairs, settings = schedule(negatives, toy, Settings(suspects=20, sample=10, seed=3))
    assert settings.order == "disagreement"
    drawn = draw(negatives, toy, 10, seed=3)
    ids = [(toy.queries["id"][q], toy.documents["id"][d]) for q, d in drawn.iter_rows()]
    of_draw = pairs.filter(pl.col("draw").is_not_null()).sort("draw")
    assert list(of_draw.select("query_id", "doc_id").iter_rows()) == ids
    assert sorted(pairs["suspect"].drop_nulls()) == list(range(20))
    assert pairs.height == 30 - pairs.filter(pl.col("suspect").is_not_null() & pl.col("draw").is_not_null()).height
    alone = [kind for kind in pairs.iter_rows(named=True)]
    assert [row["suspect"] for row in alone[:2]] == [0, 1]
    assert alone[2]["draw"] == 0 or of_draw["suspect"][0] in (0, 1)


def test_the_schedule_depends_on_ids_and_seed_not_on_the_order_of_rows(negatives, toy):
    pairs, _ = schedule(negatives, toy, Settings(suspects=20, sample=10))
    again, _ = schedule(negatives.reverse(), toy, Settings(suspects=20, sample=10))
    other, _ = schedule(negatives, toy, Settings(suspects=20, sample=10, seed=1))
    assert pairs.equals(again)
    assert not pairs.equals(other)


@pytest.mark.parametrize(("overlap", "least", "most"), [(0.0, 0, 0), (0.3, 10, 50), (1.0, 96, 96)])
def test_the_overlap_is_the_share_that_everybody_judges(negatives, toy, overlap, least, most):
    pairs, _ = schedule(negatives, toy, Settings(suspects=96, sample=5, overlap=overlap))
    assert least <= Counter(pairs["shared"])[True] <= most


def test_settings_that_ask_for_nothing_are_refused():
    with pytest.raises(RunError, match="neither suspects nor a sample"):
        Settings(suspects=0, sample=0)
    with pytest.raises(RunError, match=r"--overlap is 1\.5"):
        Settings(overlap=1.5)
