"""Where the winner of a ladder is put."""

from types import SimpleNamespace

import pytest

from hardneg.ladders.best import keep_best
from hardneg.ladders.plan import TaskRecord

PLAN = SimpleNamespace(seeds=(3, 4))


@pytest.fixture
def records(tmp_path):
    place = tmp_path / "rungs" / "in_batch"
    for seed in PLAN.seeds:
        (place / "training" / f"in_batch-seed{seed}" / "model").mkdir(parents=True)
        (place / "training" / f"in_batch-seed{seed}" / "model" / "weights").write_text(str(seed))
    (place / "recipe.toml").write_text("seed = 3")
    models = {str(seed): f"rungs/in_batch/training/in_batch-seed{seed}/model" for seed in PLAN.seeds}
    return {
        "climb-in_batch": TaskRecord("done", found={"place": "rungs/in_batch", "models": models}),
        "climb-zero_shot": TaskRecord("done"),
    }


def test_the_first_seeds_model_and_the_recipe_of_the_best_rung_are_at_hand(tmp_path, records):
    best = keep_best(PLAN, records, tmp_path, "in_batch")
    assert (best / "model" / "weights").read_text() == "3"
    assert (best / "recipe.toml").read_text() == "seed = 3"
    assert keep_best(PLAN, records, tmp_path, "in_batch") == best


@pytest.mark.parametrize("name", [None, "zero_shot"])
def test_there_is_none_where_no_rung_was_trained_or_chosen(tmp_path, records, name):
    keep_best(PLAN, records, tmp_path, "in_batch")
    assert keep_best(PLAN, records, tmp_path, name) is None
    assert not (tmp_path / "best").exists()
