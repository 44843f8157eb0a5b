"""Presets: parts of recipes by domain."""

import tomllib

import pytest

from hardneg.errors import RecipeError
from hardneg.ladders.rungs import Shared, build_rungs, shipped_rungs, with_preset_rung
from hardneg.recipe import Recipe, shipped_presets
from hardneg.recipe.files import read_toml
from hardneg.sources import Related

DOMAINS = ["code", "conversation", "legal", "recommender"]


def test_there_is_a_preset_for_each_domain():
    assert sorted(shipped_presets()) == DOMAINS


@pytest.mark.parametrize("name", DOMAINS)
def test_a_preset_says_what_is_mined_and_nothing_of_data_model_or_seeds(name):
    table = read_toml(shipped_presets()[name])
    assert {"sources", "filters", "select"} <= set(table) <= {"sources", "filters", "select", "mine", "train"}
    assert set(table.get("mine", {})) <= {"depth"}
    assert table["select"]["per_query"] == 4  # as the general recipe and every rung of a ladder
    recipe = Recipe.from_table({"dataset": "data", "preset": name})
    assert any(isinstance(source, Related) for source in recipe.sources)


@pytest.mark.parametrize("name", DOMAINS)
def test_a_resolved_recipe_says_all_that_its_preset_does(name, tmp_path):
    recipe = Recipe.from_table({"dataset": "data", "preset": name})
    assert "preset" not in tomllib.loads(recipe.resolved())
    (tmp_path / "recipe.toml").write_text(recipe.resolved())
    assert Recipe.load(tmp_path / "recipe.toml").fingerprint == recipe.fingerprint


def test_keys_of_a_recipe_go_before_its_preset_and_options_before_both(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('dataset = "data"\npreset = "legal"\nfilters = []\n[select]\nshortage = "drop_query"\n')
    legal, recipe = Recipe.from_table({"dataset": "data", "preset": "legal"}), Recipe.load(file)
    assert recipe.sources == legal.sources
    assert recipe.filters == ()
    assert (recipe.select.shortage, recipe.select.quotas) == ("drop_query", legal.select.quotas)
    typed = Recipe.load(file, changes={"preset": "code", "sources": [{"use": "dense"}], "select": {"quotas": {}}})
    assert typed.filters == Recipe.from_table({"dataset": "data", "preset": "code"}).filters
    assert [source.name for source in typed.sources] == ["dense"]
    assert typed.select.shortage == "drop_query"


def test_related_sources_read_the_labels_of_the_mined_split():
    recipe = Recipe.from_table({"dataset": "data", "preset": "legal", "mine": {"split": "dev"}})
    assert {source.split for source in recipe.sources if isinstance(source, Related)} == {"dev"}


def test_an_unknown_preset_names_the_nearest(tmp_path):
    with pytest.raises(RecipeError, match="place: preset: no preset 'lawful'; did you mean"):
        Recipe.from_table({"dataset": "data", "preset": "lawful"}, place="place")
    with pytest.raises(RecipeError, match="no preset 3"):
        Recipe.from_table({"dataset": "data", "preset": 3})


@pytest.mark.parametrize("name", DOMAINS)
def test_a_preset_is_a_rung_with_as_many_negatives_as_the_others(name):
    shared = Shared(
        dataset="data",
        model="model",
        mine={"split": "learn"},
        train={"negatives_per_row": 1, "batch_size": 8},
        sources=[{"use": "dense", "max_tokens": 32}],
    )
    general, rung = build_rungs(["mined_filtered", name], shared)
    assert rung.name == name
    assert rung.recipe.select.per_query == general.recipe.select.per_query
    assert rung.recipe.select.shortage == general.recipe.select.shortage
    assert rung.recipe.train.batch_size == 8
    assert rung.recipe.mine.split == "learn"
    assert [each.max_tokens for each in rung.recipe.sources if each.name == "dense"] in ([32], [])


def test_the_rung_of_a_preset_stands_above_the_general_recipe():
    names = with_preset_rung(list(shipped_rungs()), "legal")
    assert names.index("legal") == names.index("mined_filtered") + 1
    assert with_preset_rung(["bm25"], "legal") == ("bm25", "legal")
    assert with_preset_rung(["legal", "bm25"], "legal") == ("legal", "bm25")
