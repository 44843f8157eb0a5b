"""How the models of a mining read the texts, kept in its folder.

readings.json    for each dense source its reading, the lines that say it, and HN038 if many texts are cut
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.files import replacing
from hardneg.negatives.plan import Plan
from hardneg.runs import layout
from hardneg.sources.protocol import ReadsTexts


def write_readings(folder: Path, dataset: Dataset, plan: Plan) -> None:
    """Look at how each dense source of a plan reads a dataset, and keep it; without such a source write nothing."""
    kept = {}
    for source in plan.sources:
        if isinstance(source, ReadsTexts):
            reading = source.reading(dataset, dataset.queries_of(plan.split))
            finding = reading.finding(source.name)
            kept[source.name] = {
                "reading": reading.as_dict(),
                "lines": [reading.means(), reading.cuts()],
                "finding": None if finding is None else asdict(finding),
            }
    if kept:
        with replacing(folder / layout.READINGS) as temporary:
            temporary.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_readings(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what `write_readings` kept, by name of the source; nothing if it kept nothing."""
    path = folder / layout.READINGS
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def reading_findings(folder: Path) -> list[Finding]:
    """Give what was found in the readings of a folder."""
    found = [each["finding"] for each in read_readings(folder).values() if each["finding"] is not None]
    return [Finding(**one | {"examples": tuple(one["examples"])}) for one in found]
