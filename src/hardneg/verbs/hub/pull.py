"""Taking from a Hub what others, or oneself, gave there: data alone, and from then on known as a stranger's."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hardneg.errors import RunError
from hardneg.files import replacing_folder, write_json
from hardneg.runs import layout
from hardneg.runs.lock import writing_file
from hardneg.verbs.hub.facts import read_facts
from hardneg.verbs.hub.remote import download, listed
from hardneg.verbs.hub.staging import DATA


@dataclass(frozen=True)
class Pulled:
    """What was taken, and what was left there."""

    what: str
    commit: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]  # code, pickles, and whatever is neither data nor text


def pull(repo: str, out: Path, *, what: str, revision: str | None = None) -> Pulled:
    """Fetch a repository's data into a new folder; a folder that is there is kept, and half a download never seen."""
    with writing_file(out):
        return _pulled(repo, out, what=what, revision=revision)


def _pulled(repo: str, out: Path, *, what: str, revision: str | None) -> Pulled:
    if out.exists():
        raise RunError(f"{out} is there already; name another folder with -o")
    commit, files = listed(repo, what=what, revision=revision)
    taken = [file for file in files if Path(file.name).suffix in DATA and not _is_hidden(file.name)]
    left_out = tuple(file.name for file in files if file not in taken and not _is_hidden(file.name))
    if not taken:
        raise RunError(
            f"{repo} has no file of data at {commit[:12]}; is it a {'model' if what != 'model' else 'dataset'}?"
        )
    with replacing_folder(out, sums=False) as place:
        download(repo, taken, place, what=what, commit=commit)
        shutil.rmtree(place / ".cache", ignore_errors=True)
        write_json(place / layout.PULLED, {"repo": repo, "what": what, "commit": commit, "left_out": list(left_out)})
        if what == "negatives" and (place / layout.FUNNEL).exists():
            read_facts(place)
    return Pulled(what, commit, tuple(file.name for file in taken), left_out)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)
