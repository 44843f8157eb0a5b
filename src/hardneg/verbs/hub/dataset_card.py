"""The card of mined negatives: a function of the files that are pushed with it, and of nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from hardneg.verbs.hub.facts import NEGATIVES, TRIPLETS, MinedFacts

_AUDITED = {
    "contamination": "share of the negatives that are answers",
    "leakage": "share of the hidden answers that became negatives",
    "coverage": "share of the hidden answers' queries that got their number",
}
_LIMITS = (
    "A negative here is what a search found and filters let through; nobody looked at each of them. What the labels do "
    "not name may be an answer, and an audit says how often, if there is one above. They belong to the texts and "
    "labels of the fingerprints above: with other ones they are negatives of nothing."
)


def dataset_card(facts: MinedFacts, *, name: str, dataset: str, license_id: str) -> str:
    """Write it as Markdown, with the head that a Hub reads."""
    parts = [
        _head(license_id),
        f"# {name}",
        f"Hard negatives for {dataset}, mined with hardneg: {facts.n_negatives:,} "
        f"for {facts.n_queries:,} queries of the split `{facts.mining['split']}`.",
        _license(license_id),
        "## Use",
        f'```python\nfrom datasets import load_dataset\n\ntriplets = load_dataset("{name}", split="train")\n```',
        f"`{TRIPLETS}` has {facts.n_rows:,} rows `query`, `positive`, `negative`, as sentence-transformers trains "
        f"with. The folder `{NEGATIVES}` has ids, sources, ranks and scores: `hardneg pull {name} -o FOLDER`, then "
        "`hardneg train DATASET --negatives FOLDER`, which compares the fingerprints first.",
        "## Made from",
        table(("", "what"), _made(facts, dataset)),
        "## From candidates to negatives",
        _funnel(facts.funnel),
        f"{facts.funnel['short_queries']:,} of {facts.funnel['queries']:,} queries ({facts.short_share:.2%}) have "
        f"fewer negatives than asked for, {facts.funnel['empty_queries']:,} none.",
        "## Audits",
        *_audits(facts.audits),
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Write a Markdown table; what is in a cell stays in it."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(each) for each in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _head(license_id: str) -> str:
    lines = ["---", f"license: {license_id}", "tags:", "- hard-negatives", "- sentence-transformers", "- hardneg"]
    lines += ["configs:", "- config_name: default", "  data_files:", "  - split: train", f"    path: {TRIPLETS}"]
    return "\n".join([*lines, "---"])


def _license(license_id: str) -> str:
    if license_id == "unknown":
        return "**The license of the texts is not known to whoever pushed this. Ask before you use them.**"
    return f"License of the texts, as given by whoever pushed this: `{license_id}`."


def _made(facts: MinedFacts, dataset: str) -> Iterator[tuple[str, ...]]:
    mining = facts.mining
    yield "dataset", dataset
    for key, what in (("dataset", "fingerprint"), ("texts", "of the texts"), ("labels", "of the labels")):
        if key in mining:
            yield what, f"`{mining[key]}`"
    yield from (("source", f"`{each}`") for each in mining.get("sources", ()))
    yield from (("filter", f"`{each}`") for each in mining.get("filters", ()))
    yield "selection", f"`{mining.get('select', '')}`"
    yield from ((key, f"{mining[key]}") for key in ("depth", "seed"))


def _funnel(funnel: Mapping[str, Any]) -> str:
    reasons = tuple(funnel["dropped"])
    rows = (
        (
            name,
            f"{counts.get('candidates', 0):,}",
            *(f"{counts.get('dropped', {}).get(reason, 0):,}" for reason in reasons),
            f"{counts.get('eligible', 0):,}",
            f"{counts['selected']:,}",
        )
        for name, counts in [*funnel["sources"].items(), ("all", funnel)]
    )
    return table(("source", "candidates", *reasons, "eligible", "selected"), rows)


def _audits(audits: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    measured = {name: audit for name, audit in audits.items() if audit.get("figures")}
    if not measured:
        yield "Nobody counted how many of these negatives are answers (`hardneg audit`)."
        return
    rows = (
        (name, _AUDITED[key], *(f"{figure[end]:.4f}" for end in ("value", "low", "high")), f"{figure['n']:,}")
        for name, audit in measured.items()
        for key, figure in audit["figures"].items()
        if key in _AUDITED and figure and figure.get("value") is not None
    )
    yield table(("audit", "what", "value", "95 % from", "to", "n"), rows)
    caveats = dict.fromkeys(caveat for audit in measured.values() for caveat in audit.get("caveats") or ())
    yield from (" ".join(each.split()) for each in caveats)
