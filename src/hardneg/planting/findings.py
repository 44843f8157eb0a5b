"""What the fitting of a learned filter says about the data."""

import json
from pathlib import Path
from typing import Any

from hardneg.checksums import checked
from hardneg.data.findings import Finding
from hardneg.planting.telling import Doubt

_MANY = 0.2  # share of answers among the negatives
_WEAK = 0.75  # area under the curve
_FEW = 0.9  # share of the queries with their number
_DOUBTS: dict[Doubt, str] = {
    "one answer each": (
        "only {several:.0%} of the queries that are mined for have more than one positive, and {beside:,} of the "
        "{retrieved:,} hidden answers that it learned from stood beside a known one; so how an unlabelled answer "
        "stands to the known one could not be learned for queries like most"
    ),
    "answers left": (
        "{answers:.0%} of the negatives that it let through while it was fitted answer the query: positives that were "
        "hidden, and by its own estimate others that nobody labelled"
    ),
}
_JUDGES = {
    "margin": "So a margin of 0.95 below the weakest positive judges in its place.",
    "learned": 'It judges all the same, since in_doubt = "learned".',
}


def read_fits(run: Path) -> list[dict[str, Any]]:
    """Read what was found while the learned filters of a run were fitted, in the order of the filters."""
    return [json.loads(checked(path).read_text()) for path in sorted((run / "filters").glob("learned-*.json"))]


def fit_findings(fit: dict[str, Any]) -> list[Finding]:
    """Say where a learned filter should not be trusted alone."""
    findings = []

    def warn(code: str, title: str, detail: str, remedy: str, *, count: int) -> None:
        findings.append(Finding(code, "warning", title, detail, remedy, count))

    if fit["p_negative"] > _MANY:
        warn(
            "HN001",
            "many of the negatives are answers",
            f"By the learned filter's estimate, {fit['p_negative']:.0%} of what it lets through answers the "
            "query, though no label says so. Labels name only a small part of the answers.",
            "Have a sample judged (hardneg audit sample), use a stronger model as teacher "
            "(teacher_threshold), lower the budget, or mine fewer negatives a query.",
            count=fit["queries"],
        )
    if fit["coverage"] < _FEW and fit.get("judge") != "margin":  # whose coverage mining itself shows
        warn(
            "HN002",
            "too few negatives",
            f"Only {fit['coverage']:.0%} of the queries get their number within the budget.",
            "Mine deeper, add a source, accept a larger budget, or ask for fewer negatives a query.",
            count=fit["queries"],
        )
    if fit["auc"] < _WEAK:
        warn(
            "HN004",
            "answers look like the other candidates",
            f"Hidden positives are told from other candidates with an AUC of only {fit['auc']:.2f}: either "
            "the signals are weak, or many of the other candidates are answers too.",
            "Give a stronger signal: a cross-encoder as teacher, BM25 beside the dense model, or labels.",
            count=fit["retrieved"],
        )
    budget = fit.get("budget")  # reports of earlier versions may lack it
    if budget is not None and fit["leakage"] > budget:
        warn(
            "HN005",
            "the leakage budget was not kept",
            f"The strictest threshold lets {fit['leakage']:.2%} of the hidden answers through, "
            f"and {budget:.2%} were allowed.",
            "Add filters before the learned one, a stronger model, or accept a larger budget.",
            count=fit["hidden"],
        )
    if fit.get("doubts"):
        warn(
            "HN007",
            "the learned filter cannot tell here",
            f"{_capital('; '.join(_DOUBTS[each].format(**fit) for each in fit['doubts']))}. Hidden answers are told "
            f"from other candidates with an AUC of {fit['auc']:.2f} [{fit['auc_low']:.2f}, {fit['auc_high']:.2f}], "
            f"an estimated {fit['p_candidate']:.1%} of the candidates are answers, and {1 - fit['coverage']:.0%} of "
            f"the queries would not get their number. {_JUDGES[fit['judge']]}",
            "Label a second answer of a few hundred queries, or filter by a stronger model (teacher_threshold); "
            'in_doubt = "learned" has the filter judge all the same.',
            count=fit["queries"],
        )
    return findings


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
