"""What a ladder will ask of judges that cost money, before anything is asked."""

from collections.abc import Iterator

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.ladder.plan import LadderPlan
from hardneg.ladder.rungs import Rung
from hardneg.losses.distilling import needs_teacher
from hardneg.pipeline.asking import Bill, bill, mining_bills
from hardneg.pipeline.scores import pairs_to_score
from hardneg.recipe import Stage
from hardneg.recipe.plan import plan_of
from hardneg.scoring.protocol import Priced
from hardneg.sources import Random


def judge_bills(plan: LadderPlan, dataset: Dataset) -> list[Bill]:
    """Estimate what LLM judges will be asked, as filters and as teachers.

    Verdicts are kept, so rungs that ask about the same pairs pay once; the estimates are for each rung by itself. What
    will be mined is not known yet: for a teacher, as many random documents stand for it.

    Args:
        plan: What will be climbed.
        dataset: With what.

    Returns:
        One bill for each judge and rung that asks it, equal ones once; none without a judge.
    """
    found: dict[str, Bill] = {}
    for rung in plan.rungs:
        for stage in rung.recipe.stages if rung.is_trained else ():
            if stage.sources and not stage.needs:
                found |= {str(each): each for each in _of_stage(rung, stage, dataset)}
    return list(found.values())


def _of_stage(rung: Rung, stage: Stage, dataset: Dataset) -> Iterator[Bill]:
    yield from mining_bills(dataset, plan_of(stage, seed=rung.recipe.seed))
    judges = [each for each in rung.recipe.teachers if isinstance(each, Priced)]
    if judges and needs_teacher(stage.train.loss):
        pairs = pairs_to_score(dataset, _stand_ins(stage, dataset), split=stage.mine.split)
        yield from (bill(judge, dataset, pairs) for judge in judges)


def _stand_ins(stage: Stage, dataset: Dataset) -> pl.DataFrame:
    return Random().retrieve(dataset, dataset.queries_of(stage.mine.split), stage.select.per_query)
