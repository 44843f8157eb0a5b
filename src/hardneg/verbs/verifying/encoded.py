"""Whether vectors in files are as many as they say, and are numbers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hardneg.checksums import checked
from hardneg.files import from_json
from hardneg.runs import layout
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked

_ROWS = 65_536


def check_encoded(place: Path, *, where: str) -> Iterator[Checked]:
    """Check one folder of vectors."""
    about, n_off = read_state(place / layout.ENCODING, keys=("documents", "queries", "dimension")), 0
    for kind in ("documents", "queries"):
        vectors = np.load(checked(place / f"{kind}.npy"), mmap_mode="r")
        ids = from_json(checked(place / f"{kind}.ids.json").read_bytes())
        n_off += vectors.shape != (about[kind], about["dimension"]) or len(set(ids)) != about[kind]
        parts = (vectors[start : start + _ROWS] for start in range(0, len(vectors), _ROWS))
        n_off += not all(np.isfinite(part).all() for part in parts)
    if n_off:
        yield Checked("vectors", where, "wrong", f"they are not what {layout.ENCODING} says, or are no numbers")
    else:
        detail = f"{about['documents'] + about['queries']:,} of {about['dimension']} numbers each"
        yield Checked("vectors", where, "fine", detail)
