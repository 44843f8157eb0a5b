"""Giving what a run mined or trained to a Hub."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hardneg.data.dataset import Dataset
from hardneg.verbs.hub.model_card import CARD
from hardneg.verbs.hub.remote import upload
from hardneg.verbs.hub.staging import check_license, choose, stage_model, stage_negatives


@dataclass(frozen=True)
class Pushed:
    """What was, or would be, given."""

    what: str  # negatives or model
    files: dict[str, int]  # bytes by name
    card: str
    url: str | None  # of the commit; None if nothing was sent


def push(
    folder: Path,
    repo: str,
    *,
    license_id: str | None,
    what: str | None = None,
    private: bool = True,
    revision: str | None = None,
    dataset: Dataset | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Put the negatives or the model of a folder into a repository of a Hub, with a card made from their own files."""
    license_id, chosen = check_license(license_id), choose(folder, what)
    with tempfile.TemporaryDirectory(prefix="hardneg-push-") as place:
        staged = Path(place)
        if chosen == "negatives":
            stage_negatives(folder, staged, name=repo, license_id=license_id, dataset=dataset)
        else:
            stage_model(folder, staged, name=repo, license_id=license_id)
        files = {
            str(file.relative_to(staged)): file.stat().st_size for file in sorted(staged.rglob("*")) if file.is_file()
        }
        card = (staged / CARD).read_text(encoding="utf-8")
        message = f"{chosen.capitalize()} from hardneg"
        url = (
            None if dry_run else upload(staged, repo, what=chosen, private=private, revision=revision, message=message)
        )
    return Pushed(chosen, files, card, url)
