"""Every recipe that hardneg ships, from data to figures on a dataset of forty documents."""

import pytest

from hardneg.cli import main
from hardneg.recipe import Recipe, shipped_recipes
from model_kinds import build_static_model

GUIDE = "WhereIsAI/UAE-Large-V1"


@pytest.fixture(scope="module")
def static(tmp_path_factory, split_toy):
    """A model that takes texts of any length and trains in no time."""
    words = [*split_toy.query_texts, *split_toy.document_texts]
    return build_static_model(tmp_path_factory.mktemp("static") / "model", words)


@pytest.fixture
def here(bench, tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_teacher(bench):
    mine = ["mine", bench / "data", "-o", "runs/mined", "--source", "bm25", "--filter", "near_duplicate", "--quiet"]
    assert main([*map(str, mine)]) == 0
    train = ["teacher", "train", bench / "data", "--negatives", "runs/mined", "--model", bench / "tiny", "--quiet"]
    options = ["-o", "runs/teacher", "--max-pairs", 8, "--max-tokens", 16, "--evaluate", 0, "--precision", "fp32"]
    assert main([*map(str, (*train, *options))]) == 0


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_runs_from_data_to_figures(name, bench, static, here, hardneg, capsys):
    text = shipped_recipes()[name].read_text()
    if "runs/teacher" in text:
        make_teacher(bench)
        capsys.readouterr()
    # The guide cannot be had without a network, and a teacher of one step scores everything about 0.5.
    fitted = text.replace(GUIDE, str(bench / "tiny")).replace("above = 0.1", "above = 0.9")
    (here / f"{name}.toml").write_text(fitted)
    recipe = name if fitted == text else f"{name}.toml"
    found = hardneg("run", recipe, "--dataset", bench / "data", "--model", static)
    assert found["folder"] == f"runs/{name}"
    stages = Recipe.load(name, changes={"dataset": "data"}).stages
    last = "mined" if any(stage.sources for stage in stages) else "in_batch"
    assert list(found["rows"])[-len(stages) :] == [*(stage.name for stage in stages[:-1]), last]
    assert (here / "runs" / name / "model" / "modules.json").exists()


def test_a_recipe_that_needs_a_teacher_says_how_to_make_one(bench, static, here, refusal):
    complaint = refusal("run", "rocketqa", "--dataset", bench / "data", "--model", static)
    assert "runs/teacher holds no teacher" in complaint
    assert "hardneg teacher train DATASET --negatives runs/mined --model MODEL -o runs/teacher" in complaint
    assert not (here / "runs").exists()
