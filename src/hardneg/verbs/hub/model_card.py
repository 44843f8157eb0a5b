"""The card of a trained model: what it was made from, what it is worth, how it is used, and what it cannot do."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hardneg.files import from_json
from hardneg.runs import layout
from hardneg.runs.state import read_recipe, read_state
from hardneg.verbs.hub.dataset_card import table
from hardneg.verbs.hub.facts import without_places

CARD = "README.md"
_LIMITS = (
    "It was measured on the queries above and nowhere else: texts of another kind, language or length may be ranked "
    "worse than by the model that it was trained from. Intervals are of the mean over queries, not of other trainings."
)


def run_card(run: Path, model: Path, *, name: str, license_id: str) -> str:
    """Write the card of a model that a run trained, or of a model's folder alone if it lies in no run."""
    recipe, manifest = read_recipe(run), read_state(run / layout.MANIFEST, keys=())
    base = without_places(f"'{recipe.get('model', '')}'").strip("'").removeprefix("package:")
    parts = [
        head(license_id, base=base),
        f"# {name}",
        f"A two-tower retrieval model, `{base or 'its base is not known'}` trained with hardneg.",
        *_data(manifest, recipe),
        *_settings(recipe),
        *_figures(run),
        *_use(name, model),
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def head(license_id: str, *, base: str = "") -> str:
    """Write the head that a Hub reads."""
    lines = ["---", f"license: {license_id}", "library_name: sentence-transformers"]
    lines += ["pipeline_tag: sentence-similarity", *([f"base_model: {base}"] if base else [])]
    tags = ("sentence-transformers", "feature-extraction", "sentence-similarity", "hardneg")
    return "\n".join([*lines, "tags:", *(f"- {tag}" for tag in tags), "---"])


def licensed(card: str, license_id: str) -> str:
    """Put the license into the head of a card that a fit wrote."""
    first, rest = card.split("\n", 1) if card.startswith("---\n") else ("---", f"---\n\n{card}")
    return f"{first}\nlicense: {license_id}\n{rest}"


def _data(manifest: Mapping[str, Any], recipe: Mapping[str, Any]) -> Iterator[str]:
    fingerprints, counts = manifest.get("fingerprints", {}), manifest.get("counts", {})
    place = recipe.get("dataset", {}).get("path", "") if isinstance(recipe.get("dataset"), dict) else ""
    rows = [
        *([("dataset", Path(str(place)).name)] if place else []),
        *((f"fingerprint of {what}", f"`{value}`") for what, value in fingerprints.items()),
        *((what.replace("_", " "), f"{value:,}") for what, value in counts.items() if isinstance(value, int)),
        *([("machine", str(manifest["machine"]))] if "machine" in manifest else []),
    ]
    yield "## Made from"
    yield table(("", "what"), iter(rows)) if rows else "The folder does not say what it was made from."


def _settings(recipe: Mapping[str, Any]) -> Iterator[str]:
    """Say with which parts it was mined and trained; their places on a machine are left out."""
    if not recipe:
        return
    rows = [
        *(("source", f"`{_component(each)}`") for each in recipe.get("sources", ())),
        *(("filter", f"`{_component(each)}`") for each in recipe.get("filters", ())),
        *(
            (f"{part}.{key}", f"`{_plain(value)}`")
            for part in ("select", "train")
            for key, value in _part(recipe, part)
        ),
    ]
    yield "## Settings"
    yield table(("", "what"), iter(rows))


def _part(recipe: Mapping[str, Any], part: str) -> Iterator[tuple[str, Any]]:
    yield from recipe.get(part, {}).items()


def _component(value: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={_plain(each)}" for key, each in value.items() if key != "use")
    return f"{value.get('use')}({options})"


def _plain(value: object) -> str:
    return without_places(repr(value))


def _figures(run: Path) -> Iterator[str]:
    """Each evaluation's measures with their intervals."""
    rows = [
        (place.name, measure, *(f"{one[end]:.4f}" for end in ("value", "low", "high")), f"{one['n']:,}", split)
        for place in layout.evaluations(run)
        for split, measures in [_measured(place)]
        for measure, one in measures.items()
    ]
    yield "## Evaluation"
    if rows:
        yield table(("system", "measure", "value", "95 % from", "to", "queries", "split"), iter(rows))
    else:
        yield "Nothing was measured: `hardneg evaluate` does it."


def _measured(place: Path) -> tuple[str, Mapping[str, Any]]:
    summary = read_state(place / layout.METRICS, keys=("split", "metrics"))
    return str(summary["split"]), summary["metrics"]


def _use(name: str, model: Path) -> Iterator[str]:
    yield "## Use"
    yield (
        "```python\nfrom sentence_transformers import SentenceTransformer\n\n"
        f'model = SentenceTransformer("{name}")\n'
        'queries = model.encode_query(["…"])\ndocuments = model.encode_document(["…"])\n'
        "scores = model.similarity(queries, documents)\n```"
    )
    settings = model / "config_sentence_transformers.json"
    prompts = (from_json(settings.read_bytes()).get("prompts") or {}) if settings.exists() else {}
    texts = [f"`{prompt}` before each {what}" for what, prompt in prompts.items() if prompt]
    yield f"It puts {', '.join(texts)}, by itself." if texts else "It puts no prompt before queries or documents."
