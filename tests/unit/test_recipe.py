import inspect
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.domains.code.source import code_source
from hardneg.errors import RecipeError
from hardneg.filters import NearDuplicate, PositiveMargin
from hardneg.losses import KL, InfoNCE, Triplet, WeightedSum
from hardneg.place import nearest
from hardneg.recipe import FromCode, FromPython, Recipe, shipped_recipes
from hardneg.recipe.reference import reference, updated
from hardneg.recipe.rooms import FILTER
from hardneg.recipe.toml import toml_text
from hardneg.sources import BM25, Dense
from hardneg.training.pool.settings import Queue
from hardneg.training.settings import LATER_SETTINGS, uncounted

FULL = """
name = "all of it"
dataset = { path = "data", skip_invalid = true }
model = "some/model"
seed = 3
seeds = [1, 2]

[mine]
split = "dev"
depth = 50
block_size = 7

[[sources]]
use = "bm25"
k1 = 2

[[sources]]
use = "dense"

[[sources]]
use = "random"

[[filters]]
use = "rank_window"
source = "dense"
low = 10

[[filters]]
use = "score_range"
score = "bm25"
high = 30.0

[select]
per_query = 5
strategy = { use = "weighted", temperature = 0.1 }
shortage = "fill_random"

[select.quotas]
bm25 = 2
dense = 2
random = 1

[train]
batch_size = 16
learning_rate = 3e-5
loss = { use = "info_nce", temperature = 0.02 }
trackers = ["tensorboard"]

[evaluate]
split = "dev"
rows = ["in_batch"]
"""


@dataclass(frozen=True)
class Refuser:
    """A filter of somebody else."""

    share: float = 0.5

    name: ClassVar[str] = "refuser"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates, dataset):
        return np.zeros(candidates.height, dtype=bool)


@dataclass(frozen=True)
class NotAFilter:
    """A dataclass without `keep`."""


@pytest.fixture
def load(tmp_path):
    def read(text, **changes):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return Recipe.load(path, changes=changes)

    return read


def test_a_user_who_sets_nothing_gets_the_defaults(load, tmp_path):
    (tmp_path / "data").mkdir()
    recipe = load('dataset = "data"')
    assert recipe.name == "mine"
    assert recipe.dataset.path == str((tmp_path / "data").resolve())
    assert [source.name for source in recipe.sources] == ["dense"]
    assert recipe.filters == (NearDuplicate(), PositiveMargin(ratio=0.95, score="dense"))
    assert recipe.select.per_query == 8
    assert (recipe.mine.split, recipe.evaluate.split, recipe.seed) == ("train", "test", 0)


def test_verdicts_are_a_file_beside_the_recipe_and_part_of_what_it_says(load, tmp_path):
    (tmp_path / "judged.csv").write_text("query_id,doc_id,answer\n")
    plain, judged = load('dataset = "data"'), load('dataset = "data"\n[mine]\nverdicts = "judged.csv"')
    assert judged.mine.verdicts == (tmp_path / "judged.csv").resolve()
    assert "verdicts" not in plain.resolved()
    assert load(judged.resolved()) == judged
    assert judged.fingerprint != plain.fingerprint
    with pytest.raises(
        RecipeError, match=r"mine: verdicts: .* is no \.csv or \.jsonl file; `hardneg review RUN --export"
    ):
        load('dataset = "data"\n[mine]\nverdicts = "runs/shop"')


@pytest.mark.parametrize(
    ("sources", "score"),
    [
        ('[[sources]]\nuse = "bm25"', "bm25"),
        ('[[sources]]\nuse = "bm25"\n[[sources]]\nuse = "dense"\nname = "mini"', "mini"),
        ('[[sources]]\nuse = "random"', None),
    ],
)
def test_the_default_margin_compares_dense_then_bm25_then_each_own_score(load, sources, score):
    assert load(f'dataset = "data"\n{sources}').filters[-1] == PositiveMargin(ratio=0.95, score=score)


def test_every_table_arrives(load):
    recipe = load(FULL)
    assert (recipe.name, recipe.seed, recipe.seeds) == ("all of it", 3, (1, 2))
    assert recipe.sources[0] == BM25(k1=2.0)
    assert recipe.sources[1] == Dense(model="some/model")
    assert [each.name for each in recipe.filters] == ["rank_window", "score_range"]
    assert recipe.select.quotas == {"bm25": 2, "dense": 2, "random": 1}
    assert recipe.select.strategy.temperature == 0.1
    assert recipe.train.loss == InfoNCE(temperature=0.02)
    assert recipe.train.trackers == ("tensorboard",)
    assert recipe.train.seed == 3
    assert recipe.evaluate.rows == ("in_batch",)
    assert recipe.dataset.skip_invalid


QUEUED = 'dataset = "data"\n[train]\nmatryoshka = [8, 32]\n[train.queue]\nsize = 9\nmomentum = 0.5'


def test_a_queue_is_a_table_of_the_training_settings(load):
    train = load(QUEUED).train
    assert (train.queue, train.matryoshka) == (Queue(size=9, momentum=0.5), (8, 32))


TEACHERS = """
dataset = "data"
[[teachers]]
use = "cross_fitted"
path = "teacher"
[[teachers]]
use = "cross_encoder"
model = "some/model"
activation = "sigmoid"
name = "second"
[train]
loss = "kl"
"""
SUM = """
dataset = "data"
[train]
loss = [{ use = "info_nce", weight = 1 }, { use = "kl", weight = 0.2, teacher_temperature = 2.0 }, "triplet"]
"""


STAGES = """
dataset = "data"
model = "some/model"
seeds = [1, 2]

[train]
epochs = 3
max_tokens = 32

[select]
per_query = 7
shortage = "fill_random"

[[stage]]
name = "warm"
sources = []

[[stage]]
mine = { depth = 50 }
[[stage.sources]]
use = "dense"
[[stage.sources]]
use = "dense"
name = "first"
model = "some/model"
[stage.select]
per_query = 1
[stage.train]
epochs = 1
in_batch = false
"""


def test_a_stage_takes_what_it_does_not_say_from_the_top(load):
    warm, second = load(STAGES).stages
    assert (warm.name, second.name) == ("warm", "stage2")
    assert (warm.sources, warm.train.epochs, warm.select.per_query) == ((), 3, 7)
    assert (second.train.epochs, second.train.max_tokens, second.train.in_batch) == (1, 32, False)
    assert (second.select.per_query, second.select.shortage) == (1, "fill_random")
    assert (second.mine.depth, second.mine.split) == (50, "train")
    assert second.filters == (NearDuplicate(), PositiveMargin(ratio=0.95, score="dense"))


def test_a_dense_source_of_a_later_stage_mines_with_the_model_of_the_one_before(load):
    second = load(STAGES).stages[1]
    assert [source.model for source in second.sources] == ["stage:warm", "some/model"]
    assert second.needs == {"warm"}
    placed = second.with_models({"warm": "/run/model"})
    assert placed.sources[0].model == "/run/model"
    assert repr(placed) == repr(second)  # a run folder can be moved
    defaults = load('dataset = "data"\n[[stage]]\n[[stage]]\n[[stage]]').stages
    assert [stage.sources[0].model for stage in defaults[1:]] == ["stage:stage1", "stage:stage2"]


def test_a_scorer_inside_a_filter_can_be_the_model_of_an_earlier_stage(load):
    scorer = 'scorer = { use = "bi_encoder", model = "stage:stage1" }'
    text = (
        f'dataset = "data"\n[[stage]]\n[[stage]]\n[[stage.filters]]\nuse = "teacher_threshold"\nratio = 0.9\n{scorer}'
    )
    second = load(text).stages[1]
    assert second.with_models({"stage1": "/run/model"}).filters[0].scorer.model == "/run/model"


def test_without_stages_the_recipe_is_the_only_one(load):
    (only,) = load(FULL).stages
    recipe = load(FULL)
    assert (only.sources, only.train) == (recipe.sources, recipe.train)
    assert "stage" not in tomllib.loads(recipe.resolved())


LORA = 'dataset = "data"\n[train]\nlora = { rank = 4, targets = ["query"] }'


WHOLE = ['dataset = "data"', FULL, QUEUED, LORA, STAGES, 'dataset = "hf:some/set"\nfilters = []', SUM, TEACHERS]


@pytest.mark.parametrize("text", WHOLE)
def test_the_resolved_recipe_loads_as_an_equal_one(load, tmp_path, text):
    recipe = load(text)
    other = tmp_path / "elsewhere" / "recipe.toml"
    other.parent.mkdir()
    other.write_text(recipe.resolved())
    again = Recipe.load(other)
    assert again == recipe
    assert again.resolved() == recipe.resolved()
    assert again.fingerprint == recipe.fingerprint


def test_a_learned_filter_takes_a_scorer_and_the_resolved_recipe_keeps_it(load, tmp_path):
    recipe = load('dataset = "d"\n[[filters]]\nuse = "learned"\nscorer = {use = "bi_encoder", model = "m"}')
    assert recipe.filters[0].scorer.model == "m"
    (tmp_path / "again.toml").write_text(recipe.resolved())
    assert Recipe.load(tmp_path / "again.toml").filters == recipe.filters
    assert "scorer" not in tomllib.loads(load("[[filters]]\nuse = 'learned'", dataset="d").resolved())["filters"][0]


def test_an_array_of_losses_is_their_weighted_sum(load):
    recipe = load(SUM)
    assert recipe.train.loss == WeightedSum((InfoNCE(), KL(teacher_temperature=2.0), Triplet()), (1.0, 0.2, 1.0))
    assert tomllib.loads(recipe.resolved())["train"]["loss"][1] == {
        "use": "kl",
        "temperature": 1.0,
        "teacher_temperature": 2.0,
        "scale": 20.0,
        "weight": 0.2,
    }
    assert recipe.fingerprint != load(SUM.replace("0.2", "0.3")).fingerprint


def test_teachers_give_raw_scores_unless_told_otherwise_and_a_recipe_without_them_says_nothing_of_them(load):
    assert [teacher.activation for teacher in load(TEACHERS).teachers] == ["identity", "sigmoid"]
    assert load(TEACHERS).fingerprint != load(TEACHERS.replace("sigmoid", "identity")).fingerprint
    assert "teachers" not in load('dataset = "data"').resolved()


def test_the_resolved_recipe_names_every_default(load):
    resolved = tomllib.loads(load('dataset = "data"').resolved())
    assert resolved["train"]["loss"] == {"use": "info_nce", "temperature": 0.05}
    assert resolved["select"]["strategy"] == {"use": "top"}
    assert resolved["filters"][1] == {
        "use": "positive_margin",
        "ratio": 0.95,
        "score": "dense",
        "unscored": "keep",
    }


def test_the_fingerprint_counts_what_decides_results_and_nothing_else(load):
    plain = load('dataset = "data"')
    same = load('dataset = "elsewhere"\nname = "x"\n[mine]\nblock_size = 9')
    assert plain.fingerprint == same.fingerprint
    for other in (
        "seed = 1",
        "[select]\nper_query = 5",
        "[train]\nepochs = 2",
        "filters = []",
        "[mine]\ndepth = 9",
    ):
        assert load(f'dataset = "data"\n{other}').fingerprint != plain.fingerprint


def test_a_setting_that_came_later_counts_once_it_is_not_at_its_default(load):
    plain, changed = load('dataset = "data"'), load(LORA)
    assert set(LATER_SETTINGS) == uncounted(plain.train)
    assert "lora" not in uncounted(changed.train)
    assert plain.fingerprint != changed.fingerprint


def test_every_stage_counts_in_the_fingerprint(load):
    plain, moved = load(STAGES), load(STAGES.replace("depth = 50", "depth = 50, block_size = 3"))
    assert plain.fingerprint == moved.fingerprint
    for old, new in (("epochs = 1", "epochs = 2"), ('name = "warm"', 'name = "cold"'), ("in_batch = false", "")):
        assert load(STAGES.replace(old, new)).fingerprint != plain.fingerprint


def test_changes_take_the_place_of_top_level_keys(load):
    recipe = load("seed = 1", dataset="hf:other", seed=5)
    assert (recipe.dataset.path, recipe.seed, recipe.train.seed) == ("hf:other", 5, 5)


def test_a_path_is_looked_up_beside_the_recipe_and_then_from_here(load, tmp_path, monkeypatch):
    here = tmp_path / "here"
    (here / "far").mkdir(parents=True)
    (tmp_path / "near").mkdir()
    monkeypatch.chdir(here)
    assert load('dataset = "near"').dataset.path == str((tmp_path / "near").resolve())
    assert load('dataset = "far"').dataset.path == str((here / "far").resolve())


def test_a_path_of_a_component_is_looked_up_too_and_a_hub_id_is_left_alone(load, tmp_path):
    (tmp_path / "found.trec").write_text("")
    recipe = load("dataset = 'd'\n[[sources]]\nuse = 'run'\npath = 'found.trec'\n[[sources]]\nuse = 'dense'")
    assert recipe.sources[0].path == str((tmp_path / "found.trec").resolve())
    assert recipe.sources[1].model == recipe.model == "sentence-transformers/all-MiniLM-L6-v2"


def test_whatever_has_a_seed_takes_that_of_the_recipe_unless_it_names_another(load):
    recipe = load("dataset = 'd'\nseed = 7\nsources = ['random', {use = 'random', name = 'again', seed = 1}]")
    assert [source.seed for source in recipe.sources] == [7, 1]
    assert recipe.train.seed == 7


def test_source_code_is_built_with_the_defaults_of_the_builder(load, tmp_path):
    (tmp_path / "tree").mkdir()
    spec = load('dataset = { python = ["stdlib", "./tree", "numpy"], max_documents = 9 }').dataset
    assert spec.python == ("stdlib", str((tmp_path / "tree").resolve()), "numpy")
    defaults = {name: each.default for name, each in inspect.signature(code_source).parameters.items()}
    shared = {each.name: each.default for each in fields(FromPython) if each.name in defaults}
    assert shared == {name: defaults[name] for name in ("test_share", "dev_share", "undocumented", "max_documents")}
    spec = load('dataset = { code = ["./tree", "stdlib"], languages = ["go"] }').dataset
    assert (spec.code, spec.languages) == ((str((tmp_path / "tree").resolve()), "stdlib"), ("go",))
    shared = {each.name: each.default for each in fields(FromCode) if each.name in defaults}
    assert shared == {name: value for name, value in defaults.items() if name not in {"paths", "name", "seed"}}


def test_a_dataset_is_read_from_where_the_recipe_says(load, tiny, tmp_path):
    tiny.write(tmp_path / "data")
    assert load('dataset = "data"').dataset.read().fingerprint == tiny.fingerprint


def test_a_component_of_somebody_else_is_imported_and_written_back(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "their_module", sys.modules[__name__])
    recipe = load('dataset = "d"\n[[filters]]\nuse = "their_module:Refuser"\nshare = 0.25')
    assert recipe.filters == (Refuser(share=0.25),)
    assert f'use = "{__name__}:Refuser"\nshare = 0.25\n' in recipe.resolved()


BAD = {
    "an unknown key at the top": ("sede = 1", r"unknown key 'sede'; did you mean 'seed'\?"),
    "an unknown key in a table": ("[mine]\ndetph = 1", r"mine: unknown key 'detph'; did you mean 'depth'\?"),
    "an unknown key of a table in a table": (
        "[train.lora]\nrnak = 1",
        r"train.lora: unknown key 'rnak'; did you mean 'rank'\?",
    ),
    "a value in place of a table in a table": ("[train]\nlora = 8", "train.lora: must be a table, not 8"),
    "a value out of range in a table in a table": (
        "[train.lora]\nrank = 0",
        "train.lora: lora: rank must be at least 1",
    ),
    "an unknown key of training": (
        "[train]\nbatchsize = 1",
        r"train: unknown key 'batchsize'; did you mean 'batch_size'\?",
    ),
    "an unknown source": (
        '[[sources]]\nuse = "bm52"',
        r"sources\[1\]: unknown source 'bm52'; did you mean 'bm25'\?",
    ),
    "an unknown filter": (
        '[[filters]]\nuse = "positive-margin"',
        r"filters\[1\]: unknown filter 'positive-margin'; did you mean 'positive_margin'\?.*module:Class",
    ),
    "an unknown strategy": (
        '[select]\nstrategy = "waited"',
        r"select.strategy: unknown strategy 'waited'; did you mean 'weighted'\?",
    ),
    "two teachers of one name": (
        '[[teachers]]\nuse = "cross_encoder"\nmodel = "a"\n[[teachers]]\nuse = "bi_encoder"\nmodel = "b"',
        r"teachers: two share a name \(teacher, teacher\); give one another 'name'",
    ),
    "a sum of no losses": (
        "[train]\nloss = []",
        r"train.loss: a weighted sum needs at least one loss",
    ),
    "a weight that is no number": (
        '[train]\nloss = [{use = "info_nce", weight = "1"}]',
        r"train.loss\[1\].weight: should be a number, not '1'",
    ),
    "a weight of nothing": (
        '[train]\nloss = ["info_nce", {use = "kl", weight = 0}]',
        r"train.loss: the weight of a loss must be above 0, not 0.0",
    ),
    "an unknown loss in a sum": (
        '[train]\nloss = [{use = "info_nce"}, {use = "lk"}]',
        r"train.loss\[2\]: unknown loss 'lk'; did you mean 'kl'\?",
    ),
    "an unknown loss": (
        '[train]\nloss = "infonce"',
        r"train.loss: unknown loss 'infonce'; did you mean 'info_nce'\?",
    ),
    "an unknown key of a component": (
        '[[filters]]\nuse = "near_duplicate"\nmy_threshold = 0.5',
        r"filters\[1\]: unknown key 'my_threshold'; did you mean 'threshold'\?",
    ),
    "an unknown key of a nested component": (
        '[train]\nloss = {use = "info_nce", temp = 1}',
        r"train.loss: unknown key 'temp'; did you mean 'temperature'\?",
    ),
    "an unknown key of the queue": (
        "[train.queue]\nsize = 9\nmomentun = 0.5",
        r"train.queue: unknown key 'momentun'; did you mean 'momentum'\?",
    ),
    "a queue without a size": ("[train]\nqueue = {}", r"train.queue: 'size' must be given"),
    "a queue that is a number": ("[train]\nqueue = 9", "train.queue: must be a table, not 9"),
    "a component without a name": (
        "[[filters]]\nratio = 1",
        r"filters\[1\]: must name a filter by the key 'use'",
    ),
    "a value of the wrong type": (
        '[mine]\ndepth = "deep"',
        r"mine.depth: should be a valid integer, not 'deep'",
    ),
    "a number as text": ('seed = "1"', r"seed: should be a valid integer, not '1'"),
    "a truth value as number": (
        "[train]\nepochs = true",
        r"train.epochs: should be a valid integer, not True",
    ),
    "an unknown choice": (
        '[train]\nschedule = "cosin"',
        r"train.schedule: should be 'linear', 'cosine' or 'constant', not 'cosin'",
    ),
    "an unknown choice in an array": (
        '[evaluate]\nrows = ["bm25", "zero-shot"]',
        r"evaluate.rows: should be 'bm25', 'zero_shot' or 'in_batch', .*\(at \[2\]\)",
    ),
    "a value that a component refuses": (
        '[[filters]]\nuse = "near_duplicate"\nthreshold = 2.0',
        r"filters\[1\]: near_duplicate: threshold is 2.0",
    ),
    "a value that training refuses": ("[train]\nbatch_size = 1", r"train: .*batch_size must be at least 2"),
    "a depth of nothing": ("[mine]\ndepth = 0", "mine: depth must be at least 1"),
    "a shallow evaluation": ("[evaluate]\ndepth = 5", "evaluate: depth must be at least 10"),
    "a negative seed": ("seeds = [1, -1]", "0 or more"),
    "a missing value": (
        '[[filters]]\nuse = "score_range"\nlow = 1.0',
        r"filters\[1\]: 'score' must be given",
    ),
    "a margin without a bound": (
        '[[filters]]\nuse = "positive_margin"',
        r"filters\[1\]: .*neither ratio nor absolute",
    ),
    "a table where an array belongs": (
        '[sources]\nuse = "bm25"',
        r"sources: must be an array: write \[\[sources\]\]",
    ),
    "a value where a table belongs": ("train = 3", "train: must be a table, not 3"),
    "nothing to train against": ("sources = []\n[train]\nin_batch = false", "nothing is left to train against"),
    "a row without negatives": (
        "[train]\nin_batch = false\n[evaluate]\nrows = ['in_batch']",
        "evaluate.rows: 'in_batch' needs in-batch negatives",
    ),
    "a stage that is no array": ("[stage]\nname = 'one'", r"stage: must be an array: write \[\[stage\]\]"),
    "an unknown key of a stage": ("[[stage]]\n[[stage]]\nepoch = 2", r"stage\[2\]: unknown key 'epoch'"),
    "an unknown key of a stage's training": (
        "[[stage]]\n[[stage]]\n[stage.train]\nepoch = 2",
        r"stage\[2\].train: unknown key 'epoch'; did you mean 'epochs'",
    ),
    "a stage's filter on a source that is not there": (
        "[[stage]]\nsources = ['bm25']\n[[stage.filters]]\nuse = 'rank_window'\nsource = 'dense'",
        r"stage\[1\]: filters: rank_window.source: no source is called 'dense'",
    ),
    "sources of a stage that are no array": (
        "[[stage]]\nsources = 'bm25'",
        r"stage\[1\].sources: must be an array: write \[\[stage.sources\]\] above each source",
    ),
    "a stage with nothing to train against": (
        "[[stage]]\nsources = []\n[stage.train]\nin_batch = false",
        r"stage\[1\]: sources: there are none, and in_batch is false",
    ),
    "two stages of one name": (
        "[[stage]]\nname = 'a'\n[[stage]]\nname = 'a'",
        r"stage\[2\].name: an earlier stage is called 'a' too",
    ),
    "a stage named as another row": ("[[stage]]\nname = 'bm25'\n[[stage]]", r"stage\[1\].name: 'bm25' is taken"),
    "a stage that mines with a later one": (
        "[[stage]]\nsources = [{use = 'dense', model = 'stage:stage2'}]\n[[stage]]",
        r"stage\[1\]: mines with the model of 'stage2', which is no earlier stage \(those are: none\)",
    ),
    "two sources of one name": ("sources = ['bm25', 'bm25']", r"two share a name \(bm25, bm25\)"),
    "a filter on a source that is not there": (
        "sources = ['bm25']\n[[filters]]\nuse = 'rank_window'\nsource = 'dense'",
        "filters: rank_window.source: no source is called 'dense'; did you mean 'bm25'",
    ),
    "a quota of a source that is not there": (
        "[select]\nquotas = {dens = 2}",
        r"select.quotas: no source is called 'dens'; did you mean 'dense'\?",
    ),
    "a module that is not there": ('[[filters]]\nuse = "no_such:Filter"', r"cannot import 'no_such'"),
    "a class that is not there": (
        '[[filters]]\nuse = "hardneg.filters:PositiveMargn"',
        r"'hardneg.filters' has no 'PositiveMargn'; did you mean 'PositiveMargin'\?",
    ),
    "something that is no dataclass": ('[[filters]]\nuse = "json:JSONDecoder"', "is not a dataclass"),
    "a component of another room": (
        '[[filters]]\nuse = "hardneg.sources:BM25"',
        "is not a filter: .* Filter asks for",
    ),
    "broken TOML": ("\nseed = = 1", r"mine.toml:3: not TOML: Invalid value \(column 8\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_recipe_names_the_file_the_place_and_the_way_out(load, case):
    text, message = BAD[case]
    with pytest.raises(RecipeError, match=message) as caught:
        load(f'dataset = "data"\n{text}')
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    "dataset",
    ["", 'dataset = { path = "a", python = ["b"] }', 'dataset = { code = ["a"], python = ["b"] }', "dataset = {}"],
)
def test_one_place_of_data_must_be_given(load, dataset):
    with pytest.raises(RecipeError, match=r"dataset.*(must be given|give either)"):
        load(dataset)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes(b'seed = 1\nname = "z\xe9"\n')
    with pytest.raises(RecipeError, match=r"latin.toml:2: not UTF-8"):
        Recipe.load(path)


def test_a_recipe_that_does_not_exist_is_refused_with_those_that_ship(tmp_path):
    with pytest.raises(RecipeError, match=r"scifat: no such recipe file.* did you mean 'scifact'"):
        Recipe.load("scifat")


EXPERIMENTS = ("quickstart", "scifact", "nl2bash")  # on a dataset of their own


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_load_by_name_and_again_as_resolved(name, tmp_path):
    recipe = Recipe.load(name, changes={} if name in EXPERIMENTS else {"dataset": "hf:some/set"})
    assert recipe.name == name
    (tmp_path / "resolved.toml").write_text(recipe.resolved())
    assert Recipe.load(tmp_path / "resolved.toml") == recipe


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name not in EXPERIMENTS])
def test_a_shipped_recipe_without_a_dataset_asks_for_it(name):
    with pytest.raises(RecipeError, match=r"dataset must be given: .* --dataset path/to/folder"):
        Recipe.load(name)


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name not in EXPERIMENTS])
def test_a_shipped_recipe_names_its_paper_and_says_where_its_values_come_from(name):
    text = shipped_recipes()[name].read_text()
    assert re.search(r"^# Papers?: .*arXiv:\d{4}\.\d{5}", text, re.MULTILINE)
    assert re.search(r"\[(source|others|memory)", text)


def test_reading_a_recipe_needs_no_torch():
    load = "from hardneg.recipe import Recipe; print(Recipe.load('scifact').name)"
    script = f"import sys; sys.modules['torch'] = None; {load}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "scifact"


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
plain = st.one_of(names, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans())
tables = st.dictionaries(
    names, st.one_of(plain, st.lists(plain, max_size=3), st.dictionaries(names, plain)), max_size=4
)


@given(st.dictionaries(names, st.one_of(plain, tables, st.lists(tables, max_size=3)), max_size=5))
def test_whatever_is_written_as_toml_reads_back_the_same(document):
    assert tomllib.loads(toml_text(document)) == document


def test_a_value_that_toml_does_not_have_is_refused():
    with pytest.raises(RecipeError, match="cannot be written into a recipe"):
        toml_text({"a": object()})


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("BM25", ["dense", "bm25"]).startswith("did you mean 'bm25'?")


DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_reference_in_the_docs_is_what_the_classes_say():
    page = DOCS.read_text(encoding="utf-8")
    assert updated(page) == page, "run make docs"


def test_a_page_without_a_place_for_the_reference_is_left_alone():
    with pytest.raises(ValueError, match="has no line"):
        updated("# Other")


def test_the_reference_explains_every_key():
    assert not re.findall(r"^\| `\w+` \| .* \|  \|$", reference(), re.MULTILINE)
    assert all(f'`use = "{name}"`' in reference() for name in FILTER.members)


def test_the_recipes_in_the_docs_load(load):
    for text in re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL):
        load(text)
