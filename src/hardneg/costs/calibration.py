"""Short trials of the real code on this machine, each in a process of its own, kept until the machine changes."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hardneg.checksums import is_damaged
from hardneg.costs.machine import identity
from hardneg.costs.texts import Texts, write_dataset, write_mined
from hardneg.errors import InputError, RunError
from hardneg.files import replacing
from hardneg.processes import Worker
from hardneg.progress import task

Found = dict[str, Any]

# What is made for a trial outside its process, whose memory it would count for.
MATERIALS = {"mining": write_mined, "recipe": write_dataset}


@dataclass(frozen=True)
class Sizes:
    """How much a trial tries: less is quicker, and tells less.

    Args:
        documents: Documents that are mined at most.
        text_bytes: Bytes of their texts at most.
        vector_bytes: Bytes of their vectors at most.
        queries: Queries that are mined for at most: a block of mining by default.
        seconds: How long a model encodes or scores.
        steps: Steps of training, of which the first two do not count.
    """

    documents: int = 131_072
    text_bytes: int = 2**27
    vector_bytes: int = 2**28
    queries: int = 4_096
    seconds: float = 4.0
    steps: int = 6


@dataclass(frozen=True)
class Trials:
    """What trials found, by what was tried.

    Args:
        folder: Where their results are kept.
        texts: What is tried.
        again: Whether to try everything again.
        sizes: How much is tried.
    """

    folder: Path
    texts: Texts
    again: bool = False
    sizes: Sizes = field(default_factory=Sizes)

    def trial(self, name: str, given: Found) -> Found:
        """Try something, unless what it gave on this machine is known.

        Args:
            name: One of `trials.TRIALS`.
            given: What it needs to know, by name.

        Returns:
            What the trial gave.

        Raises:
            InputError: It was refused, say because a model does not exist.
            RunError: It broke off.
        """
        state = {"trial": name, "given": given, "sizes": asdict(self.sizes)}
        record = {**state, "texts": self.texts.about, "machine": identity()}
        key = hashlib.blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=8).hexdigest()
        path = self.folder / f"{name}-{key}.json"
        if path.exists() and not self.again and not is_damaged(path):
            return dict(json.loads(path.read_text(encoding="utf-8"))["found"])
        with task(f"trying {name}", total=None, unit="trials") as advance:
            result = _in_process(state, self.texts)
            if result.pop("compiled", False):  # what is compiled once and kept would count as work of each time
                result = _in_process(state, self.texts)
                result.pop("compiled")
            advance(1)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps({**record, "found": result}, indent=2), encoding="utf-8")
        return result


def _in_process(state: Found, texts: Texts) -> Found:
    """Run a trial where nothing that was done before counts as its memory."""
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        make = MATERIALS.get(state["trial"])
        if make is not None:
            make(Path(folder), texts, state["given"])
        sent = {} if make else {"documents": texts.documents, "queries": texts.queries}
        given = state["given"] | {"folder": folder, "asked_at": time.time()}
        job = state | {"given": given, "answer": str(answer)} | sent
        worker = Worker(["-m", "hardneg.costs.trials"], job, log=Path(folder) / "log")
        if worker.wait() or not answer.exists():
            raise RunError(
                f"estimate: trying {state['trial']} broke off: its process {worker.ending()}; "
                "leave that part out to estimate the rest"
            )
        result: Found = json.loads(answer.read_text(encoding="utf-8"))
    if "refused" in result:
        raise InputError(result["refused"])
    return result
