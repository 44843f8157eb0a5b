"""A recipe that says when which negatives: curriculum, refresh and replacement through `hardneg run`."""

import json

import pytest

SCHEDULE = """
[train.curriculum]
shares = { bm25 = [1, 0], dense = [0, 1] }
window = [[0, 0.5], [0.5, 1]]

[train.refresh]
every = 2
mode = "sync"

[evaluate]"""


@pytest.fixture
def recipe(bench, tmp_path):
    """Write the small recipe with other lines; the sources each have a quota."""

    def write(schedule):
        text = (bench / "small.toml").read_text().replace("\n[evaluate]", schedule)
        text = text.replace("per_query = 2", "per_query = 6\nquotas = { bm25 = 3, dense = 3 }")
        for name in ("data", "tiny"):
            text = text.replace(f'"{name}"', f'"{bench / name}"')
        (tmp_path / "recipe.toml").write_text(text)
        return tmp_path / "recipe.toml"

    return write


def test_a_run_follows_its_curriculum_and_refreshes_its_negatives(recipe, tmp_path, hardneg):
    found = hardneg("run", recipe(SCHEDULE), "-o", tmp_path / "run")
    assert list(found["rows"]) == ["bm25", "zero_shot", "in_batch", "mined"]
    trained = tmp_path / "run" / "training" / "mined-seed0"
    refreshes = [json.loads(line) for line in (trained / "refresh.jsonl").read_text().splitlines()]
    assert [each["step"] for each in refreshes] == list(range(2, 2 * len(refreshes) + 1, 2))
    assert refreshes
    for each in refreshes:
        assert each["problem"] is None
        assert 0 <= each["overlap"] <= 1
    assert not (tmp_path / "run" / "training" / "in_batch-seed0" / "refresh.jsonl").exists()
    resolved = (tmp_path / "run" / "recipe.toml").read_text()
    assert 'refresh = { every = 2, unit = "steps", mode = "sync" }' in resolved
    again = hardneg("run", tmp_path / "run" / "recipe.toml", "-o", tmp_path / "run")
    assert again["rows"] == found["rows"]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("[train.curriculum]\nshares = { bm52 = [1] }", "did you mean 'bm25'"),
        ("[train.curriculum]\nwindow = [[0.5, 0.2]]", "lower first"),
        ("[train.refresh]\nevery = 2\nmode = 'later'", "train.refresh.mode: should be 'sync', 'async' or 'rescore'"),
        ("[train.refresh]\nevery = 0", "every is 0"),
        ("[train.refresh]\neach = 3", "unknown key 'each'"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused_with_its_key(recipe, tmp_path, refusal, schedule, message):
    shown = refusal("run", recipe(f"\n{schedule}\n\n[evaluate]"), "-o", tmp_path / "run")
    assert message in shown
    assert not (tmp_path / "run").exists()


def test_a_refresh_that_would_find_the_same_again_is_refused_before_mining(recipe, tmp_path, refusal):
    path = recipe(SCHEDULE)
    path.write_text(
        path.read_text()
        .replace('use = "dense"', 'use = "random"\nname = "dense"')
        .replace('precision = "fp32"\n', "", 1)
    )
    shown = refusal("run", path, "-o", tmp_path / "run")
    assert "no dense source encodes with" in shown
    assert not (tmp_path / "run" / "mining.json").exists()
