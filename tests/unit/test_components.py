"""Components as Python gives them: objects, names, names with options, tables."""

import numpy as np
import pytest

import hardneg as hn
from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.losses import KL, InfoNCE, Triplet, WeightedSum
from hardneg.negatives import Selection, Top, Weighted
from hardneg.sources import BM25, Random
from hardneg.training.masks import OwnScore
from hardneg.training.refresh.settings import Refresh
from hardneg.training.settings import TrainSettings
from toy import toy_dataset


def test_names_of_sources_filters_and_strategies_mine_what_objects_do():
    toy = toy_dataset()
    objects = hn.mine(
        toy,
        sources=[BM25(analyzer="plain"), Random(seed=3)],
        filters=[],
        select=Selection(per_query=2, strategy=Weighted(temperature=0.5)),
        seed=3,
    )
    named = hn.mine(
        toy,
        sources=["bm25(analyzer='plain')", {"use": "random"}],
        filters=(),
        select={"per_query": 2, "strategy": {"use": "weighted", "temperature": 0.5}},
        seed=3,
    )
    assert objects.negatives.equals(named.negatives)
    assert objects.plan == named.plan
    refused = hn.mine(toy, sources=["bm25"], filters=["near_duplicate"]).plan.filters
    assert [each.name for each in refused] == ["near_duplicate"]


def test_names_of_strategies_losses_and_masks_stand_for_themselves():
    assert Selection(strategy="top").strategy == Top()
    assert Selection(strategy="weighted(temperature=0.1)").strategy == Weighted(temperature=0.1)
    assert TrainSettings(loss="triplet").loss == Triplet()
    assert TrainSettings(loss="triplet(margin=0.3)").loss == Triplet(margin=0.3)
    both = TrainSettings(loss=[{"use": "info_nce"}, {"use": "kl", "weight": 0.2}])
    assert both.loss == WeightedSum((InfoNCE(), KL()), (1.0, 0.2))
    assert TrainSettings(mask="own_score").mask == OwnScore()
    assert TrainSettings(refresh={"every": 5}).refresh == Refresh(every=5)
    assert TrainSettings(trackers=["wandb"]).trackers == ("wandb",)
    assert TrainSettings(epochs=np.int64(3)).epochs == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sources": "bm25"}, r"mine: sources: must be a list, as \['bm25'\]"),
        ({"sources": ["bm52"]}, r"mine: sources\[1\]: unknown source 'bm52'; did you mean 'bm25'"),
        ({"sources": ["bm25", 3]}, r"mine: sources\[2\]: 3 is no source; give one, or a name \(known: "),
        ({"sources": [BM25]}, r"mine: sources\[1\]: .* is no source"),
        ({"sources": ["bm25(k1='high')"]}, r"mine: sources\[1\]\.k1: should be a valid number, not 'high'"),
        ({"filters": ["near_duplicate("]}, r"mine: filters\[1\]: 'near_duplicate\(': write a name"),
        ({"filters": {"use": "near_duplicate"}}, "mine: filters: must be a list"),
        ({"select": 4}, "mine: select: must be a table, not 4"),
        ({"select": {"per_qeury": 4}}, "mine: select: unknown key 'per_qeury'; did you mean 'per_query'"),
        ({"depth": "100"}, "mine: depth must be a whole number from 1 on, not '100'"),
        ({"depth": 0}, "mine: depth must be a whole number from 1 on, not 0"),
        ({"block_size": 1.5}, "mine: block_size must be a whole number"),
    ],
)
def test_what_is_no_component_is_one_clear_error(given, message):
    with pytest.raises(RecipeError, match=message):
        hn.mine(toy_dataset(), **{"sources": ["random"], **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "triple"}, "training: loss: unknown loss 'triple'; did you mean 'triplet'"),
        ({"loss": Triplet}, "training: loss: .* is no loss"),
        ({"loss": None}, "training: loss: None is no loss"),
        ({"epochs": "2"}, "training: epochs: should be a valid integer, not '2'"),
        ({"learning_rate": "fast"}, "training: learning_rate: should be a valid number, not 'fast'"),
        ({"dropout": "yes"}, "training: dropout: should be a valid boolean, not 'yes'"),
        ({"matryoshka": 64}, "training: matryoshka: should be a valid"),
        ({"lora": 8}, "training: lora: must be a table, not 8"),
        ({"schedule": "cosin"}, "training: schedule must be one of linear, cosine, constant, not 'cosin'"),
    ],
)
def test_a_training_setting_of_the_wrong_type_is_one_clear_error(given, message):
    with pytest.raises(RecipeError, match=message):
        TrainSettings(**given)


def test_what_is_no_dataset_is_said_before_any_work(tmp_path):
    with pytest.raises(DatasetError, match=r"mine: a str is no Dataset; read it first: hardneg.read_dataset"):
        hn.mine("data/mine")
    with pytest.raises(DatasetError, match=r"train: a str is no Dataset; read it first: hardneg.read_dataset"):
        hn.train("tiny", "data/mine", out=tmp_path)
    with pytest.raises(RecipeError, match=r"train: settings are 'fast'; give TrainSettings"):
        hn.train("tiny", toy_dataset(), settings="fast", out=tmp_path)
    with pytest.raises(RecipeError, match=r"train: negatives are 5; give "):
        hn.train("tiny", toy_dataset(), 5, out=tmp_path)
    with pytest.raises(RunError, match=r"runs/mined holds no part-\*\.parquet; mine first"):
        hn.train("tiny", toy_dataset(), "runs/mined", out=tmp_path)
    with pytest.raises(RecipeError, match=r"run: 'quickstart' is no Recipe"):
        hn.run("quickstart", out=tmp_path)
