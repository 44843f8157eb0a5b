"""A dataset's texts as vectors in files, which mining, vector databases and other tools read."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hardneg.arguments import check_places
from hardneg.costs.encoding_bills import encoding_bills
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.endpoints.bill import Agree
from hardneg.engines import Engine, working_on
from hardneg.files import check_folder, replacing, write_json
from hardneg.progress import task
from hardneg.runs import layout
from hardneg.runs.lock import writing
from hardneg.sources import Dense

_ROWS = 65_536


@dataclass(frozen=True)
class Encoded:
    """Vectors of a dataset's texts: `documents.npy` and `queries.npy` in a folder, ids and `encoding.json` beside."""

    folder: Path
    n_documents: int
    n_queries: int
    dimension: int


def encode(
    dataset: Dataset, source: Dense, *, out: Path | str, engine: Engine | None = None, agree: Agree | None = None
) -> Encoded:
    """Encode all documents and queries of a dataset into a folder that `vectors` mines from.

    Texts are encoded in blocks of 1,024, and a block that is done is never done again, here or in mining with the same
    model: vectors lie in the store too, under `HARDNEG_CACHE`. Any number of workers gives the same bytes.

    Args:
        dataset: Whose texts to encode.
        source: The model, with its prompts and limits: `Dense(model="intfloat/e5-small-v2")`.
        out: Folder to write to.
        engine: Who encodes: `Ray(address="auto")` of `hardneg.engines`; None does it here.
        agree: Called with what an embedding API will cost before it is asked; raise in it to stop. None asks nobody.

    Returns:
        Where the vectors are, and how many.

    Raises:
        ModelError: The model cannot be loaded, or gives no vectors to search by.
        RunError: The cluster of an engine cannot do it.
    """
    check_dataset(dataset, purpose="encode")
    check_places("encode", out=out)
    folder = Path(out)
    check_folder(folder)
    if agree is not None:
        agree(encoding_bills(dataset, source))
    with writing(folder), working_on(engine):
        documents = source.vectors_of_documents(dataset)
        queries = source.vectors_of_queries(dataset, np.arange(dataset.n_queries, dtype=np.int32))
        for kind, vectors, ids in (
            ("documents", documents, dataset.documents["id"]),
            ("queries", queries, dataset.queries["id"]),
        ):
            _copy(vectors, folder / f"{kind}.npy")
            with replacing(folder / f"{kind}.ids.json") as temporary:
                temporary.write_text(json.dumps(ids.to_list()), encoding="utf-8")
        shape = {"documents": len(documents), "queries": len(queries), "dimension": int(documents.shape[1])}
        write_json(folder / layout.ENCODING, {"model": str(source.model), "dataset": dataset.fingerprint, **shape})
    return Encoded(folder, len(documents), len(queries), shape["dimension"])


def _copy(vectors: Float32[np.ndarray, "rows dim"], path: Path) -> None:
    """Copy a memory map without holding more than a part of it."""
    with replacing(path) as temporary, task(f"writing {path.name}", total=len(vectors), unit="vectors") as advance:
        whole = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=vectors.shape)
        for start in range(0, len(vectors), _ROWS):
            part = vectors[start : start + _ROWS]
            whole[start : start + len(part)] = part
            advance(len(part))
        whole.flush()
