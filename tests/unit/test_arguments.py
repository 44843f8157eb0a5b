"""What is of the wrong kind is one error of one line, in every public function."""

import numpy as np
import polars as pl
import pytest

import hardneg as hn
from hardneg.errors import InputError
from toy import toy_dataset

WRONG = [3, 2.5, True, b"x", [], {}, object(), pl.DataFrame({"a": [1]}), np.arange(3), "no such thing"]
TABLE = pl.DataFrame({"query": [0], "document": [39]})


def _other(value, *, than, take):
    """Give another value for what would be right."""
    return take if type(value) is type(than) else value


CALLS = {
    "compare": lambda v, _: hn.compare(v, v, "nDCG@10"),
    "Dealing.test_share": lambda v, _: hn.Dealing(test_share=_other(v, than=2.5, take=-1.0)),
    "Dealing.by": lambda v, _: hn.Dealing(by=v),
    "evaluate.dataset": lambda v, _: hn.evaluate(v, "bm25"),
    "evaluate.retriever": lambda v, _: hn.evaluate(toy_dataset(), v if not isinstance(v, str) else "./none"),
    "evaluate.split": lambda v, _: hn.evaluate(toy_dataset(), "./none", split=v),
    "evaluate.depth": lambda v, _: hn.evaluate(toy_dataset(), "./none", depth=v),
    "evaluate.exclude": lambda v, _: hn.evaluate(toy_dataset(), "./none", split="train", exclude=v),
    "export.dataset": lambda v, _: hn.export(v, TABLE, split="train", form="triplet"),
    "export.negatives": lambda v, _: hn.export(toy_dataset(), v, split="train", form="triplet"),
    "export.form": lambda v, _: hn.export(toy_dataset(), TABLE, split="train", form=v),
    "from_tables": lambda v, _: hn.Dataset.from_tables(v, v, v),
    "mine.dataset": lambda v, _: hn.mine(v),
    "mine.split": lambda v, _: hn.mine(toy_dataset(), sources=["bm25"], split=v),
    "mine.verdicts": lambda v, _: hn.mine(toy_dataset(), sources=["bm25"], filters=[], verdicts=v),
    "Recipe.load": lambda v, _: hn.Recipe.load(v),
    "Recipe.from_table": lambda v, _: hn.Recipe.from_table(v),
    "run": lambda v, out: hn.run(v, out=out),
    "Selection": lambda v, _: hn.Selection(per_query=_other(v, than=3, take=0)),
    "split_dataset": lambda v, _: hn.split_dataset(v),
    "split_dataset.how": lambda v, _: hn.split_dataset(toy_dataset(), v),
    "train.dataset": lambda v, out: hn.train("./none", v, out=out),
    "train.negatives": lambda v, out: hn.train("./none", toy_dataset(), v, out=out),
    "train.scores": lambda v, out: hn.train("./none", toy_dataset(), scores=v, out=out),
    "train.settings": lambda v, out: hn.train("./none", toy_dataset(), settings=v, out=out),
    "train.plan": lambda v, out: hn.train("./none", toy_dataset(), plan=v, out=out),
    "train.split": lambda v, out: hn.train("./none", toy_dataset(), split=v, out=out),
    "train.out": lambda v, _: hn.train("./none", toy_dataset(), out=v if not isinstance(v, str) else None),
    "TrainSettings.epochs": lambda v, _: hn.TrainSettings(epochs=_other(v, than=3, take=0)),
    "TrainSettings.loss": lambda v, _: hn.TrainSettings(loss=v),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_of_the_wrong_kind_is_one_line_that_names_it(call, tmp_path):
    for value in WRONG:
        with pytest.raises(InputError) as refused:
            CALLS[call](value, tmp_path / "out")
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "out").exists()
