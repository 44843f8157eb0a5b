"""Mining as the command asks for it: prepared, so that its cost can be shown first, then done, then looked over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.files import check_folder
from hardneg.negatives.plan import Plan
from hardneg.pipeline.judged_labels import use_verdicts, with_verdicts
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine_plan
from hardneg.planting.findings import fit_findings, read_fits
from hardneg.recipe import FromPath, Recipe, plan_of
from hardneg.recipe.trust import trusting
from hardneg.runs import layout
from hardneg.runs.lock import writing
from hardneg.runs.mining_findings import read_readings, reading_findings
from hardneg.runs.record import recording


@dataclass(frozen=True)
class MiningJob:
    """What will be mined, and into which folder."""

    plan: Plan
    dataset: Dataset
    labelled: Dataset  # with verdicts for labels
    block_size: int
    address: Mapping[str, Any]  # of the dataset, as `[dataset]` of a recipe
    out: Path
    verdicts: pl.DataFrame | None = None

    def with_verdicts(self, verdicts: pl.DataFrame) -> "MiningJob":
        """Take verdicts for labels."""
        used, _ = use_verdicts(self.dataset, verdicts, split=self.plan.split)
        return replace(self, labelled=with_verdicts(self.dataset, used, split=self.plan.split), verdicts=verdicts)

    def mine(self) -> Mined:
        """Mine, and leave a record in the folder."""
        options = {key: value for key, value in self.address.items() if key != "path"}
        with recording(self.out, "mine", dataset=self.address["path"], layout=options), writing(self.out):
            return mine_plan(self.dataset, self.plan, block_size=self.block_size, verdicts=self.verdicts, out=self.out)


@dataclass(frozen=True)
class Noticed:
    """What mining left in its folder beside negatives."""

    fits: list[dict[str, Any]]  # of learned filters
    readings: dict[str, dict[str, Any]]  # how models read the texts, by source
    findings: list[Finding]
    found: Path  # where found positives are


def prepare_mining(recipe: Recipe, address: Mapping[str, Any], *, trusts: bool, out: Path) -> MiningJob:
    """Read the dataset and lay out what a recipe mines; `trusts` lets models run code of their own."""
    check_folder(out)
    plan = plan_of(recipe, seed=recipe.seed)
    if trusts:
        plan = replace(plan, sources=trusting(plan.sources), filters=trusting(plan.filters))
    dataset = FromPath(**address).read()
    return MiningJob(plan, dataset, dataset, recipe.mine.block_size, address, out)


def noticed(mined: Mined, folder: Path) -> Noticed:
    """Read what mining left."""
    fits = read_fits(folder)
    findings = [*(finding for fit in fits for finding in fit_findings(fit)), *mined.findings, *reading_findings(folder)]
    return Noticed(fits, read_readings(folder), findings, folder / layout.FOUND)
