"""A look at a dataset before the first recipe: what is in it, what kind of texts they are, and which preset fits."""

from dataclasses import dataclass
from functools import cached_property

from hardneg.data.checks import check_dataset
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Check
from hardneg.data.text import word_counts
from hardneg.errors import DatasetError, HardnegError
from hardneg.recipe import Recipe, plan_of, shipped_presets

_TRAIN = "train"
_MEASURED = ("test", "dev", "validation", "valid", "val", "development")
_SHORT_WORDS = 3
_SAMPLE = 2000  # texts that are looked at for what kind they are
_SYMBOLS = r"[(){}\[\];=|$<>_\\&]"
_RULES = r"(?i)(?:§|\b(?:section|article|rule|paragraph|clause))\s*\d"
_MANY_SYMBOLS = 0.04  # of the characters: NL2Bash, StaQC and Python have .07 to .09, prose and rules .00 to .01
_MANY_RULES = 0.05  # of the texts; ObliQA has .13, scientific prose, code and answers of forums .00
_FOREIGN = 0.1  # of the characters that are not ASCII


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What decides the choices of a first recipe."""

    data: Dataset
    check: Check
    measured: str  # the split that models are measured on

    @property
    def n_pairs(self) -> int:
        """Positive pairs that can be trained on."""
        return self.check.splits[_TRAIN].positives

    @property
    def development(self) -> str | None:
        """A split to watch while training, beside the measured one."""
        return next((name for name in _MEASURED[1:] if name in self.check.splits and name != self.measured), None)

    @cached_property
    def short_share(self) -> float:
        """Share of the queries of at most three words."""
        queries = self.data.query_texts.gather(self.data.queries_of(_TRAIN))
        return float((word_counts(queries) <= _SHORT_WORDS).mean() or 0.0)  # type: ignore[arg-type]

    @cached_property
    def preset(self) -> str | None:
        """The preset whose sources and filters find all that they read in the dataset."""
        return next((name for name in shipped_presets() if self._fits(name)), None)

    @cached_property
    def kind(self) -> str:
        """What the documents look like: "code", "legal", "foreign" or "english"."""
        texts = self.data.document_texts.sample(min(_SAMPLE, self.data.n_documents), seed=0)
        n_chars, n_bytes = int(texts.str.len_chars().sum()), int(texts.str.len_bytes().sum())
        if int(texts.str.count_matches(_SYMBOLS).sum()) > _MANY_SYMBOLS * n_chars:
            return "code"
        if float(texts.str.contains(_RULES).mean() or 0.0) > _MANY_RULES:  # type: ignore[arg-type]
            return "legal"
        return "foreign" if n_bytes - n_chars > _FOREIGN * n_chars else "english"

    @property
    def has_turns(self) -> bool:
        """Whether queries are turns of conversations."""
        return "history" in self.data.queries.columns

    def _fits(self, preset: str) -> bool:
        recipe = Recipe.from_table({"dataset": "-", "preset": preset}, place="preset")
        try:
            plan_of(recipe, seed=0).check(self.data)
        except HardnegError:
            return False
        return True


def first_look(data: Dataset, *, name: str) -> FirstLook:
    """Look at a dataset; one with nothing to train on, or nothing to measure on, is refused."""
    check = check_dataset(data)
    splits = {split for split, counts in check.splits.items() if counts.positives}
    measured = next((split for split in _MEASURED if split in splits), None)
    if _TRAIN not in splits or measured is None:
        there = ", ".join(sorted(splits)) or "none"
        lacking = "train" if _TRAIN not in splits else "test"
        dealt = "" if _TRAIN in splits or not splits else f" --split {min(splits)} --again"
        raise DatasetError(
            f"{name} has no labelled queries of a split {lacking!r} (there is: {there}), and a recipe trains on one "
            f"split and measures on another; deal them with `hardneg data split {name}{dealt} -o FOLDER`, then "
            "`hardneg init FOLDER`"
        )
    return FirstLook(data, check, measured)
