"""What would help most next, drawn from what a fit found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardneg.fits.baselines import BM25, ZERO_SHOT
from hardneg.runs import layout

_SHOWN = 3
_FEW_QUERIES = 300
_WIDE = 0.03  # half of an interval
_ONE = 1.1  # positives of a query
_AHEAD = 0.005


@dataclass(frozen=True)
class Advice:
    """Something to do next, and why."""

    what: str
    why: str


def next_steps(found: Mapping[str, Any], *, folder: str) -> list[Advice]:
    """List the three things that would help most, the most pressing first."""
    return list(_all(found, folder))[:_SHOWN]


def _all(found: Mapping[str, Any], folder: str) -> Iterator[Advice]:
    yield from _of_the_test(found)
    yield from _of_the_data(found, folder)
    yield from _of_the_race(found)
    yield Advice(
        "train a teacher and learn from its scores too: hardneg teacher train",
        "no strategy here learned from a stronger model; measure it first, a weak one pulls the model down",
    )


def _of_the_test(found: Mapping[str, Any]) -> Iterator[Advice]:
    measure, rows, best = found["measure"], found["test"]["rows"], found["choice"]["strategy"]
    values = {name: row[measure]["value"] for name, row in rows.items()}
    fusion = max((name for name in values if " + " in name), key=lambda name: values[name], default=None)
    if values[BM25] > values[best]:
        yield Advice(
            "serve BM25, or the model together with it",
            f"BM25 alone has {values[BM25]:.4f} on the test queries, the model {values[best]:.4f}: it has not learned "
            "the words that count here",
        )
    elif fusion is not None and values[fusion] > values[best] + _AHEAD:
        weight = found["development"]["weights"].get(best)
        how = f" (weight {weight:g} of the model, chosen on dev)" if weight is not None and "weighted" in fusion else ""
        yield Advice(
            f"serve the model together with BM25{how}",
            f"{fusion} has {values[fusion]:.4f} on the test queries, the model alone {values[best]:.4f}",
        )
    if best == ZERO_SHOT:
        yield Advice(
            "label more pairs before training again",
            "no training was better than the model as it is, on development queries that the race never saw",
        )


def _of_the_data(found: Mapping[str, Any], folder: str) -> Iterator[Advice]:
    counts, queries = found["counts"], found["development"]["queries"]
    row = found["test"]["rows"][found["choice"]["strategy"]][found["measure"]]
    errors = [one for one in found["findings"] if one["severity"] == "warning"]
    if min(queries.values()) < _FEW_QUERIES or (row["high"] - row["low"]) / 2 > _WIDE:
        yield Advice(
            "label more queries to choose and to test on",
            f"{queries['race']:,} and {queries['fresh']:,} development queries and {row['n']:,} test queries tell "
            f"differences of about {(row['high'] - row['low']) / 2:.3f} apart, and strategies differ by less",
        )
    if counts["mean_positives"] < _ONE:
        yield Advice(
            f"have a sample of the negatives judged: hardneg audit sample {folder}/{layout.FINAL_RUN}",
            f"queries have {counts['mean_positives']:.2f} answers each, so nothing can be hidden to count how "
            "many negatives are answers, and a learned filter cannot learn; label a second one of some hundred queries",
        )
    for one in errors[:1]:
        yield Advice(one["remedy"], f"{one['code']}: {one['title']}: {one['detail']}")


def _of_the_race(found: Mapping[str, Any]) -> Iterator[Advice]:
    raced = {row["strategy"] for each in found["rounds"] for row in each["standings"]}
    untimely = [name for name, why in found["left_out"].items() if "no time" in why and name not in raced]
    if untimely:
        yield Advice(
            "give it more time: --minutes, or --thorough",
            f"there was no time for {', '.join(untimely)}",
        )
    tuning = [each for each in found["rounds"] if each["name"] == "tuning"]
    if tuning and tuning[0]["standings"][0]["steps"] == 2 * found["schedule"]["steps"]:
        yield Advice(
            "train for longer: --minutes, or --steps",
            f"the longest training that was tried, {2 * found['schedule']['steps']:,} steps, was the best",
        )
