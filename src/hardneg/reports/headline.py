"""The top of the page: what was gained, at what cost, how sure."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from hardneg.drawing.svg import number, share, signed
from hardneg.evaluation.significance import Comparison
from hardneg.progress import duration
from hardneg.reports.contents import Contents, LadderTables
from hardneg.reports.figures_of_quality import compared, plain
from hardneg.runs.layout import StageKey

_REFERENCES = ("zero_shot", "in_batch", "bm25")


@dataclass(frozen=True)
class Card:
    """One figure at the top."""

    name: str
    value: str
    detail: str
    tone: str = "plain"  # or "good" or "bad"


@dataclass(frozen=True)
class Headline:
    """What a run comes to."""

    statement: str
    further: tuple[str, ...]
    cards: tuple[Card, ...]


def headline(contents: Contents) -> Headline:
    """Sum up a run."""
    comparisons = compared(contents.rows)
    reference = next((name for name in _REFERENCES if name in comparisons), next(iter(comparisons), None))
    rest = (*_mined(contents), *_contaminated(contents))
    if contents.ladder is not None:
        return Headline(_ladder(contents.ladder), _trained(contents.ladder), (*_climbed(contents.ladder), *rest))
    if reference is None:
        return Headline(_without_comparison(contents), (), (*_cost(contents), *rest))
    one = comparisons[reference]
    others = [name for name in _REFERENCES if name in comparisons and name != reference]
    further = tuple(_beside(name, comparisons[name]) for name in others)
    cards = (_gained(reference, one), *_cost(contents), _sure(contents, one), *rest)
    return Headline(_gain(contents, reference, one), further, cards)


def _without_comparison(contents: Contents) -> str:
    if contents.rows:
        row = contents.rows[-1]
        return f"{plain(row.name)} reaches {row.as_dict()[row.measure]['value']:.3f} {row.measure} on the test queries."
    if contents.mined:
        chosen = sum(mined.funnel["selected"] for mined in contents.mined)
        queries = max(mined.funnel["queries"] for mined in contents.mined)
        return f"{number(chosen)} negatives were mined for {number(queries)} queries; nothing was measured yet."
    if contents.trained:
        steps = sum(len(trained.records) for trained in contents.trained)
        return f"{number(steps)} steps of training; nothing was measured yet."
    return "What this folder holds."


def _ladder(ladder: LadderTables) -> str:
    """Name the rung that was chosen on the development queries; without these, the highest."""
    if ladder.shown is None:
        return "No rung of this ladder was measured yet."
    measured = ladder.rungs.drop_nulls("value")
    row = measured.row(by_predicate=pl.col("name") == ladder.shown, named=True)
    chosen = ladder.best == ladder.shown
    why = "is best on the development queries" if chosen else f"stands highest of {number(measured.height)} rungs"
    return f"{plain(row['name'])} {why}: {row['value']:.3f} {ladder.measure} on the {row['split']} queries."


def _trained(ladder: LadderTables) -> tuple[str, ...]:
    """Name the best trained rung, where an untrained one is better."""
    if ladder.subject is None or ladder.subject == ladder.shown:
        return ()
    row = ladder.rungs.row(by_predicate=pl.col("name") == ladder.subject, named=True)
    return (f"Of the trained rungs {plain(row['name'])} is best: {row['value']:.3f} {ladder.measure}.",)


def _climbed(ladder: LadderTables) -> Iterator[Card]:
    """Say what the rung that the page goes into gained on the untrained model, at what cost, how sure."""
    gained = {row["name"]: row for row in ladder.comparisons.iter_rows(named=True)}
    one = gained.get(f"{ladder.subject} against zero_shot")
    if one is None:
        return
    rung = ladder.rungs.row(by_predicate=pl.col("name") == ladder.subject, named=True)
    what = f"{ladder.measure}, {plain(rung['name'])} against zero-shot"
    counts = f"{number(one['wins'])} queries better, {number(one['losses'])} worse"
    yield Card("Gained", signed(one["value"]), f"{what}; {counts}", _tone(one["low"], one["high"]))
    if rung["seconds"]:
        memory = f"{number(rung['peak_gb'], 1)} GB of memory"
        yield Card("At what cost", duration(rung["seconds"]), f"with one seed, {memory}")
    p = one["p_corrected"]
    sure = "" if p is None else "; corrected p < 0.001" if p < 0.001 else f"; corrected p = {p:.3f}"
    yield Card("How sure", f"{signed(one['low'])} to {signed(one['high'])}", f"95 % interval{sure}")


def _gain(contents: Contents, reference: str, one: Comparison) -> str:
    last = contents.rows[-1]
    after, measure = last.as_dict()[last.measure]["value"], last.measure
    what = "BM25" if reference == "bm25" else f"{plain(reference)}"
    before = after - one.difference
    if one.low > 0:
        verb = "raised"
    elif one.high < 0:
        verb = "lowered"
    else:
        both = f"{after:.3f} and {before:.3f} {measure}"
        return f"{plain(last.name)} and {what} cannot be told apart on these queries: {both}."
    if reference == "zero_shot":
        return f"Training {verb} {measure} from {before:.3f} to {after:.3f}."
    return f"{plain(last.name)} reaches {after:.3f} {measure}, {what} {before:.3f}."


def _beside(name: str, one: Comparison) -> str:
    what = {"in_batch": "the same training without mined negatives", "bm25": "BM25"}.get(name, plain(name))
    sure = "" if one.low > 0 or one.high < 0 else ": no difference that these queries can show"
    return f"Against {what}: {signed(one.difference)} ({signed(one.low)} to {signed(one.high)}){sure}."


def _gained(reference: str, one: Comparison) -> Card:
    detail = f"{one.metric} against {plain(reference)}; {number(one.wins)} queries better, {number(one.losses)} worse"
    return Card("Gained", signed(one.difference), detail, _tone(one.low, one.high))


def _tone(low: float, high: float) -> str:
    return "good" if low > 0 else "bad" if high < 0 else "plain"


def _cost(contents: Contents) -> Iterator[Card]:
    if not contents.stages:
        return
    by_verb: dict[str, float] = {}
    for stage, cost in contents.stages.items():
        verb = StageKey.parse(stage).verb
        by_verb[verb] = by_verb.get(verb, 0.0) + cost["wall_s"]
    names = {"mine": "mining", "score": "teachers", "train": "training", "evaluate": "measuring"}
    parts = [f"{name} {duration(by_verb[verb])}" for verb, name in names.items() if verb in by_verb]
    peak = max(cost["peak_gb"] for cost in contents.stages.values())
    yield Card("At what cost", duration(sum(by_verb.values())), ", ".join([*parts, f"{peak:.1f} GB of memory"]))


def _sure(contents: Contents, one: Comparison) -> Card:
    seeds = len(contents.rows[-1].seeds)
    over = f"{number(one.n)} queries" + (f", {seeds} seeds" if seeds > 1 else ", one seed")
    p = "p < 0.001" if one.p_value < 0.001 else f"p = {one.p_value:.3f}"
    return Card("How sure", f"{signed(one.low)} to {signed(one.high)}", f"95 % interval; {p}; {over}")


def _mined(contents: Contents) -> Iterator[Card]:
    if contents.mined:
        candidates = sum(mined.funnel["candidates"] for mined in contents.mined)
        refused = sum(sum(mined.funnel["dropped"].values()) for mined in contents.mined)
        chosen = sum(mined.funnel["selected"] for mined in contents.mined)
        short = sum(mined.funnel["short_queries"] for mined in contents.mined)
        detail = (
            f"of {number(candidates)} candidates refused ({number(refused)}); {number(chosen)} chosen, "
            f"{number(short)} queries short"
        )
        yield Card("Refused", share(refused, candidates), detail)


def _contaminated(contents: Contents) -> Iterator[Card]:
    for audited in contents.audits:
        figure = audited.figures.get("contamination")
        if figure is not None and figure["value"] is not None:
            ends = (
                "" if figure["low"] is None else f", {100 * figure['low']:.2g} to {100 * (figure['high'] or 0):.2g} %"
            )
            yield Card("Answers among them", f"{100 * figure['value']:.2g} %", f"of the negatives, at least{ends}")
            return
