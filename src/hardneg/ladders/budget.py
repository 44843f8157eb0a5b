"""How many steps each rung gets, and how long everything will take, from what the probe found."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hardneg.costs.speeds import Speeds, refreshes
from hardneg.costs.watching import Looks, SplitSize
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.ladders.plan import Budget, LadderPlan, Task
from hardneg.ladders.rungs import Rung
from hardneg.ladders.splits import Splits
from hardneg.recipe import Stage
from hardneg.recipe.trust import measuring_with
from hardneg.sources.protocol import Encodes


@dataclass(frozen=True)
class Amounts:
    """How much there is of what takes time."""

    documents: int
    train: int
    pairs: int
    dev: int
    test: int
    dev_pairs: int = 0

    @classmethod
    def of(cls, dataset: Dataset, splits: Splits) -> "Amounts":
        """Count a dataset."""
        dev = 0 if splits.dev is None else len(dataset.queries_of(splits.dev))
        pairs, train = len(dataset.pairs_of(splits.train)[0]), len(dataset.queries_of(splits.train))
        dev_pairs = 0 if splits.dev is None else len(dataset.pairs_of(splits.dev)[0])
        return cls(dataset.n_documents, train, pairs, dev, len(dataset.queries_of(splits.test)), dev_pairs)


@dataclass(frozen=True)
class Watching:
    """What looks at a training cost."""

    each_s: float = 0.0
    every: float = 1.0  # steps
    whole_s: float = 0.0

    @property
    def step_s(self) -> float:
        """Seconds that looks add to a step."""
        return self.each_s / self.every

    @property
    def once_s(self) -> float:
        """Seconds of the looks before the first step and after the last."""
        return 2 * self.each_s + self.whole_s

    def seconds(self, steps: int) -> float:
        """Seconds of all looks in so many steps."""
        return steps * self.step_s + self.once_s


@dataclass(frozen=True)
class Costs:
    """What each thing will cost."""

    speeds: Speeds
    counts: Amounts
    start_s: float = 0.0

    def shared(self, task: Task, plan: LadderPlan) -> float:
        """Seconds of a task that rungs share; filtering and choosing are taken to cost nothing beside the rest."""
        recipe = plan.rung(task.rung).recipe
        stage = recipe.stages[task.stage]
        if task.kind == "retrieve":
            source = stage.sources[task.source]
            encoding = self._encoding(source, self.counts.train) if isinstance(source, Encodes) else 0.0
            return self.start_s + self.speeds.search(source).seconds(self.counts.train) + encoding
        if task.kind == "score":
            pairs = self.counts.pairs + self.counts.train * stage.select.per_query
            return self.start_s + sum(self.speeds.score(each).seconds(pairs) for each in recipe.teachers)
        return self.start_s

    def own_mining(self, rung: Rung) -> float:
        """Seconds for mining during training: by refreshes, and with models that the rung itself trains."""
        rounds = sum(_refreshes(rung, stage) + bool(stage.needs) for stage in rung.recipe.stages if stage.sources)
        return rounds * self._encoding(_measuring(rung), self.counts.train)

    def step(self, rung: Rung) -> float:
        """Mean seconds of a step, over the stages."""
        epochs = [stage.train.epochs for stage in rung.recipe.stages]
        return sum(self.speeds.step(rung.name, at).seconds(n) for at, n in enumerate(epochs)) / sum(epochs)

    def climb(self, rung: Rung, plan: LadderPlan) -> float:
        """Seconds for training a rung with all seeds and choices, and looking at the development split."""
        look = self._encoding(_measuring(rung), self.counts.dev) if self.counts.dev else 0.0
        if not rung.is_trained:
            return self.start_s + look
        steps = sum(stage.train.max_steps or 0 for stage in rung.recipe.stages)
        trainings = len(plan.seeds) + len(plan.variants(rung)) - 1
        watching = sum(self.watching(rung, stage).seconds(stage.train.max_steps or 0) for stage in rung.recipe.stages)
        return self.start_s + trainings * (steps * self.step(rung) + self.own_mining(rung) + watching + look)

    def watching(self, rung: Rung, stage: Stage) -> "Watching":
        """What looks cost while a stage is trained."""
        watch, settings = stage.train.watch, stage.train
        if watch is None:
            return Watching()
        size = SplitSize(self.counts.dev, self.counts.dev_pairs, self.counts.documents)
        epoch_steps = -(-self.counts.pairs // (settings.batch_size * settings.accumulate))
        looks, encoder = Looks.of(watch, size, epoch_steps=epoch_steps), _measuring(rung)
        return Watching(looks.each_s(self.speeds, encoder), looks.every, looks.whole_s(self.speeds, encoder))

    def test(self, rung: Rung, plan: LadderPlan) -> float:
        """Seconds for looking at the test split; documents were encoded before if there was a development split."""
        encoded = self.counts.dev or not rung.is_trained
        once = self._encoding(_measuring(rung), self.counts.test, documents=0 if encoded else None)
        return self.start_s + once * (len(plan.seeds) if rung.is_trained else 1)

    def _encoding(self, encoder: Encodes, queries: int, *, documents: int | None = None) -> float:
        documents = self.counts.documents if documents is None else documents
        return self.speeds.encoding(encoder, documents=documents, queries=queries)


def with_steps(plan: LadderPlan, costs: Costs, *, default: int, pairs_a_step: int) -> LadderPlan:
    """Give every trained rung its steps, and write down what each task will take."""
    rungs = tuple(
        rung.with_steps(_steps(rung, plan, costs, default=default, pairs_a_step=pairs_a_step))
        if rung.is_trained
        else rung
        for rung in plan.rungs
    )
    ready = replace(plan, rungs=rungs)
    return replace(ready, estimates={task.id: round(_estimate(task, ready, costs), 1) for task in ready.tasks()})


def overview(plan: LadderPlan) -> list[dict[str, Any]]:
    """Sum up what each rung will take, for a table."""
    tasks, rows = {task.id: task for task in plan.tasks()}, []
    for rung in plan.rungs:
        climb = tasks[f"climb-{rung.name}"]
        rows.append(
            {
                "name": rung.name,
                "about": rung.about,
                "steps": sum(stage.train.max_steps or 0 for stage in rung.recipe.stages) if rung.is_trained else 0,
                "shared_s": sum(plan.estimates[each] for each in needed(climb, tasks)),
                "own_s": plan.estimates[climb.id] + plan.estimates[f"test-{rung.name}"],
            }
        )
    return rows


def needed(task: Task, tasks: dict[str, Task]) -> list[str]:
    """List all that must be done before a task, each once."""
    order: dict[str, None] = {}
    for each in task.needs:
        order |= dict.fromkeys([*needed(tasks[each], tasks), each])
    return list(order)


def _steps(rung: Rung, plan: LadderPlan, costs: Costs, *, default: int, pairs_a_step: int) -> int:
    if plan.budget.minutes is not None:
        return _fitting(rung, plan, costs, plan.budget)
    settings = rung.recipe.stages[-1].train
    return max(1, round((plan.budget.steps or default) * pairs_a_step / (settings.batch_size * settings.accumulate)))


def _fitting(rung: Rung, plan: LadderPlan, costs: Costs, budget: Budget) -> int:
    """Count the steps for which a budget in minutes leaves time."""
    tasks = {task.id: task for task in plan.tasks()}
    before = _sum(costs.shared(tasks[each], plan) for each in needed(tasks[f"climb-{rung.name}"], tasks))
    watching = [costs.watching(rung, stage) for stage in rung.recipe.stages]
    before += costs.own_mining(rung) + _sum(each.once_s for each in watching)
    looks_s = _sum(each.step_s for each in watching) / len(watching)
    steps = int(((budget.minutes or 0.0) * 60 - before) / (costs.step(rung) + looks_s))
    if steps < len(rung.recipe.stages):
        raise RecipeError(
            f"rung {rung.name} needs about {before / 60:.1f} minutes before its first step of training, which "
            f"the budget of {budget.minutes:g} minutes does not leave; give more minutes, or leave the rung out"
        )
    return steps


def _estimate(task: Task, plan: LadderPlan, costs: Costs) -> float:
    if task.kind == "climb":
        return costs.climb(plan.rung(task.rung), plan)
    if task.kind == "test":
        return costs.test(plan.rung(task.rung), plan)
    return costs.shared(task, plan)


def _measuring(rung: Rung) -> Encodes:
    return measuring_with(rung.recipe.model, rung.recipe)


def _refreshes(rung: Rung, stage: Stage) -> int:
    return refreshes(stage) if rung.refreshes is None or stage.train.refresh is None else rung.refreshes


def _sum(values: Iterable[float]) -> float:
    return float(sum(values))
