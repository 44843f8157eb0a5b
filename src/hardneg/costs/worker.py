"""One trial in a process of its own: `python -m hardneg.costs.worker ASKED ANSWER`, both JSON files."""

import json
import sys
from pathlib import Path

from hardneg.costs.sizes import Sizes
from hardneg.costs.texts import Texts
from hardneg.costs.trials import TRIALS
from hardneg.errors import InputError


def main(asked: str, answer: str) -> None:
    """Do a trial, and write what it found, or why it was refused.

    Args:
        asked: File with the trial's name, what it needs to know, and texts if it needs some.
        answer: File for the answer.
    """
    state = json.loads(Path(asked).read_text(encoding="utf-8"))
    texts, sizes = Texts(state.get("documents", []), state.get("queries", []), ""), Sizes(**state["sizes"])
    try:
        found = TRIALS[state["trial"]](texts, state["given"], sizes)
    except InputError as error:
        found = {"refused": str(error)}
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
