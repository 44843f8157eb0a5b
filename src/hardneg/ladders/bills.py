"""What a ladder will ask of judges that cost money, before anything is asked."""

from hardneg.data.dataset import Dataset
from hardneg.ladders.plan import LadderPlan
from hardneg.pipeline.asking import Bill, stage_bills


def judge_bills(plan: LadderPlan, dataset: Dataset) -> list[Bill]:
    """Estimate what LLM judges will be asked, as filters and as teachers.

    Verdicts are kept, so rungs that ask about the same pairs pay once; the estimates are for each rung by itself. What
    will be mined is not known yet: for a teacher, as many random documents stand for it.
    """
    found: dict[str, Bill] = {}
    for rung in plan.rungs:
        for stage in rung.recipe.stages if rung.is_trained else ():
            if not stage.needs:
                found |= {str(each): each for each in stage_bills(rung.recipe, stage, dataset)}
    return list(found.values())
