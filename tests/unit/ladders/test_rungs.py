from dataclasses import replace

import pytest

from hardneg.errors import RecipeError, RunError
from hardneg.filters import Learned, NearDuplicate
from hardneg.ladders.plan import Budget, LadderPlan, check_same
from hardneg.ladders.rungs import Shared, build_rungs, default_rungs, shipped_rungs
from hardneg.ladders.splits import Splits
from hardneg.losses import LOSSES
from hardneg.negatives import Selection
from hardneg.recipe.rooms import default_filters, default_sources
from hardneg.sources import BM25, Dense
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.clusters import Greedy
from hardneg.training.settings import TrainSettings

TEACHER = {"use": "bi_encoder", "model": "teacher"}


@pytest.fixture
def shared():
    return Shared(
        dataset="data",
        model="tiny",
        seeds=(1, 2),
        train={"negatives_per_row": 1, "batch_size": 8},
        sources=[{"use": "bm25", "analyzer": "code"}, {"use": "dense", "max_tokens": 16}],
    )


def plan(rungs, **changes):
    given = {"splits": Splits("train", "dev", "test"), "left_out": {}, "seeds": (1, 2), "budget": Budget(steps=9)}
    given |= {"dataset": "data", "skip_invalid": False, "fingerprint": "f", "training": TrainSettings()}
    return LadderPlan(rungs=tuple(rungs), **(given | changes))


def test_every_shipped_rung_is_a_recipe_with_what_all_share(shared):
    rungs = build_rungs(shipped_rungs(), shared)
    assert [rung.name for rung in rungs] == list(shipped_rungs())
    for rung in rungs:
        assert rung.recipe.train.batch_size == 8
        assert rung.recipe.seeds == (1, 2)
        for source in rung.recipe.sources:
            assert not isinstance(source, BM25) or source.analyzer == "code"
            assert not isinstance(source, Dense) or (source.model, source.max_tokens) == ("tiny", 16)


def test_a_rung_on_request_is_climbed_only_where_it_is_named(shared):
    asked_for = [name for name in shipped_rungs() if name not in default_rungs()]
    assert asked_for == [
        *("random_beside", "clustered", "clustered_refresh", "mined_many", "clustered_many", "learned_many"),
        *("mined_alone", "refresh_many", "learned", "default", "relabelled"),
    ]
    (rung,) = build_rungs(["relabelled"], shared)
    assert rung.recipe.filters[-1].relabel


def test_rungs_that_learn_from_a_teacher_say_so_and_take_the_one_given(shared):
    needing = [rung.name for rung in build_rungs(shipped_rungs(), shared) if rung.needs_teacher]
    assert needing == ["distilled", "mix"]
    taught = build_rungs(needing, replace(shared, teachers=[TEACHER]))
    assert [rung.recipe.teachers[0].model for rung in taught] == ["teacher", "teacher"]
    assert not any(rung.needs_teacher for rung in taught)


def test_clusters_and_more_negatives_are_rungs_by_name(shared):
    rungs = {rung.name: rung.recipe.train for rung in build_rungs(["clustered", "refresh_many", "mined_alone"], shared)}
    assert rungs["clustered"].clusters == Greedy()
    assert (rungs["refresh_many"].negatives_per_row, rungs["refresh_many"].refresh) == (8, Refresh(every=1))
    assert not rungs["mined_alone"].in_batch


def test_learned_rungs_differ_from_mined_ones_in_the_filter_alone(shared):
    names = ["mined_filtered", "mined_many", "learned", "learned_many"]
    mined, mined_many, learned, learned_many = (rung.recipe for rung in build_rungs(names, shared))
    for one, other in ((mined, learned), (mined_many, learned_many)):
        assert replace(one, name="", filters=()) == replace(other, name="", filters=())
        assert other.filters == (NearDuplicate(), Learned())
    assert (learned.select.per_query, learned_many.select.per_query) == (4, 8)


def test_the_default_rung_mines_as_the_command_does_by_default(shared):
    (rung,) = build_rungs(["default"], replace(shared, sources=()))
    sources = default_sources("tiny")
    assert (rung.recipe.sources, rung.recipe.filters) == (sources, default_filters(sources))
    assert rung.recipe.select == replace(Selection(), shortage="fill_random")  # as on every rung


def test_an_own_recipe_keeps_what_it_says_and_takes_the_rest(shared, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('dataset = "other"\nseeds = [9]\n[train]\nbatch_size = 4\n[[sources]]\nuse = "bm25"\n')
    (rung,) = build_rungs([str(file)], shared)
    assert rung.name == "mine"
    assert (rung.recipe.train.batch_size, rung.recipe.train.negatives_per_row) == (4, 1)
    assert (rung.recipe.seeds, rung.recipe.model) == ((1, 2), "tiny")


def test_an_unknown_rung_names_the_nearest(shared):
    with pytest.raises(RecipeError, match="did you mean 'refresh'"):
        build_rungs(["refrehs"], shared)


def test_verdicts_are_refused_wherever_they_are_named(shared, tmp_path):
    with pytest.raises(RecipeError, match="in_batch mines with verdicts, but all rungs share the labels"):
        build_rungs(["in_batch"], replace(shared, mine={"verdicts": "v.csv"}))
    file = tmp_path / "own.toml"
    file.write_text('dataset = "other"\n[[stage]]\nmine = { verdicts = "v.csv" }\n')
    with pytest.raises(RecipeError, match="own mines with verdicts"):
        build_rungs([str(file)], shared)


def test_two_rungs_of_one_name_are_refused(shared):
    with pytest.raises(RecipeError, match="two rungs are called 'in_batch'"):
        build_rungs(["in_batch", "in_batch"], shared)


def test_stages_share_the_steps_as_they_would_their_epochs(shared):
    (rung,) = build_rungs(["ance"], shared)  # a stage of one epoch, then one of four
    assert [stage.train.max_steps for stage in rung.with_steps(10).recipe.stages] == [2, 8]


def test_refreshes_are_as_many_as_the_rung_says(shared):
    (rung,) = build_rungs(["refresh"], shared)
    assert rung.with_steps(30).recipe.train.refresh.every == 10


def test_shared_work_comes_once_and_before_whoever_needs_it(shared):
    tasks = plan(build_rungs(["in_batch", "mined_filtered", "refresh", "bm25_filtered"], shared)).tasks()
    ids = [task.id for task in tasks]
    assert len(set(ids)) == len(ids)
    for task in tasks:
        assert all(ids.index(need) < ids.index(task.id) for need in task.needs)
    needs = {task.rung: task.needs for task in tasks if task.kind == "climb"}
    assert needs["in_batch"] == ()
    assert needs["mined_filtered"] == needs["refresh"] != needs["bm25_filtered"]


def test_a_plan_is_read_back_as_it_was(shared):
    before = plan(build_rungs(shipped_rungs(), shared), tune={"learning_rate": (1e-5, 1e-4)})
    assert LadderPlan.from_dict(before.as_dict()).as_dict() == before.as_dict()


def test_rungs_may_be_added_but_not_changed(shared, tmp_path):
    before = plan([rung.with_steps(9) for rung in build_rungs(["in_batch", "refresh"], shared)])
    check_same(before, plan(build_rungs(["in_batch", "random", "refresh"], shared)), tmp_path)
    other = replace(shared, train={"negatives_per_row": 2})
    with pytest.raises(RunError, match="another rung in_batch"):
        check_same(before, plan(build_rungs(["in_batch"], other)), tmp_path)


def test_settings_are_written_as_in_a_recipe(shared):
    (rung,) = build_rungs(["ance"], shared)
    changed = rung.with_settings({"loss": "triplet", "learning_rate": 1e-3}).recipe
    assert {type(stage.train.loss) for stage in changed.stages} == {LOSSES["triplet"]}
    assert {stage.train.learning_rate for stage in changed.stages} == {1e-3}
    with pytest.raises(RecipeError, match="did you mean 'learning_rate'"):
        rung.with_settings({"learning_rat": 1})
